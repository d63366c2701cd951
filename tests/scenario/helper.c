/* SPDX-License-Identifier: MIT */
/*
 * A helper in C, in a few steps; tests/vm/helper_scenario.sh says what they are.
 */
#include <inttypes.h>
#include <stdio.h>

#include "scenario_common.h"

enum { QUEUE = 21, UDP = 17, IPV4 = 2, ANNOUNCED = 5010, PATIENCE = 60000 };

static struct nfbind_cthelper *record(void)
{
	static const struct {
		uint32_t field;
		uint64_t value;
	} numbers[] = {
		{ NFBIND_CTHELPER_L3PROTO, IPV4 },     { NFBIND_CTHELPER_L4PROTO, UDP },
		{ NFBIND_CTHELPER_QUEUE, QUEUE },      { NFBIND_CTHELPER_PRIV_DATA_LEN, 8 },
		{ NFBIND_CTHELPER_POLICY1_MAX, 4 },    { NFBIND_CTHELPER_POLICY1_TIMEOUT, 120 },
	};
	struct nfbind_cthelper *made;

	must(nfbind_cthelper_new(&made), "a record");
	must(nfbind_cthelper_set_bytes(made, NFBIND_CTHELPER_NAME, "scenario", 8), "a name");
	must(nfbind_cthelper_set_bytes(made, NFBIND_CTHELPER_POLICY1_NAME, "calls", 5), "a policy");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		must(nfbind_cthelper_set_number(made, numbers[i].field, numbers[i].value), "a number");
	return made;
}

static void show_record(struct nfbind_conntrack *conntrack)
{
	struct nfbind_cthelper *made = record();
	char text[1024];
	int r = nfbind_conntrack_fetch_cthelper(conntrack, made, made);

	if (r < 0) {
		say("record: %s", nfbind_error_name(r));
	} else {
		must(nfbind_cthelper_print(made, text, sizeof(text)), "printing");
		say("record: %s", text);
	}
	nfbind_cthelper_free(made);
}

/* Packets. */

static struct nfbind_queue *queue;

static struct nfbind_packet *receive(void)
{
	struct nfbind_batch *batch;

	must(nfbind_queue_receive(queue, PATIENCE, &batch), "receiving");
	return nfbind_batch_packet(batch, 0);
}

static void show_packet(const struct nfbind_packet *packet, const struct nfbind_ct *ct)
{
	const void *payload, *name, *info;
	size_t payload_len, name_len, info_len;
	uint64_t port;
	char hex[17] = "";

	must(nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &payload, &payload_len), "a payload");
	must(nfbind_ct_get_bytes(ct, NFBIND_CT_HELPER_NAME, &name, &name_len), "a helper");
	must(nfbind_ct_get_bytes(ct, NFBIND_CT_HELPER_INFO, &info, &info_len), "private data");
	must(nfbind_ct_get_number(ct, NFBIND_CT_ORIG_PORT_DST, &port), "a port");
	for (size_t i = 0; i < 8 && i < info_len; i++)
		snprintf(hex + 2 * i, 3, "%02x", ((const uint8_t *)info)[i]);
	say("packet: %.*s port %" PRIu64 " helper %.*s info %s reply %s established %s", (int)payload_len,
	    (const char *)payload, port, (int)name_len, (const char *)name, hex,
	    must(nfbind_packet_is_reply(packet), "a direction") ? "yes" : "no",
	    must(nfbind_packet_is_established(packet), "a state") ? "yes" : "no");
}

/* The connection keeps for us what was said. */
static void remember(struct nfbind_packet *packet)
{
	struct nfbind_ct *ct, *change;

	must(nfbind_ct_new(&ct), "a connection");
	must(nfbind_ct_new(&change), "a change");
	must(nfbind_packet_get_ct(packet, ct), "its connection");
	show_packet(packet, ct);
	must(nfbind_ct_set_bytes(change, NFBIND_CT_HELPER_INFO, "hello", 5), "private data");
	refused("info", nfbind_packet_set_ct(packet, change));
	refused("accept", nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_ACCEPT));
	nfbind_ct_free(change);
	nfbind_ct_free(ct);
}

/* Who speaks says where it can be reached. */
static void announce(struct nfbind_packet *packet)
{
	static const uint8_t address[4] = { 10, 1, 0, 2 };
	struct nfbind_exp *exp;
	struct nfbind_ct *ct;

	must(nfbind_ct_new(&ct), "a connection");
	must(nfbind_exp_new(&exp), "an expectation");
	must(nfbind_packet_get_ct(packet, ct), "its connection");
	show_packet(packet, ct);
	must(nfbind_exp_expect(exp, ct, 0, 0, address, sizeof(address), ANNOUNCED), "expecting");
	refused("expect", nfbind_packet_set_exp(packet, exp));
	refused("accept", nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_ACCEPT));
	refused("decided twice", nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_ACCEPT));
	nfbind_exp_free(exp);
	nfbind_ct_free(ct);
}

/* Without a rule its connections stay helped. */
static void take_leave(struct nfbind_packet *packet)
{
	struct nfbind_ct *ct;

	must(nfbind_ct_new(&ct), "a connection");
	must(nfbind_packet_get_ct(packet, ct), "its connection");
	show_packet(packet, ct);
	refused("accept", nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_ACCEPT));
	nfbind_ct_free(ct);
}

int main(void)
{
	struct nfbind_conntrack *conntrack;
	struct nfbind_cthelper *made = record();
	struct nfbind_helper *helper;

	must(nfbind_conntrack_new(&conntrack), "a session");
	must(nfbind_conntrack_open(conntrack, NULL), "a session");
	must(nfbind_helper_new(&helper), "a helper");
	must(nfbind_helper_open(helper, made, NULL), "opening");
	refused("open again", nfbind_helper_open(helper, made, NULL));
	refused("add beside it", nfbind_conntrack_add_cthelper(conntrack, made));
	show_record(conntrack);
	queue = nfbind_helper_get_queue(helper);
	say("> rule");
	say("> send hello");
	remember(receive());
	must(nfbind_queue_settle(queue), "sending");
	say("> send announce");
	announce(receive());
	must(nfbind_queue_settle(queue), "sending");
	show_expectations(conntrack);
	say("> no rule");
	say("> send bye");
	take_leave(receive());
	must(nfbind_queue_settle(queue), "sending");
	say("> receive");
	refused("close", nfbind_helper_close(helper));
	show_record(conntrack);
	show_expectations(conntrack);
	nfbind_helper_free(helper);
	nfbind_conntrack_free(conntrack);
	nfbind_cthelper_free(made);
	return 0;
}
