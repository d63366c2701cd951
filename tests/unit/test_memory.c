/* SPDX-License-Identifier: MIT */
/*
 * Every allocation fails once: the linker puts our own functions in the place of
 * malloc() and its like, and each scenario runs again and again with the next
 * allocation failing, alone or with all that follow it. A step may say -ENOMEM; done
 * again with memory there it must work, and in the end nothing is lost or leaked.
 */
#include "fake_helpers.h"
#include "session.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static unsigned int number_to_fail; /* 0 for none */
static unsigned int counted;
static unsigned int failed;
static bool is_lasting;
static bool is_armed; /* inside a call of the library */

static bool fails(void)
{
	/* Neither libcheck's memory nor the fake kernel's is what is tested. */
	if (number_to_fail == 0 || !is_armed || fake.is_allocating)
		return false;
	counted++;
	if (counted != number_to_fail && !(is_lasting && counted > number_to_fail))
		return false;
	failed++;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

/* There is memory again, until the next scenario. */
static void mend(void)
{
	number_to_fail = 0;
}

/* A step that may run out of memory, and works when it is done again. */
#define armed(call) \
	({ \
		int armed_result; \
\
		is_armed = true; \
		armed_result = (call); \
		is_armed = false; \
		armed_result; \
	})

#define try_twice(call) \
	({ \
		int first_result = armed(call); \
\
		if ((first_result == -ENOMEM || first_result == -EAGAIN) && failed > 0) { \
			mend(); \
			first_result = armed(call); \
		} \
		ck_assert_int_ge(first_result, 0); \
		first_result; \
	})

static void fail_each(void (*scenario)(void))
{
	for (int lasting = 0; lasting < 2; lasting++) {
		for (unsigned int number = 1;; number++) {
			kernel_set_up();
			is_lasting = lasting;
			counted = failed = 0;
			number_to_fail = number;
			scenario();
			mend();
			kernel_tear_down();
			ck_assert_uint_lt(number, 1000);
			if (failed == 0)
				break;
		}
	}
}

/* Objects. */

static void options_scenario(void)
{
	struct nfbind_options *options;

	try_twice(nfbind_options_new(&options));
	try_twice(nfbind_options_set_bytes(options, NFBIND_OPTIONS_NETNS_PATH, "/run/a", 6));
	try_twice(nfbind_options_set_bytes(options, NFBIND_OPTIONS_NETNS_PATH, "/run/bb", 7));
	nfbind_options_free(options);
}

START_TEST(test_memory_options)
{
	fail_each(options_scenario);
}
END_TEST

static void ct_scenario(void)
{
	struct nfbind_ct *ct, *copy;
	struct nfbind_exp *exp;
	struct nfbind_cthelper *cthelper;

	try_twice(nfbind_ct_new(&ct));
	try_twice(nfbind_ct_new(&copy));
	try_twice(nfbind_ct_set_bytes(ct, NFBIND_CT_SECCTX, "label", 5));
	try_twice(nfbind_ct_set_number(ct, NFBIND_CT_MARK, 1));
	try_twice(nfbind_ct_assign(copy, ct));
	ck_assert_int_eq(nfbind_ct_equal(copy, ct), 1);
	try_twice(nfbind_exp_new(&exp));
	nfbind_exp_free(exp);
	try_twice(nfbind_cthelper_new(&cthelper));
	nfbind_cthelper_free(cthelper);
	nfbind_ct_free(copy);
	nfbind_ct_free(ct);
}

START_TEST(test_memory_connection)
{
	fail_each(ct_scenario);
}
END_TEST

static void packet_scenario(void)
{
	struct nfbind_packet *packet, *reply, *unreachable;
	size_t len;
	const uint8_t *data = unit_fixture("packet-tcp-established-reply.bin", &len);
	struct nfbind_batch *parsed;
	struct nfbind_ct *ct;

	try_twice(nfbind_batch_parse(data, len, &parsed));
	try_twice(nfbind_ct_new(&ct));
	try_twice(nfbind_packet_get_ct(nfbind_batch_packet(parsed, 0), ct));
	nfbind_ct_free(ct);
	try_twice(nfbind_packet_build_reply(nfbind_batch_packet(parsed, 0), NFBIND_TCP_FLAG_RST,
					    NULL, 0, &reply));
	nfbind_packet_free(reply);
	nfbind_batch_free(parsed);

	try_twice(nfbind_packet_new(kernel_udp, sizeof(kernel_udp), &packet));
	try_twice(nfbind_packet_build_unreachable(packet, 3, &unreachable));
	nfbind_packet_free(unreachable);
	try_twice(nfbind_packet_splice(packet, 5, 2, "longer than it was", 18));
	try_twice(nfbind_packet_set_number(packet, NFBIND_PACKET_PORT_SRC, 9));
	try_twice(nfbind_packet_set_bytes(packet, NFBIND_PACKET_PAYLOAD, data, 100));
	nfbind_packet_free(packet);
}

START_TEST(test_memory_packet_tools)
{
	fail_each(packet_scenario);
}
END_TEST

/* A session's whole life. */

static void in_front_of_the_answer(uint16_t queue, uint8_t command)
{
	if (command == KERNEL_CFG_CMD_BIND || queue == 6)
		kernel_packet(queue);
}

static void change_everything(struct nfbind_packet *packet)
{
	uint8_t payload[200];
	struct nfbind_ct *ct;

	memcpy(payload, kernel_udp, sizeof(kernel_udp));
	memset(payload + sizeof(kernel_udp), 7, sizeof(payload) - sizeof(kernel_udp));
	try_twice(nfbind_ct_new(&ct));
	try_twice(nfbind_ct_set_number(ct, NFBIND_CT_MARK, 3));
	try_twice(nfbind_packet_set_ct(packet, ct));
	nfbind_ct_free(ct);
	try_twice(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 4));
	try_twice(nfbind_packet_set_number(packet, NFBIND_PACKET_VLAN_TCI, 5));
	try_twice(nfbind_packet_set_number(packet, NFBIND_PACKET_VLAN_PROTO, 0x8100));
	try_twice(nfbind_packet_set_bytes(packet, NFBIND_PACKET_PAYLOAD, payload, sizeof(payload)));
}

static void receive_all(uint32_t count)
{
	uint32_t got = 0;

	while (got < count) {
		int r = try_twice(nfbind_queue_receive(session, 10, &batch));

		for (uint32_t i = 0; i < (uint32_t)r; i++)
			if (i % 2)
				try_twice(nfbind_queue_verdict(session, nfbind_batch_packet(batch, i),
							       NFBIND_VERDICT_ACCEPT));
		got += (uint32_t)r;
	}
}

static void session_scenario(void)
{
	struct nfbind_options *options;
	struct nfbind_packet *kept, *freed;
	struct fake_datagram datagram;
	char text[600];

	try_twice(nfbind_queue_new(&session));
	try_twice(nfbind_queue_open(session, NULL));
	kernel.before_ack = in_front_of_the_answer;
	try_twice(nfbind_queue_bind(session, 5, NULL));
	try_twice(nfbind_queue_bind(session, 6, NULL));
	/* One of each bind, and one more of each request that was made again. */
	receive_all((uint32_t)kernel_packets_count());
	kernel.before_ack = NULL;

	kernel_packet(5);
	kernel_packet(5);
	kernel_packet(6);
	try_twice(nfbind_queue_receive(session, 10, &batch));
	change_everything(nfbind_batch_packet(batch, 0));
	try_twice(nfbind_packet_keep(nfbind_batch_packet(batch, 0), &kept));
	try_twice(nfbind_packet_keep(nfbind_batch_packet(batch, 1), &freed));
	try_twice(nfbind_queue_verdict(session, kept, NFBIND_VERDICT_ACCEPT));
	nfbind_packet_free(kept);
	nfbind_packet_free(freed);

	/* A refusal, a name, statistics. */
	kernel_packet(5);
	try_twice(nfbind_queue_receive(session, 10, &batch));
	kernel.verdict_error = 0;
	try_twice(nfbind_queue_verdict(session, nfbind_batch_packet(batch, 0), NFBIND_VERDICT_ACCEPT |
							   NFBIND_VERDICT_NOW));
	(void)armed(nfbind_packet_has(nfbind_batch_packet(batch, 0), NFBIND_PACKET_INDEV_NAME));
	(void)nfbind_queue_last_message(session, NFBIND_SIDE_RECEIVE, text, sizeof(text));
	fake_deliver("spoofed", 7, 99);
	try_twice(nfbind_queue_receive(session, 10, &batch));

	kernel_packet(5);
	ck_assert(fake_take(&datagram));
	try_twice(nfbind_queue_feed(session, datagram.data, datagram.len, &batch));
	free(datagram.data);

	try_twice(nfbind_options_new(&options));
	try_twice(nfbind_options_set_number(options, NFBIND_OPTIONS_FAIL_OPEN, 1));
	try_twice(nfbind_queue_change(session, 5, options));
	nfbind_options_free(options);
	try_twice(nfbind_queue_settle(session));
	for (int i = 0; i < 3; i++)
		(void)armed(nfbind_queue_receive(session, 10, &batch));
	try_twice(nfbind_queue_settle(session));
	mend();
	for (size_t i = 0; i < kernel_packets_count(); i++)
		ck_assert_msg(kernel_packet_at(i)->state == KERNEL_DECIDED,
			      "failing allocation %u: packet %zu was lost", counted, i);
	ck_assert_uint_eq(kernel.refused, 0);
	try_twice(nfbind_queue_unbind(session, 5));
	(void)armed(nfbind_queue_close(session));
	nfbind_queue_free(session);
	session = NULL;
}

START_TEST(test_memory_session)
{
	fail_each(session_scenario);
}
END_TEST

static void many_kept_scenario(void)
{
	struct nfbind_packet *kept[100];

	mend();
	ck_assert_int_eq(nfbind_queue_new(&session), 0);
	ck_assert_int_eq(nfbind_queue_open(session, NULL), 0);
	session_bind(5, NULL);
	for (int i = 0; i < 100; i++)
		kernel_packet(5);
	number_to_fail = 1 + unit_random(400);
	for (int i = 0; i < 100;) {
		int count = try_twice(nfbind_queue_receive(session, 10, &batch));

		for (uint32_t n = 0; n < (uint32_t)count; n++, i++)
			try_twice(nfbind_packet_keep(nfbind_batch_packet(batch, n), &kept[i]));
	}
	for (int i = 0; i < 100; i++) {
		if (i % 3 == 0)
			try_twice(nfbind_queue_verdict(session, kept[i], NFBIND_VERDICT_ACCEPT));
		nfbind_packet_free(kept[i]);
	}
	try_twice(nfbind_queue_settle(session));
	ck_assert_uint_eq(kernel_waiting(5), 0);
	nfbind_queue_free(session);
	session = NULL;
}

START_TEST(test_memory_many_kept_packets)
{
	for (int i = 0; i < 300; i++) {
		kernel_set_up();
		is_lasting = i % 2;
		counted = failed = 0;
		many_kept_scenario();
		mend();
		kernel_tear_down();
	}
}
END_TEST

static void diagnosis_scenario(void)
{
	uint64_t features;
	char text[600];
	int r;

	try_twice(nfbind_queue_new(&session));
	try_twice(nfbind_queue_open(session, NULL));
	kernel_bind_elsewhere(5);
	fake_set_proc("netfilter/nfnetlink_queue", "5 1234 0 2 65531 0 0 0 1\n");
	r = armed(nfbind_queue_bind(session, 5, NULL));
	ck_assert(r == -EBUSY || r == -ENOMEM);
	ck_assert_int_gt(nfbind_queue_last_message(session, NFBIND_SIDE_RECEIVE, text, sizeof(text)),
			 0);
	nfbind_queue_free(session);
	session = NULL;
	try_twice(nfbind_probe(NULL, &features, text, sizeof(text)));
}

START_TEST(test_memory_diagnosis)
{
	fail_each(diagnosis_scenario);
}
END_TEST

static void tracker_scenario(void)
{
	size_t len;
	const uint8_t *data = unit_fixture("packet-tcp-established-reply.bin", &len);
	struct nfbind_tracker *tracker;
	struct nfbind_batch *parsed;

	try_twice(nfbind_tracker_new(10, &tracker));
	try_twice(nfbind_batch_parse(data, len, &parsed));
	try_twice(nfbind_tracker_apply(tracker, nfbind_batch_packet(parsed, 0)));
	try_twice(nfbind_tracker_splice(tracker, nfbind_batch_packet(parsed, 0), 0, 1, "longer", 6));
	nfbind_batch_free(parsed);
	nfbind_tracker_free(tracker);
}

static void helper_scenario(void)
{
	struct nfbind_cthelper *record;
	struct nfbind_helper *helper;

	helpers_hook();
	try_twice(nfbind_cthelper_new(&record));
	nfbind_cthelper_set_bytes(record, NFBIND_CTHELPER_NAME, "test", 4);
	nfbind_cthelper_set_number(record, NFBIND_CTHELPER_L4PROTO, 6);
	nfbind_cthelper_set_number(record, NFBIND_CTHELPER_QUEUE, 5);
	nfbind_cthelper_set_bytes(record, NFBIND_CTHELPER_POLICY1_NAME, "one", 3);
	nfbind_cthelper_set_number(record, NFBIND_CTHELPER_POLICY1_MAX, 1);
	nfbind_cthelper_set_number(record, NFBIND_CTHELPER_POLICY1_TIMEOUT, 1);
	try_twice(nfbind_helper_new(&helper));
	try_twice(nfbind_helper_open(helper, record, NULL));
	ck_assert_uint_eq(helpers.count, 2);
	(void)armed(nfbind_helper_close(helper));
	ck_assert_uint_eq(helpers.count, 0);
	nfbind_helper_free(helper);
	nfbind_cthelper_free(record);
}

START_TEST(test_memory_helper)
{
	fail_each(helper_scenario);
}
END_TEST

START_TEST(test_memory_tracker)
{
	fail_each(tracker_scenario);
}
END_TEST

/* What could not be appended is not there, and what was is. */
static void bulk_scenario(void)
{
	struct nfbind_bulk *bulk;
	struct nfbind_ct *ct;

	try_twice(nfbind_ct_new(&ct));
	try_twice(nfbind_ct_set_bytes(ct, NFBIND_CT_ORIG_SRC, "\x0a\0\0\1", 4));
	try_twice(nfbind_ct_set_bytes(ct, NFBIND_CT_ORIG_DST, "\x0a\0\0\2", 4));
	try_twice(nfbind_ct_set_number(ct, NFBIND_CT_ORIG_L4PROTO, 6));
	try_twice(nfbind_bulk_new(&bulk));
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(try_twice(nfbind_bulk_add_ct(bulk, ct, 0)), i);
	ck_assert_uint_eq(nfbind_bulk_count(bulk), 1000);
	nfbind_bulk_free(bulk);
	nfbind_ct_free(ct);
}

START_TEST(test_memory_bulk)
{
	fail_each(bulk_scenario);
}
END_TEST

UNIT_MAIN("memory", NULL, NULL, test_memory_options, test_memory_connection,
	  test_memory_packet_tools, test_memory_session, test_memory_many_kept_packets,
	  test_memory_diagnosis, test_memory_helper, test_memory_tracker, test_memory_bulk)
