/* SPDX-License-Identifier: MIT */
/*
 * The packet as an object: every field of every recorded packet read, changed and
 * taken back, its kept copy, and payloads that grow and shrink.
 */
#include "recorded.h"

static void for_each_recording(void (*check)(const char *name))
{
	for (char **name = unit_fixtures("packet-", ".bin"); *name; name++) {
		parse(*name);
		check(*name);
	}
}

static uint32_t fields_count(void)
{
	return nfbind_fields_count(nfbind_packet_fields());
}

static int kind_of(uint32_t field)
{
	return nfbind_fields_get_kind(nfbind_packet_fields(), field);
}

static bool is_number(uint32_t field)
{
	return kind_of(field) <= NFBIND_KIND_U64;
}

static bool is_object(uint32_t field)
{
	return kind_of(field) >= NFBIND_KIND_CT;
}

/* Reading. */

static void check_getters_agree(const char *name)
{
	(void)name;
	for (uint32_t field = 0; field < fields_count(); field++) {
		int has = nfbind_packet_has(packet, field);
		uint64_t value = 77;
		const void *data = "x";
		size_t len = 77;
		int number = nfbind_packet_get_number(packet, field, &value);
		int bytes = nfbind_packet_get_bytes(packet, field, &data, &len);

		ck_assert(has == 0 || has == 1);
		ck_assert_int_eq(number, !is_number(field) ? -EINVAL : has ? 0 : -ENODATA);
		ck_assert_int_eq(bytes, is_number(field) || is_object(field) ? -EINVAL :
					has ? 0 : -ENODATA);
		/* What failed wrote nothing. */
		ck_assert(number == 0 || value == 77);
		ck_assert(bytes == 0 || len == 77);
	}
}

START_TEST(test_packet_getters_agree_with_each_other)
{
	for_each_recording(check_getters_agree);
}
END_TEST

static void note_fields(const char *name)
{
	static uint64_t seen[2];

	(void)name;
	for (uint32_t field = 0; field < fields_count(); field++)
		if (nfbind_packet_has(packet, field) == 1)
			seen[field / 64] |= UINT64_C(1) << field % 64;
	/* All but names, the expectation, which the kernel never sends, and fragments. */
	if (strcmp(name, "packet-zone.bin") != 0)
		return;
	for (uint32_t field = 0; field < fields_count(); field++) {
		const char *text = nfbind_fields_get_name(nfbind_packet_fields(), field);

		if (strstr(text, "-name") || strcmp(text, "exp") == 0 || strstr(text, "fragment"))
			continue;
		ck_assert_msg(seen[field / 64] >> field % 64 & 1, "no recording has %s", text);
	}
}

START_TEST(test_packet_every_field_was_recorded)
{
	for_each_recording(note_fields);
}
END_TEST

START_TEST(test_packet_field_out_of_range_is_an_error)
{
	const uint32_t bad[] = { fields_count(), fields_count() + 1, UINT32_MAX };
	const void *data;
	uint64_t value;
	size_t len;

	parse("packet-tcp-syn.bin");
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		ck_assert_int_eq(nfbind_packet_has(packet, bad[i]), -ERANGE);
		ck_assert_int_eq(nfbind_packet_clear(packet, bad[i]), -ERANGE);
		ck_assert_int_eq(nfbind_packet_get_number(packet, bad[i], &value), -ERANGE);
		ck_assert_int_eq(nfbind_packet_set_number(packet, bad[i], 0), -ERANGE);
		ck_assert_int_eq(nfbind_packet_get_bytes(packet, bad[i], &data, &len), -ERANGE);
		ck_assert_int_eq(nfbind_packet_set_bytes(packet, bad[i], "x", 1), -ERANGE);
	}
	ck_assert_int_eq(nfbind_packet_has(NULL, 0), -ERANGE);
	ck_assert_int_eq(nfbind_packet_is_truncated(NULL), 0);
	ck_assert_int_eq(nfbind_packet_is_undecided(NULL), 0);
	ck_assert_int_eq(nfbind_packet_print(NULL, 0, NULL, 0), -EINVAL);
	ck_assert_int_eq(nfbind_packet_print(packet, 2, NULL, 0), -EINVAL);
}
END_TEST

/* Changing. */

static uint64_t limit_of(uint32_t field)
{
	switch (kind_of(field)) {
	case NFBIND_KIND_BOOL:
		return 1;
	case NFBIND_KIND_U8:
		return UINT8_MAX;
	case NFBIND_KIND_U16:
		return UINT16_MAX;
	case NFBIND_KIND_U32:
		return UINT32_MAX;
	default:
		return UINT64_MAX;
	}
}

static bool can_write(uint32_t field)
{
	return nfbind_fields_get_directions(nfbind_packet_fields(), field) &
	       (NFBIND_DIRECTION_VERDICT | NFBIND_DIRECTION_EDIT);
}

static void check_number_setters(const char *name)
{
	for (uint32_t field = 0; field < fields_count(); field++) {
		uint64_t before = 0, after = 0;
		bool was_there = nfbind_packet_get_number(packet, field, &before) == 0;
		int r;

		if (!is_number(field)) {
			ck_assert_int_eq(nfbind_packet_set_number(packet, field, 0), -EINVAL);
			continue;
		}
		if (limit_of(field) < UINT64_MAX)
			ck_assert_int_eq(nfbind_packet_set_number(packet, field,
								  limit_of(field) + 1), -ERANGE);
		r = nfbind_packet_set_number(packet, field, before);
		if (!can_write(field)) {
			ck_assert_int_eq(r, -EACCES);
			continue;
		}
		/* A header field that is not there, in a packet that is cut, or an odd checksum. */
		if (r < 0) {
			ck_assert_msg(r == -ENODATA || r == -EOPNOTSUPP, "%s %u: %d", name, field, r);
			continue;
		}
		ck_assert_int_eq(nfbind_packet_get_number(packet, field, &after), 0);
		ck_assert_uint_eq(after, before);
		ck_assert(was_there || field < NFBIND_PACKET_IP_VERSION);
	}
}

START_TEST(test_packet_numbers_can_be_set_as_their_directions_say)
{
	for_each_recording(check_number_setters);
}
END_TEST

/* Every header number set to something else, read again, and set back: the packet is as before. */
static void check_edits_undo(const char *name)
{
	static uint8_t original[65536];
	const void *data;
	size_t len, len_after;
	uint32_t before, after;

	if (nfbind_packet_is_truncated(packet) == 1 ||
	    nfbind_packet_get_bytes(packet, NFBIND_PACKET_PAYLOAD, &data, &len) < 0 ||
	    nfbind_packet_verify(packet, &before) < 0)
		return;
	memcpy(original, data, len);
	for (uint32_t field = NFBIND_PACKET_IP_VERSION; field < fields_count(); field++) {
		uint64_t value, changed;
		int r;

		if (!is_number(field) || !can_write(field) ||
		    nfbind_packet_get_number(packet, field, &value) < 0)
			continue;
		r = nfbind_packet_set_number(packet, field, value ^ 1);
		ck_assert_msg(r == 0, "%s: %s: %d", name,
			      nfbind_fields_get_name(nfbind_packet_fields(), field), r);
		ck_assert_int_eq(nfbind_packet_get_number(packet, field, &changed), 0);
		ck_assert_uint_eq(changed, value ^ 1);
		ck_assert_int_eq(nfbind_packet_verify(packet, &after), 0);
		ck_assert_msg((after & ~(uint32_t)NFBIND_VERIFY_PARTIAL) ==
				      (before & ~(uint32_t)NFBIND_VERIFY_PARTIAL),
			      "%s: %s: checksums were %x and are %x", name,
			      nfbind_fields_get_name(nfbind_packet_fields(), field), before, after);
		ck_assert_int_eq(nfbind_packet_set_number(packet, field, value), 0);
	}
	ck_assert_int_eq(nfbind_packet_get_bytes(packet, NFBIND_PACKET_PAYLOAD, &data, &len_after), 0);
	/* A partial checksum may have been filled in; nothing else may differ. */
	if (!(before & NFBIND_VERIFY_PARTIAL))
		ck_assert_bytes_eq(data, len_after, original, len);
}

START_TEST(test_packet_header_numbers_change_and_change_back)
{
	for_each_recording(check_edits_undo);
}
END_TEST

START_TEST(test_packet_clear_reads_again_what_the_kernel_sent)
{
	uint64_t value;

	parse("packet-mark.bin");
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 1), 0);
	ck_assert_int_eq(nfbind_packet_clear(packet, NFBIND_PACKET_MARK), 0);
	ck_assert_int_eq(nfbind_packet_get_number(packet, NFBIND_PACKET_MARK, &value), 0);
	ck_assert_uint_eq(value, 0xcafe);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_PRIORITY, 1), 0);
	ck_assert_int_eq(nfbind_packet_has(packet, NFBIND_PACKET_PRIORITY), 1);
	ck_assert_int_eq(nfbind_packet_clear(packet, NFBIND_PACKET_PRIORITY), 0);
	ck_assert_int_eq(nfbind_packet_has(packet, NFBIND_PACKET_PRIORITY), 0);
	/* What lies in the payload is changed for good. */
	ck_assert_int_eq(nfbind_packet_clear(packet, NFBIND_PACKET_PORT_SRC), -EACCES);
	ck_assert_int_eq(nfbind_packet_clear(packet, NFBIND_PACKET_PAYLOAD), -EACCES);
	ck_assert_int_eq(nfbind_packet_clear(packet, NFBIND_PACKET_ID), -EACCES);
}
END_TEST

/* Payloads. */

static void payload_is(const void *expected, size_t expected_len)
{
	const void *data;
	size_t len;

	ck_assert_int_eq(nfbind_packet_get_bytes(packet, NFBIND_PACKET_PAYLOAD, &data, &len), 0);
	ck_assert_bytes_eq(data, len, expected, expected_len);
}

START_TEST(test_packet_payload_grows_and_shrinks)
{
	static uint8_t pattern[65531];
	static const size_t lengths[] = { 33, 34, 33, 20, 0, 100, 65531, 40, 65531, 1, 2000 };

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 13);
	parse("packet-udp-new.bin");
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_PAYLOAD, pattern + i,
							 lengths[i] - (lengths[i] > 65000 ? i : 0)), 0);
		payload_is(pattern + i, lengths[i] - (lengths[i] > 65000 ? i : 0));
	}
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_PAYLOAD, pattern, 65532),
			 -EMSGSIZE);
	payload_is(pattern + 10, 2000);
}
END_TEST

START_TEST(test_packet_payload_may_come_from_itself)
{
	uint8_t expected[33];
	const uint8_t *data;
	size_t len;

	parse("packet-udp-new.bin");
	ck_assert_int_eq(nfbind_packet_get_bytes(packet, NFBIND_PACKET_PAYLOAD, (const void **)&data,
						 &len), 0);
	memcpy(expected, data, len);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_PAYLOAD, data + 3, len - 3), 0);
	payload_is(expected + 3, len - 3);
}
END_TEST

START_TEST(test_packet_truncated_one_keeps_its_payload)
{
	parse("packet-truncated.bin");
	ck_assert_int_eq(nfbind_packet_is_truncated(packet), 1);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_PAYLOAD, "x", 1), -EOPNOTSUPP);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_PORT_SRC, 1), -EOPNOTSUPP);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, "x", 1), -EOPNOTSUPP);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 1), 0);
	parse("packet-meta.bin");
	ck_assert_int_eq(nfbind_packet_has(packet, NFBIND_PACKET_PAYLOAD), 0);
	ck_assert_int_eq(nfbind_packet_has(packet, NFBIND_PACKET_IP_VERSION), 0);
}
END_TEST

START_TEST(test_packet_large_segment_may_not_shrink)
{
	static uint8_t payload[7241];
	size_t len;

	parse("packet-gso.bin");
	(void)unit_fixture("packet-gso.bin", &len);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_PAYLOAD, payload, 7240),
			 -EOPNOTSUPP);
}
END_TEST

START_TEST(test_packet_without_a_queue_has_bytes_only)
{
	struct nfbind_packet *made;
	uint64_t value;

	ck_assert_int_eq(nfbind_packet_new(kernel_udp, sizeof(kernel_udp), &made), 0);
	packet = made;
	ck_assert_int_eq(nfbind_packet_has(made, NFBIND_PACKET_QUEUE), 0);
	ck_assert_int_eq(nfbind_packet_has(made, NFBIND_PACKET_ID), 0);
	ck_assert_int_eq(nfbind_packet_has(made, NFBIND_PACKET_MARK), 0);
	ck_assert_int_eq(nfbind_packet_get_number(made, NFBIND_PACKET_FAMILY, &value), 0);
	ck_assert_uint_eq(value, 2);
	payload_is(kernel_udp, sizeof(kernel_udp));
	ck_assert_int_eq(nfbind_packet_set_bytes(made, NFBIND_PACKET_PAYLOAD, "abc", 3), 0);
	payload_is("abc", 3);
	nfbind_packet_free(made);
	ck_assert_int_eq(nfbind_packet_new("abc", 3, &made), -EINVAL);
	ck_assert_int_eq(nfbind_packet_new(NULL, 0, &made), -EINVAL);
	ck_assert_int_eq(nfbind_packet_new(kernel_udp, 65536, &made), -EMSGSIZE);
}
END_TEST

/* Kept copies. */

static char printed[2][200000];

static void check_kept_copy(const char *name)
{
	struct nfbind_packet *kept;
	size_t len;
	const uint8_t *data = unit_fixture(name, &len);

	ck_assert_int_eq(nfbind_queue_feed(session, data, len, &batch), 1);
	packet = nfbind_batch_packet(batch, 0);
	(void)nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 4711);
	(void)nfbind_packet_set_number(packet, NFBIND_PACKET_VLAN_TCI, 17);
	if (nfbind_packet_has(packet, NFBIND_PACKET_L2HDR) == 1)
		ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L2HDR, kernel_udp, 14),
				 0);
	if (nfbind_packet_is_truncated(packet) == 0)
		(void)nfbind_packet_splice(packet, 0, 0, "longer", 6);
	nfbind_packet_print(packet, NFBIND_PACKET_FORMAT_FIELDS, printed[0], sizeof(printed[0]));
	ck_assert_int_eq(nfbind_packet_keep(packet, &kept), 0);
	session_settle();
	nfbind_packet_print(kept, NFBIND_PACKET_FORMAT_FIELDS, printed[1], sizeof(printed[1]));
	ck_assert_msg(strcmp(printed[0], printed[1]) == 0, "%s: kept, it is\n%s", name, printed[1]);
	nfbind_packet_free(kept);
}

START_TEST(test_packet_kept_copy_says_the_same)
{
	session_bind(7, NULL);
	for (char **name = unit_fixtures("packet-", ".bin"); *name; name++)
		check_kept_copy(*name);
}
END_TEST

START_TEST(test_packet_print_fits_any_buffer)
{
	parse("packet-tcp-established-reply.bin");
	for (uint32_t format = 0; format < 2; format++) {
		int len = nfbind_packet_print(packet, format, printed[0], sizeof(printed[0]));

		ck_assert_int_eq(len, (int)strlen(printed[0]));
		ck_assert_int_eq(nfbind_packet_print(packet, format, NULL, 0), len);
		for (size_t size = 1; size < (size_t)len + 2; size++) {
			memset(printed[1], 'x', size + 1);
			ck_assert_int_eq(nfbind_packet_print(packet, format, printed[1], size), len);
			ck_assert_int_eq(printed[1][size], 'x');
			ck_assert_uint_eq(strlen(printed[1]), size <= (size_t)len ? size - 1 : (size_t)len);
			ck_assert_mem_eq(printed[1], printed[0], strlen(printed[1]));
		}
	}
}
END_TEST

START_TEST(test_packet_device_names_come_from_the_session)
{
	const void *name;
	size_t name_len, len;
	const uint8_t *data = unit_fixture("packet-bridge.bin", &len);

	fake_set_device(2, "veth-in");
	fake_set_device(4, "bridge0");
	session_bind(7, NULL);
	ck_assert_int_eq(nfbind_queue_feed(session, data, len, &batch), 1);
	ck_assert_int_eq(nfbind_packet_get_bytes(session_packet(0), NFBIND_PACKET_INDEV_NAME, &name,
						 &name_len), 0);
	ck_assert_bytes_eq(name, name_len, "bridge0", 7);
	ck_assert_int_eq(nfbind_packet_get_bytes(session_packet(0), NFBIND_PACKET_PHYSINDEV_NAME,
						 &name, &name_len), 0);
	ck_assert_bytes_eq(name, name_len, "veth-in", 7);
	ck_assert_int_eq(nfbind_packet_has(session_packet(0), NFBIND_PACKET_PHYSOUTDEV_NAME), 0);
	nfbind_packet_print(session_packet(0), NFBIND_PACKET_FORMAT_LINE, printed[0],
			    sizeof(printed[0]));
	ck_assert_ptr_nonnull(strstr(printed[0], "from bridge0 to bridge0"));
	/* Parsed without a session, nobody knows. */
	parse("packet-bridge.bin");
	ck_assert_int_eq(nfbind_packet_has(packet, NFBIND_PACKET_INDEV_NAME), 0);
}
END_TEST

UNIT_MAIN("packet", recorded_set_up, recorded_tear_down,
	  test_packet_getters_agree_with_each_other, test_packet_every_field_was_recorded,
	  test_packet_field_out_of_range_is_an_error,
	  test_packet_numbers_can_be_set_as_their_directions_say,
	  test_packet_header_numbers_change_and_change_back,
	  test_packet_clear_reads_again_what_the_kernel_sent,
	  test_packet_payload_grows_and_shrinks, test_packet_payload_may_come_from_itself,
	  test_packet_truncated_one_keeps_its_payload, test_packet_large_segment_may_not_shrink,
	  test_packet_without_a_queue_has_bytes_only, test_packet_kept_copy_says_the_same,
	  test_packet_print_fits_any_buffer, test_packet_device_names_come_from_the_session)
