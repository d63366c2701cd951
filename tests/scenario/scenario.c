/* SPDX-License-Identifier: MIT */
/*
 * The scenario in C; run.py says what it is.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scenario_common.h"

enum { QUEUE = 5, UDP = 17, TCP = 6 };

/* Objects. */

static uint64_t ct_number(const struct nfbind_ct *ct, uint32_t field)
{
	uint64_t value = 0;

	must(nfbind_ct_get_number(ct, field, &value), "a number of a connection");
	return value;
}

static struct text ct_address(const struct nfbind_ct *ct, uint32_t field)
{
	const void *data;
	size_t len;

	must(nfbind_ct_get_bytes(ct, field, &data, &len), "an address of a connection");
	return address_text(data, len);
}

static void set(struct nfbind_ct *ct, uint32_t field, uint64_t value)
{
	must(nfbind_ct_set_number(ct, field, value), "a field of a connection");
}

static struct nfbind_ct *new_ct(void)
{
	struct nfbind_ct *ct;

	must(nfbind_ct_new(&ct), "a connection");
	return ct;
}

static struct nfbind_ct *connection(void)
{
	static const uint8_t src[4] = { 10, 0, 0, 1 }, dst[4] = { 10, 0, 0, 2 };
	struct nfbind_ct *ct = new_ct();

	must(nfbind_ct_set_bytes(ct, NFBIND_CT_ORIG_SRC, src, 4), "a source");
	must(nfbind_ct_set_bytes(ct, NFBIND_CT_ORIG_DST, dst, 4), "a destination");
	set(ct, NFBIND_CT_ORIG_L4PROTO, TCP);
	set(ct, NFBIND_CT_ORIG_PORT_SRC, 1000);
	set(ct, NFBIND_CT_ORIG_PORT_DST, 21);
	set(ct, NFBIND_CT_TCP_STATE, 3);
	set(ct, NFBIND_CT_TIMEOUT, 100);
	set(ct, NFBIND_CT_MARK, 1);
	return ct;
}

/* The steps. */

static void probe(void)
{
	static const struct {
		const char *name;
		uint64_t bit;
	} features[] = {
		{ "QUEUE", NFBIND_FEATURE_QUEUE },
		{ "QUEUE_FAIL_OPEN", NFBIND_FEATURE_QUEUE_FAIL_OPEN },
		{ "QUEUE_GSO", NFBIND_FEATURE_QUEUE_GSO },
		{ "CONNTRACK", NFBIND_FEATURE_CONNTRACK },
		{ "EXPECT", NFBIND_FEATURE_EXPECT },
	};
	uint64_t there;
	char message[512];

	must(nfbind_probe(NULL, &there, message, sizeof(message)), "probing");
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		say("probe: %s %s", features[i].name, there & features[i].bit ? "yes" : "no");
}

static struct text packet_address(const struct nfbind_packet *packet, uint32_t field)
{
	const void *data;
	size_t len;

	must(nfbind_packet_get_bytes(packet, field, &data, &len), "an address of a packet");
	return address_text(data, len);
}

static uint64_t packet_number(const struct nfbind_packet *packet, uint32_t field)
{
	uint64_t value = 0;

	must(nfbind_packet_get_number(packet, field, &value), "a number of a packet");
	return value;
}

static void judge(struct nfbind_packet *packet)
{
	static const char changed[] = "changed at length";
	const void *data;
	char payload[64];
	size_t len;

	must(nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &len), "a payload");
	snprintf(payload, sizeof(payload), "%.*s", (int)len, (const char *)data);
	say("packet: %s %" PRIu64 " %s %" PRIu64 " %s",
	    packet_address(packet, NFBIND_PACKET_IP_SRC).text,
	    packet_number(packet, NFBIND_PACKET_PORT_SRC),
	    packet_address(packet, NFBIND_PACKET_IP_DST).text,
	    packet_number(packet, NFBIND_PACKET_PORT_DST), payload);
	if (strcmp(payload, "change") == 0)
		must(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, changed, strlen(changed)),
		     "another payload");
	if (strcmp(payload, "mark") == 0)
		must(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 7), "a mark");
	must(nfbind_packet_verdict(packet, strcmp(payload, "stop") == 0 ? NFBIND_VERDICT_DROP :
									  NFBIND_VERDICT_ACCEPT),
	     "a verdict");
	refused("decided twice", nfbind_packet_verdict(packet, NFBIND_VERDICT_DROP));
}

static struct nfbind_queue *open_queue(void)
{
	struct nfbind_options *options;
	struct nfbind_queue *queue;

	must(nfbind_options_new(&options), "options");
	must(nfbind_options_set_number(options, NFBIND_OPTIONS_FAIL_OPEN, 1), "fail-open");
	must(nfbind_options_set_number(options, NFBIND_OPTIONS_GSO, 0), "gso");
	must(nfbind_queue_new(&queue), "a queue session");
	must(nfbind_queue_open(queue, options), "opening the session");
	must(nfbind_queue_bind(queue, QUEUE, options), "binding the queue");
	nfbind_options_free(options);
	return queue;
}

static void judge_later(struct nfbind_queue *queue)
{
	struct nfbind_packet *packet, *kept;
	struct nfbind_batch *batch;

	say("> send later");
	must(nfbind_queue_receive(queue, 5000, &batch), "receiving");
	nfbind_batch_hold(batch);
	packet = nfbind_batch_packet(batch, 0);
	must(nfbind_packet_keep(packet, &kept), "keeping");
	must(nfbind_queue_settle(queue), "settling");
	refused("decided after its batch", nfbind_packet_verdict(packet, NFBIND_VERDICT_ACCEPT));
	refused("decided when kept", nfbind_packet_verdict(kept, NFBIND_VERDICT_ACCEPT));
	say("> receive");
	nfbind_packet_free(kept);
	nfbind_batch_free(batch);
}

static void packets(void)
{
	struct nfbind_queue *queue = open_queue();
	struct nfbind_queue_stats stats;
	struct nfbind_batch *batch;

	say("> send pass stop change mark");
	for (uint32_t seen = 0; seen < 4;) {
		must(nfbind_queue_receive(queue, -1, &batch), "receiving");
		for (uint32_t i = 0; i < nfbind_batch_count(batch); i++, seen++)
			judge(nfbind_batch_packet(batch, i));
	}
	must(nfbind_queue_settle(queue), "settling");
	say("> receive");

	judge_later(queue);
	must(nfbind_queue_read_stats(queue, QUEUE, &stats, sizeof(stats)), "statistics");
	say("queue: received %" PRIu64 " decided %" PRIu64 " defaulted %" PRIu64, stats.received,
	    stats.decided, stats.defaulted);
	must(nfbind_queue_close(queue), "closing");
	refused("received after close", nfbind_queue_receive(queue, 0, &batch));
	nfbind_queue_free(queue);
}

static const char *describe(const struct nfbind_ct *ct)
{
	static char text[256];

	snprintf(text, sizeof(text), "%s:%" PRIu64 " > %s:%" PRIu64 " protocol %" PRIu64 " mark %" PRIu64,
		 ct_address(ct, NFBIND_CT_ORIG_SRC).text, ct_number(ct, NFBIND_CT_ORIG_PORT_SRC),
		 ct_address(ct, NFBIND_CT_ORIG_DST).text, ct_number(ct, NFBIND_CT_ORIG_PORT_DST),
		 ct_number(ct, NFBIND_CT_ORIG_L4PROTO), ct_number(ct, NFBIND_CT_MARK));
	return text;
}

static void list(struct nfbind_conntrack *conntrack, uint32_t mark)
{
	struct nfbind_filter *filter;
	struct nfbind_list *entries;
	struct nfbind_ct *ct = new_ct();

	must(nfbind_filter_new(&filter), "a filter");
	must(nfbind_filter_set_number(filter, NFBIND_FILTER_MARK, mark), "a mark");
	must(nfbind_conntrack_list_ct(conntrack, filter, NFBIND_LIST_TABLE, 0, &entries), "listing");
	while (nfbind_list_next_ct(entries, ct) == 0)
		say("list: mark %u %s", mark, describe(ct));
	nfbind_list_free(entries);
	nfbind_filter_free(filter);
	nfbind_ct_free(ct);
}

static void connections(struct nfbind_conntrack *conntrack)
{
	struct nfbind_ct *ct = connection(), *nameless = new_ct(), *found = new_ct();

	refused("add", nfbind_conntrack_add_ct(conntrack, ct, 0));
	refused("add again", nfbind_conntrack_add_ct(conntrack, ct, 0));
	set(ct, NFBIND_CT_MARK, 2);
	refused("change", nfbind_conntrack_change_ct(conntrack, ct));
	must(nfbind_conntrack_fetch_ct(conntrack, ct, 0, found), "fetching");
	say("fetch: %s", describe(found));
	list(conntrack, 1);
	list(conntrack, 2);
	refused("remove", nfbind_conntrack_remove_ct(conntrack, ct));
	refused("remove again", nfbind_conntrack_remove_ct(conntrack, ct));
	set(nameless, NFBIND_CT_MARK, 2);
	refused("remove all by mistake", nfbind_conntrack_remove_ct(conntrack, nameless));
	if (nfbind_conntrack_fetch_ct(conntrack, ct, 0, found) == -ENOENT)
		say("fetch: nothing");
	nfbind_ct_free(ct);
	nfbind_ct_free(nameless);
	nfbind_ct_free(found);
}

static struct nfbind_events *open_events(void)
{
	struct nfbind_options *options;
	struct nfbind_filter *filter;
	struct nfbind_events *events;

	must(nfbind_filter_new(&filter), "a filter");
	must(nfbind_filter_set_number(filter, NFBIND_FILTER_L4PROTO, TCP), "a protocol");
	must(nfbind_options_new(&options), "options");
	must(nfbind_options_set_number(options, NFBIND_OPTIONS_EVENTS,
				       NFBIND_EVENT_CT_NEW | NFBIND_EVENT_CT_UPDATE |
					       NFBIND_EVENT_CT_DESTROY), "which events");
	must(nfbind_events_new(&events), "an event session");
	must(nfbind_events_add_filter(events, filter), "the filter");
	must(nfbind_events_open(events, options), "listening");
	nfbind_filter_free(filter);
	nfbind_options_free(options);
	return events;
}

/* What connections() did: a connection of TCP only, by the filter. */
static void watch(struct nfbind_events *events)
{
	struct nfbind_ct *ct = new_ct();
	struct nfbind_exp *exp;
	struct nfbind_event event;

	must(nfbind_exp_new(&exp), "an expectation");
	while (nfbind_events_receive(events, 0) >= 0)
		while (nfbind_events_next(events, &event, sizeof(event), ct, exp) == 0)
			say("event: %s %s", event.kind == NFBIND_EVENT_CT_NEW ? "CT_NEW" :
					    event.kind == NFBIND_EVENT_CT_UPDATE ? "CT_UPDATE" :
										   "CT_DESTROY",
			    describe(ct));
	nfbind_exp_free(exp);
	nfbind_ct_free(ct);
}

static void apply(struct nfbind_conntrack *conntrack, struct nfbind_bulk *bulk)
{
	int done = must(nfbind_conntrack_apply(conntrack, bulk), "the bulk");

	say("bulk: %u operations, %d done", nfbind_bulk_count(bulk), done);
}

static void many(struct nfbind_conntrack *conntrack)
{
	struct nfbind_ct *ct = connection();
	struct nfbind_bulk *bulk;
	char message[256];
	int32_t result;

	set(ct, NFBIND_CT_ORIG_L4PROTO, UDP);
	must(nfbind_ct_clear(ct, NFBIND_CT_TCP_STATE), "no state");
	must(nfbind_bulk_new(&bulk), "a bulk");
	for (uint16_t port = 0; port < 100; port++) {
		set(ct, NFBIND_CT_ORIG_PORT_SRC, 2000 + port);
		must(nfbind_bulk_add_ct(bulk, ct, 0), "appending");
	}
	apply(conntrack, bulk);
	must(nfbind_bulk_clear(bulk), "clearing");
	for (uint16_t port = 0; port < 101; port++) {
		set(ct, NFBIND_CT_ORIG_PORT_SRC, 2000 + port);
		must(nfbind_bulk_remove_ct(bulk, ct), "appending");
	}
	apply(conntrack, bulk);
	for (uint32_t i = 0; nfbind_bulk_find_failure(bulk, i, &i) == 0; i++) {
		must(nfbind_bulk_get_result(bulk, i, &result), "a result");
		must(nfbind_bulk_get_message(bulk, i, message, sizeof(message)), "a message");
		say("bulk: %u %s %s", i, nfbind_error_name(result), message);
	}
	nfbind_bulk_free(bulk);
	nfbind_ct_free(ct);
}

static void expectation(struct nfbind_conntrack *conntrack)
{
	static const uint8_t address[4] = { 10, 0, 0, 2 };
	struct nfbind_ct *ct = connection(), *master = new_ct();
	struct nfbind_exp *exp;
	int r;

	must(nfbind_ct_set_bytes(ct, NFBIND_CT_HELPER_NAME, "ftp", 3), "a helper");
	must(nfbind_exp_new(&exp), "an expectation");
	r = nfbind_conntrack_add_ct(conntrack, ct, 0);
	if (r == -EOPNOTSUPP) {
		say("expectation: this kernel has no helper for ftp");
	} else {
		must(r, "adding");
		must(nfbind_conntrack_fetch_ct(conntrack, ct, 0, master), "fetching");
		must(nfbind_exp_expect(exp, master, 1, 0, address, sizeof(address), 5555), "expecting");
		must(nfbind_exp_set_number(exp, NFBIND_EXP_TIMEOUT, 60), "a timeout");
		refused("expect", nfbind_conntrack_add_exp(conntrack, exp, 0));
		show_expectations(conntrack);
		refused("unexpect", nfbind_conntrack_remove_exp(conntrack, exp));
		refused("unexpect again", nfbind_conntrack_remove_exp(conntrack, exp));
		refused("remove", nfbind_conntrack_remove_ct(conntrack, ct));
	}
	nfbind_exp_free(exp);
	nfbind_ct_free(ct);
	nfbind_ct_free(master);
}

static void texts(void)
{
	static const uint32_t formats[] = { NFBIND_FORMAT_FIELDS, NFBIND_FORMAT_SAVE, NFBIND_FORMAT_JSON };
	struct nfbind_ct *ct = connection(), *other = new_ct();
	char text[1024], message[256];

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		must(nfbind_ct_print(ct, formats[i], 0, NULL, text, sizeof(text)), "printing");
		say("text: %s", text);
	}
	must(nfbind_ct_parse(other, NFBIND_FORMAT_JSON, NULL, text, message, sizeof(message)),
	     "reading");
	say("text: %s", nfbind_ct_equal(ct, other) ? "the same" : "another");
	refused("number too big", nfbind_ct_set_number(ct, NFBIND_CT_ZONE, 65536));
	nfbind_ct_free(ct);
	nfbind_ct_free(other);
}

int main(void)
{
	struct nfbind_conntrack *conntrack;
	struct nfbind_events *events;

	probe();
	packets();
	must(nfbind_conntrack_new(&conntrack), "a request session");
	must(nfbind_conntrack_open(conntrack, NULL), "opening the session");
	events = open_events();
	connections(conntrack);
	watch(events);
	nfbind_events_free(events);
	many(conntrack);
	expectation(conntrack);
	nfbind_conntrack_free(conntrack);
	texts();
	return 0;
}
