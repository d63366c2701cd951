/* SPDX-License-Identifier: MIT */
/*
 * Links the shared library as a program does, by its public headers alone, and
 * calls something of each object. What the calls mean is for the unit tests to
 * say; here they are there, and need no rights and no kernel. Prints TAP.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <nfbind/nfbind.h>

static const uint8_t udp[] = {
	0x45, 0x00, 0x00, 0x20, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x3c, 0xcb, 0x7f, 0x00, 0x00, 0x01,
	0x7f, 0x00, 0x00, 0x01, 0x10, 0xe1, 0x00, 0x35, 0x00, 0x0c, 0x00, 0x00, 'd',  'a',  't',  'a',
};

static bool base_names_errors(void)
{
	return nfbind_version()[0] != '\0' && strcmp(nfbind_error_name(-EPERM), "EPERM") == 0 &&
	       nfbind_error_name(-99999) == NULL;
}

static bool fields_have_names(void)
{
	const struct nfbind_fields *tables[] = { nfbind_options_fields(), nfbind_ct_fields(),
						 nfbind_exp_fields(), nfbind_cthelper_fields(),
						 nfbind_packet_fields() };
	uint32_t i, found;
	const char *name;

	for (i = 0; i < 5; i++) {
		name = nfbind_fields_get_name(tables[i], 0);
		if (nfbind_fields_count(tables[i]) == 0 || name == NULL ||
		    nfbind_fields_get_help(tables[i], 0) == NULL ||
		    nfbind_fields_get_kind(tables[i], 0) <= 0 ||
		    nfbind_fields_get_directions(tables[i], 0) <= 0 ||
		    nfbind_fields_get_size(tables[i], 0) < 0 ||
		    nfbind_fields_get_kernel(tables[i], 0) < 0 ||
		    nfbind_fields_find(tables[i], name, &found) != 0 || found != 0)
			return false;
	}
	return nfbind_fields_get_value_name(tables[0], 99, 0) == NULL;
}

static bool options_keep_values(void)
{
	struct nfbind_options *options;
	const void *data;
	uint64_t value;
	size_t data_len;
	bool good;

	if (nfbind_options_new(&options) != 0)
		return false;
	good = nfbind_options_set_number(options, NFBIND_OPTIONS_MAXLEN, 4096) == 0 &&
	       nfbind_options_get_number(options, NFBIND_OPTIONS_MAXLEN, &value) == 0 &&
	       value == 4096 &&
	       nfbind_options_set_bytes(options, NFBIND_OPTIONS_DEVICE, "lo", 2) == 0 &&
	       nfbind_options_get_bytes(options, NFBIND_OPTIONS_DEVICE, &data, &data_len) == 0 &&
	       data_len == 2 && nfbind_options_clear(options, NFBIND_OPTIONS_DEVICE) == 0 &&
	       nfbind_options_has(options, NFBIND_OPTIONS_DEVICE) == 0;
	nfbind_options_free(options);
	return good;
}

static bool ct_keeps_values(void)
{
	struct nfbind_ct *ct, *copy;
	const void *data;
	uint64_t mark;
	size_t data_len;
	char text[64];
	bool good;

	if (nfbind_ct_new(&ct) != 0 || nfbind_ct_new(&copy) != 0)
		return false;
	good = nfbind_ct_set_number(ct, NFBIND_CT_MARK, 7) == 0 &&
	       nfbind_ct_get_number(ct, NFBIND_CT_MARK, &mark) == 0 && mark == 7 &&
	       nfbind_ct_set_bytes(ct, NFBIND_CT_ORIG_SRC, "\x7f\0\0\1", 4) == 0 &&
	       nfbind_ct_get_bytes(ct, NFBIND_CT_ORIG_SRC, &data, &data_len) == 0 &&
	       data_len == 4 && nfbind_ct_assign(copy, ct) == 0 && nfbind_ct_equal(copy, ct) == 1 &&
	       nfbind_ct_print(ct, NFBIND_FORMAT_FIELDS, 0, NULL, text, sizeof(text)) > 0 &&
	       nfbind_ct_clear(ct, NFBIND_CT_MARK) == 0 && nfbind_ct_has(ct, NFBIND_CT_MARK) == 0;
	nfbind_ct_free(copy);
	nfbind_ct_free(ct);
	return good;
}

static bool exp_keeps_values(void)
{
	struct nfbind_exp *exp, *copy;
	const void *data;
	uint64_t timeout;
	size_t data_len;
	char text[64];
	bool good;

	if (nfbind_exp_new(&exp) != 0 || nfbind_exp_new(&copy) != 0)
		return false;
	good = nfbind_exp_set_number(exp, NFBIND_EXP_TIMEOUT, 30) == 0 &&
	       nfbind_exp_get_number(exp, NFBIND_EXP_TIMEOUT, &timeout) == 0 && timeout == 30 &&
	       nfbind_exp_set_bytes(exp, NFBIND_EXP_HELPER_NAME, "ftp", 3) == 0 &&
	       nfbind_exp_get_bytes(exp, NFBIND_EXP_HELPER_NAME, &data, &data_len) == 0 &&
	       data_len == 3 && nfbind_exp_assign(copy, exp) == 0 &&
	       nfbind_exp_equal(copy, exp) == 1 && nfbind_exp_print(exp, NFBIND_FORMAT_FIELDS, text, sizeof(text)) > 0 &&
	       nfbind_exp_clear(exp, NFBIND_EXP_TIMEOUT) == 0 &&
	       nfbind_exp_has(exp, NFBIND_EXP_TIMEOUT) == 0;
	nfbind_exp_free(copy);
	nfbind_exp_free(exp);
	return good;
}

static bool cthelper_keeps_values(void)
{
	struct nfbind_cthelper *cthelper, *copy;
	const void *data;
	uint64_t queue;
	size_t data_len;
	char text[64];
	bool good;

	if (nfbind_cthelper_new(&cthelper) != 0 || nfbind_cthelper_new(&copy) != 0)
		return false;
	good = nfbind_cthelper_set_number(cthelper, NFBIND_CTHELPER_QUEUE, 30) == 0 &&
	       nfbind_cthelper_get_number(cthelper, NFBIND_CTHELPER_QUEUE, &queue) == 0 &&
	       queue == 30 &&
	       nfbind_cthelper_set_bytes(cthelper, NFBIND_CTHELPER_NAME, "ftp", 3) == 0 &&
	       nfbind_cthelper_get_bytes(cthelper, NFBIND_CTHELPER_NAME, &data, &data_len) == 0 &&
	       data_len == 3 && nfbind_cthelper_assign(copy, cthelper) == 0 &&
	       nfbind_cthelper_equal(copy, cthelper) == 1 &&
	       nfbind_cthelper_print(cthelper, text, sizeof(text)) > 0 &&
	       nfbind_cthelper_clear(cthelper, NFBIND_CTHELPER_QUEUE) == 0 &&
	       nfbind_cthelper_has(cthelper, NFBIND_CTHELPER_QUEUE) == 0;
	nfbind_cthelper_free(copy);
	nfbind_cthelper_free(cthelper);
	return good;
}

static bool packet_reads_and_rewrites(void)
{
	struct nfbind_packet *packet;
	const void *data;
	uint64_t port;
	size_t data_len;
	uint32_t wrong;
	char text[256];
	bool good;

	if (nfbind_packet_new(udp, sizeof(udp), &packet) != 0)
		return false;
	good = nfbind_packet_has(packet, NFBIND_PACKET_PORT_DST) == 1 &&
	       nfbind_packet_get_number(packet, NFBIND_PACKET_PORT_DST, &port) == 0 && port == 53 &&
	       nfbind_packet_set_number(packet, NFBIND_PACKET_IP_TTL, 9) == 0 &&
	       nfbind_packet_splice(packet, 0, 4, "other", 5) == 0 &&
	       nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &data_len) == 0 &&
	       data_len == 5 && memcmp(data, "other", 5) == 0 &&
	       nfbind_packet_verify(packet, &wrong) == 0 && wrong == 0 &&
	       nfbind_packet_is_truncated(packet) == 0 &&
	       nfbind_packet_print(packet, NFBIND_PACKET_FORMAT_LINE, text, sizeof(text)) > 0;
	nfbind_packet_free(packet);
	return good;
}

static bool packet_belongs_to_no_queue(void)
{
	struct nfbind_packet *packet, *kept, *answer;
	struct nfbind_ct *ct;
	bool good;

	if (nfbind_packet_new(udp, sizeof(udp), &packet) != 0 || nfbind_ct_new(&ct) != 0)
		return false;
	good = nfbind_packet_keep(packet, &kept) == -EINVAL &&
	       nfbind_packet_is_reply(packet) == -ENODATA &&
	       nfbind_packet_is_established(packet) == -ENODATA &&
	       nfbind_packet_get_ct(packet, ct) == -ENODATA &&
	       nfbind_packet_set_ct(packet, ct) <= 0 &&
	       nfbind_packet_build_reply(packet, NFBIND_TCP_FLAG_RST, NULL, 0, &answer) == -EINVAL &&
	       nfbind_packet_build_unreachable(packet, 3, &answer) == 0;
	if (good)
		nfbind_packet_free(answer);
	nfbind_ct_free(ct);
	nfbind_packet_free(packet);
	return good;
}

static bool batch_refuses_rubbish(void)
{
	struct nfbind_batch *batch;

	nfbind_batch_free(NULL);
	return nfbind_batch_parse("rubbish", 7, &batch) == -EBADMSG;
}

static bool queue_is_closed_until_opened(void)
{
	struct nfbind_queue *queue;
	struct nfbind_batch *batch;
	char text[256];
	bool good;

	if (nfbind_queue_new(&queue) != 0)
		return false;
	good = nfbind_queue_bind(queue, 0, NULL) == -ESHUTDOWN &&
	       nfbind_queue_receive(queue, 0, &batch) == -ESHUTDOWN &&
	       nfbind_queue_settle(queue) == -ESHUTDOWN && nfbind_queue_send(queue) == -ESHUTDOWN &&
	       nfbind_queue_get_fd(queue) == -ESHUTDOWN &&
	       nfbind_queue_last_message(queue, NFBIND_SIDE_RECEIVE, text, sizeof(text)) >= 0 &&
	       nfbind_queue_close(queue) == 0;
	nfbind_queue_wake(queue);
	nfbind_queue_free(queue);
	return good && nfbind_verdict_to_queue(2, 0) == (2u << 16 | NFBIND_VERDICT_QUEUE);
}

static bool tracker_wants_tcp(void)
{
	struct nfbind_tracker *tracker;
	struct nfbind_packet *packet;
	bool good;

	if (nfbind_tracker_new(0, &tracker) != 0 || nfbind_packet_new(udp, sizeof(udp), &packet) != 0)
		return false;
	good = nfbind_tracker_apply(tracker, packet) == -EINVAL &&
	       nfbind_tracker_splice(tracker, packet, 0, 0, "x", 1) == -EINVAL &&
	       nfbind_tracker_count(tracker) == 0;
	nfbind_packet_free(packet);
	nfbind_tracker_free(tracker);
	return good;
}

static bool injector_is_closed_until_opened(void)
{
	struct nfbind_injector *injector;
	struct nfbind_packet *packet;
	char text[256];
	bool good;

	if (nfbind_injector_new(&injector) != 0 ||
	    nfbind_packet_new(udp, sizeof(udp), &packet) != 0)
		return false;
	good = nfbind_injector_send(injector, packet) == -ESHUTDOWN &&
	       nfbind_injector_last_message(injector, text, sizeof(text)) >= 0 &&
	       nfbind_injector_close(injector) == 0;
	nfbind_packet_free(packet);
	nfbind_injector_free(injector);
	return good;
}

static bool helper_is_closed_until_opened(void)
{
	struct nfbind_cthelper *cthelper;
	struct nfbind_helper *helper;
	char text[256];
	bool good;

	if (nfbind_helper_new(&helper) != 0 || nfbind_cthelper_new(&cthelper) != 0)
		return false;
	good = nfbind_helper_get_queue(helper) == NULL &&
	       nfbind_helper_open(helper, cthelper, NULL) == -EINVAL &&
	       nfbind_helper_last_message(helper, text, sizeof(text)) > 0 &&
	       nfbind_helper_close(helper) == 0;
	nfbind_cthelper_free(cthelper);
	nfbind_helper_free(helper);
	return good;
}

static bool free_accepts_null(void)
{
	nfbind_helper_free(NULL);
	nfbind_options_free(NULL);
	nfbind_ct_free(NULL);
	nfbind_exp_free(NULL);
	nfbind_cthelper_free(NULL);
	nfbind_packet_free(NULL);
	nfbind_batch_free(NULL);
	nfbind_queue_free(NULL);
	nfbind_tracker_free(NULL);
	nfbind_injector_free(NULL);
	return true;
}

#define CASE(name) { #name, name }

int main(void)
{
	static const struct {
		const char *name;
		bool (*run)(void);
	} cases[] = {
		CASE(base_names_errors),
		CASE(fields_have_names),
		CASE(options_keep_values),
		CASE(ct_keeps_values),
		CASE(exp_keeps_values),
		CASE(cthelper_keeps_values),
		CASE(packet_reads_and_rewrites),
		CASE(packet_belongs_to_no_queue),
		CASE(batch_refuses_rubbish),
		CASE(queue_is_closed_until_opened),
		CASE(tracker_wants_tcp),
		CASE(injector_is_closed_until_opened),
		CASE(helper_is_closed_until_opened),
		CASE(free_accepts_null),
	};
	size_t i, count = sizeof(cases) / sizeof(cases[0]);
	int failed = 0;

	printf("1..%zu\n", count);
	for (i = 0; i < count; i++) {
		bool good = cases[i].run();

		printf("%s %zu - %s\n", good ? "ok" : "not ok", i + 1, cases[i].name);
		failed += !good;
	}
	return failed > 0;
}
