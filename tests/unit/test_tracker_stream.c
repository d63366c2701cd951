/* SPDX-License-Identifier: MIT */
/*
 * The tracker in a simulated network: two hosts send streams to each other, a
 * program between them edits packets at random, and on both sides of it segments
 * are lost, doubled, overtaken, cut anew and acknowledged selectively. The hosts
 * are strict: a receiver ignores what lies outside its window and checks that every
 * byte that comes again is the same; a sender believes every acknowledgement and
 * never sends again what was acknowledged, selectively or not.
 *
 * What each host must have received is known without the tracker: for every byte,
 * what the packet that carried it first looked like when it was edited.
 */
#include "unit.h"

#include <stdio.h>

#include <nfbind/tracker.h>

#include "checksum.h"
#include "view.h"

enum {
	STREAM_MAX = 12000,
	CHANGED_MAX = 80000,
	SEGMENT_MAX = 700,
	WINDOW = 6000,
	PIECE_MAX = 2000,
	LINK_MAX = 600,
	STEPS_MAX = 200000,
	HEADERS = 40,
	BLOCKS_MAX = 3,
	SIMULATIONS = 400,
};

static bool chance(uint32_t percent)
{
	return unit_random(100) < percent;
}

struct bytes {
	uint32_t len;
	uint32_t due;
	uint8_t data[];
};

struct link {
	struct bytes *queue[LINK_MAX];
	uint32_t count;
};

struct host {
	/* Sending: positions count from the first byte; number 0 is the SYN. */
	uint8_t stream[STREAM_MAX];
	uint32_t len, first;
	uint32_t una, next; /* positions plus one, as the SYN counts; len + 1 is the FIN */
	bool sacked[STREAM_MAX + 3];
	/* Receiving. */
	uint8_t received[CHANGED_MAX];
	bool is_there[CHANGED_MAX];
	uint32_t peer_first, wanted; /* as una */
	uint32_t fin;                /* position behind the peer's FIN; 0 for not seen */
	uint32_t last_from, last_to; /* what came last */
	bool owes_ack, is_duplicate;
};

/* What the editor made of one direction: the bytes that stand for each original one. */
struct edited {
	uint8_t *piece[STREAM_MAX + 3];
	uint32_t piece_len[STREAM_MAX + 3];
	bool is_known[STREAM_MAX + 3];
	uint8_t *before[STREAM_MAX + 3]; /* inserted without any byte, in front of this one */
	uint32_t before_len[STREAM_MAX + 3];
	uint32_t next; /* numbers as una */
	bool has_fin;
};

struct world {
	struct host hosts[2];
	struct edited edited[2];
	struct link to_tracker[2], to_host[2];
	struct nfbind_tracker *tracker;
	uint32_t step;
	uint32_t edit_percent, loss_percent;
};

static void link_put(struct world *world, struct link *link, const uint8_t *data, uint32_t len)
{
	unsigned int copies = chance(world->loss_percent) ? 0 : chance(3) ? 2 : 1;

	while (copies-- > 0 && link->count < LINK_MAX) {
		struct bytes *bytes = malloc(sizeof(*bytes) + len);

		memcpy(bytes->data, data, len);
		bytes->len = len;
		bytes->due = world->step + 1 + (chance(15) ? unit_random(60) : unit_random(3));
		link->queue[link->count++] = bytes;
	}
}

static struct bytes *link_take(const struct world *world, struct link *link)
{
	for (uint32_t i = 0; i < link->count; i++) {
		struct bytes *bytes = link->queue[i];

		if (bytes->due > world->step)
			continue;
		link->count--;
		memmove(link->queue + i, link->queue + i + 1,
			(link->count - i) * sizeof(link->queue[0]));
		return bytes;
	}
	return NULL;
}

/* Hosts. */

static uint32_t put_block(uint8_t *options, uint32_t at, const struct host *host, uint32_t from,
			  uint32_t to)
{
	view_write_u32(options + at, host->peer_first + from);
	view_write_u32(options + at + 4, host->peer_first + to);
	return at + 8;
}

/* Selective acknowledgement: what came last first, doubled bytes too (RFC 2883). */
static uint32_t put_sack(uint8_t *options, struct host *host)
{
	uint32_t at = 4, from = host->wanted, to, blocks = 0;

	options[0] = options[1] = 1;
	options[2] = 5;
	if (host->is_duplicate && host->last_from < host->last_to) {
		at = put_block(options, at, host, host->last_from, host->last_to);
		blocks++;
	}
	for (; from < CHANGED_MAX - 1 && blocks < BLOCKS_MAX && from < host->wanted + WINDOW;
	     from = to) {
		while (from < host->wanted + WINDOW && from < CHANGED_MAX && !host->is_there[from])
			from++;
		for (to = from; to < CHANGED_MAX && host->is_there[to];)
			to++;
		if (to > from) {
			at = put_block(options, at, host, from, to);
			blocks++;
		}
	}
	host->is_duplicate = false;
	options[3] = (uint8_t)(at - 2);
	return blocks ? at : 0;
}

static void fill_checksums(uint8_t *data, uint32_t len)
{
	struct coverage coverage;
	struct view view;
	uint16_t sum = (uint16_t)~checksum_fold(checksum_add(0, data, 20));

	memcpy(data + 10, &sum, 2);
	ck_assert(view_parse(data, len, &view) == 0 && view_coverage(data, &view, &coverage));
	sum = (uint16_t)~checksum_fold(view_sum(data, &view, &coverage));
	memcpy(data + coverage.at, &sum, 2);
}

/* Send numbers from..to of the stream, where 0 is the SYN and len + 1 the FIN. */
static void host_send(struct world *world, unsigned int side, uint32_t from, uint32_t to)
{
	struct host *host = &world->hosts[side];
	uint8_t data[HEADERS + 40 + SEGMENT_MAX] = { 0x45 };
	uint32_t start = from == 0 ? 1 : from, end = to > host->len + 1 ? host->len + 1 : to;
	uint8_t flags = from == 0 ? NFBIND_TCP_FLAG_SYN : 0;
	uint32_t header = 20, len;

	if (from <= host->len + 1 && to > host->len + 1)
		flags |= NFBIND_TCP_FLAG_FIN;
	if (host->wanted > 0) {
		flags |= NFBIND_TCP_FLAG_ACK;
		header += put_sack(data + 40, host);
		view_write_u32(data + 28, host->peer_first + host->wanted);
		host->owes_ack = false;
	}
	len = 20 + header + (end > start ? end - start : 0);
	view_write_u16(data + 2, (uint16_t)len);
	data[8] = 64;
	data[9] = 6;
	data[12] = data[16] = 10;
	data[15] = (uint8_t)(1 + side);
	data[19] = (uint8_t)(2 - side);
	view_write_u16(data + 20, (uint16_t)(side ? 80 : 4000));
	view_write_u16(data + 22, (uint16_t)(side ? 4000 : 80));
	view_write_u32(data + 24, host->first + from);
	data[32] = (uint8_t)(header / 4 << 4);
	data[33] = flags;
	view_write_u16(data + 34, WINDOW);
	if (end > start)
		memcpy(data + 20 + header, host->stream + start - 1, end - start);
	fill_checksums(data, len);
	link_put(world, &world->to_tracker[side], data, len);
}

/* What the sender has not been told of, from `from` on. */
static uint32_t unsacked_run(const struct host *host, uint32_t from, uint32_t *ret_to)
{
	uint32_t to;

	while (from < host->next && host->sacked[from])
		from++;
	for (to = from; to < host->next && !host->sacked[to] && to - from < SEGMENT_MAX;)
		to++;
	*ret_to = to;
	return from;
}

static void host_resend(struct world *world, unsigned int side)
{
	struct host *host = &world->hosts[side];
	uint32_t from = host->una, to;

	if (chance(40) && host->next > host->una)
		from += unit_random(host->next - host->una);
	from = unsacked_run(host, from, &to);
	if (from >= to)
		return;
	if (chance(50))
		to = from + 1 + unit_random(to - from);
	host_send(world, side, from, to);
}

/* Something that is not needed any more: a sender whose timer was too quick. */
static void host_resend_old(struct world *world, unsigned int side)
{
	struct host *host = &world->hosts[side];
	uint32_t back = unit_random(900), from, to;

	if (host->una < 2)
		return;
	from = host->una > back + 1 ? host->una - back : 1;
	to = from + 1 + unit_random(300);
	host_send(world, side, from, to < host->next ? to : host->next);
}

static void host_step(struct world *world, unsigned int side)
{
	struct host *host = &world->hosts[side];
	uint32_t end = host->len + 2, to;

	/* The passive side waits for the SYN; nobody sends data before its own was answered. */
	if (side == 1 && host->wanted == 0)
		return;
	if (host->next == 0 || (host->una == 0 && chance(10))) {
		host->next = 1;
		host_send(world, side, 0, 1);
	} else if (host->una > 0 && host->next < end && host->next - host->una < WINDOW &&
		   chance(40)) {
		to = host->next + 1 + unit_random(chance(50) ? 40 : SEGMENT_MAX);
		if (to > host->una + WINDOW)
			to = host->una + WINDOW;
		/* The FIN may travel with data or alone. */
		if (to > end - 1)
			to = chance(50) && host->next < end - 1 ? end - 1 : end;
		host_send(world, side, host->next, to);
		host->next = to;
	} else if (host->una > 0 && host->next > host->una && chance(12)) {
		host_resend(world, side);
	} else if (chance(2)) {
		host_resend_old(world, side);
	} else if (host->una > 1 && chance(1)) {
		host_send(world, side, host->una - 1, host->una - 1); /* keep-alive */
	} else if (host->owes_ack && chance(50)) {
		host_send(world, side, host->next, host->next);
	}
}

static void host_acked(struct host *host, uint32_t ack)
{
	uint32_t number = ack - host->first;

	ck_assert_msg(number <= host->next || number > UINT32_MAX / 2, "acknowledged %u of %u",
		      number, host->next);
	if (number <= host->next && number > host->una)
		host->una = number;
}

static void host_sacked(struct host *host, const uint8_t *option, uint32_t len)
{
	for (uint32_t at = 2; at + 8 <= len; at += 8) {
		uint32_t from = view_read_u32(option + at) - host->first;
		uint32_t to = view_read_u32(option + at + 4) - host->first;

		ck_assert_msg(from < to && to <= host->next, "block %u to %u of %u", from, to,
			      host->next);
		for (; from < to; from++)
			host->sacked[from] = true;
	}
}

/* RFC 9293, 3.10.7.4: is any of it in the window? */
static bool is_acceptable(const struct host *host, uint32_t from, uint32_t len)
{
	if (len == 0)
		return from - host->wanted < WINDOW;
	return from - host->wanted < WINDOW || from + len - 1 - host->wanted < WINDOW;
}

static void host_take(struct host *host, const uint8_t *data, uint32_t len, uint32_t from)
{
	host->is_duplicate = false;
	for (uint32_t i = 0; i < len; i++) {
		uint32_t number = from + i;

		if (number - host->wanted >= WINDOW || number >= CHANGED_MAX)
			continue;
		/* An assertion costs a system call, so not one for each byte. */
		if (host->is_there[number] && host->received[number] != data[i])
			ck_abort_msg("byte %u came again and was another", number);
		host->is_duplicate |= host->is_there[number];
		host->received[number] = data[i];
		host->is_there[number] = true;
	}
	host->last_from = from;
	host->last_to = from + len;
	while (host->is_there[host->wanted])
		host->wanted++;
	if (host->fin && host->wanted == host->fin - 1)
		host->wanted = host->fin;
}

static void host_receive(struct host *host, const uint8_t *data, uint32_t len)
{
	uint32_t header = (data[32] >> 4) * 4u, payload = len - 20 - header, at, option, from;
	uint8_t flags = data[33];
	uint32_t count = payload + (flags & NFBIND_TCP_FLAG_SYN ? 1 : 0) +
			 (flags & NFBIND_TCP_FLAG_FIN ? 1 : 0);

	if (flags & NFBIND_TCP_FLAG_SYN && host->wanted == 0) {
		host->peer_first = view_read_u32(data + 24);
		host->wanted = 1;
		host->owes_ack = true;
	} else if (host->wanted == 0) {
		return;
	}
	from = view_read_u32(data + 24) - host->peer_first;
	if (!(flags & NFBIND_TCP_FLAG_SYN) && !is_acceptable(host, from, count)) {
		host->owes_ack = true;
		if (from < host->wanted && payload > 0) {
			host->is_duplicate = true;
			host->last_from = from;
			host->last_to = from + payload;
		}
		return;
	}
	if (flags & NFBIND_TCP_FLAG_ACK) {
		host_acked(host, view_read_u32(data + 28));
		option = view_find_option(data + 40, header - 20, 5, 10, &at);
		if (option)
			host_sacked(host, data + 40 + at, option);
	}
	if (count == 0)
		return;
	host->owes_ack = true;
	if (flags & NFBIND_TCP_FLAG_FIN)
		host->fin = from + payload + 1;
	host_take(host, data + 20 + header, payload, from);
}

/* The editor. */

static void keep(uint8_t **piece, uint32_t *piece_len, const uint8_t *data, uint32_t len)
{
	*piece = realloc(*piece, *piece_len + len + 1);
	memcpy(*piece + *piece_len, data, len);
	*piece_len += len;
}

static uint32_t payload_of(const struct nfbind_packet *packet, const uint8_t **ret_data)
{
	const void *data;
	size_t len;

	ck_assert_int_eq(nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &len), 0);
	*ret_data = data;
	return (uint32_t)len;
}

/* A few random changes in what comes after `sent` bytes of the payload. */
static void edit(struct world *world, struct nfbind_packet *packet, uint32_t sent)
{
	uint8_t bytes[40];
	const uint8_t *data;
	unsigned int times = 1 + unit_random(3);

	for (unsigned int i = 0; i < times; i++) {
		uint32_t len = payload_of(packet, &data), offset, remove, insert;
		int r;

		offset = sent + (chance(20) ? len - sent : unit_random(len - sent + 1));
		remove = chance(20) ? len - offset : unit_random(len - offset + 1);
		if (remove > 60 && chance(70))
			remove = unit_random(60);
		insert = chance(25)   ? 0
			 : chance(20) ? (remove < 40 ? remove : 40)
				      : unit_random(40);
		if (len + insert > PIECE_MAX)
			continue;
		for (uint32_t j = 0; j < insert; j++)
			bytes[j] = (uint8_t)unit_random(256);
		r = nfbind_tracker_splice(world->tracker, packet, offset, remove, bytes, insert);
		ck_assert_msg(r == 0 || r == -ENOSPC, "splice: %d", r);
	}
}

static void pass_tracker(struct world *world, unsigned int side, const struct bytes *bytes)
{
	struct edited *edited = &world->edited[side];
	struct host *host = &world->hosts[side];
	uint32_t from = view_read_u32(bytes->data + 24) - host->first;
	uint32_t header = (bytes->data[32] >> 4) * 4u, original = bytes->len - 20 - header;
	uint32_t start = from == 0 ? 1 : from, end = start + original, fresh, sent, wrong;
	bool has_fin = bytes->data[33] & NFBIND_TCP_FLAG_FIN;
	struct nfbind_packet *packet;
	const uint8_t *data;
	const void *whole;
	size_t whole_len;
	uint32_t len;

	ck_assert_int_eq(nfbind_packet_new(bytes->data, bytes->len, &packet), 0);
	ck_assert_int_eq(nfbind_tracker_apply(world->tracker, packet), 0);
	len = payload_of(packet, &data);
	fresh = start > edited->next ? start : edited->next;
	if (!edited->has_fin &&
	    (end > fresh || (from > 0 && !has_fin && original == 0 && end == edited->next) ||
	     (has_fin && end >= edited->next))) {
		bool edits = end > fresh ? chance(world->edit_percent) : chance(1);

		sent = end > fresh ? len - (end - fresh) : len;
		if (edits && end == fresh && !has_fin && original > 0)
			edits = false;
		if (edits && sent > 0)
			ck_assert_int_eq(nfbind_tracker_splice(world->tracker, packet, sent - 1, 0,
							       "x", 1),
					 -EALREADY);
		if (edits)
			edit(world, packet, sent);
		len = payload_of(packet, &data);
		if (end > fresh) {
			keep(&edited->piece[fresh], &edited->piece_len[fresh], data + sent,
			     len - sent);
			for (uint32_t i = fresh; i < end; i++)
				edited->is_known[i] = true;
		} else {
			keep(&edited->before[end], &edited->before_len[end], data + sent,
			     len - sent);
		}
	} else if (chance(5)) {
		ck_assert_int_eq(nfbind_tracker_splice(world->tracker, packet, 0, 0, "x", 1),
				 -EALREADY);
	}
	edited->has_fin |= has_fin;
	if (original + has_fin > 0 && end + has_fin > edited->next)
		edited->next = end + has_fin;
	ck_assert_int_eq(nfbind_packet_verify(packet, &wrong), 0);
	ck_assert_uint_eq(wrong, 0);
	nfbind_packet_get_bytes(packet, NFBIND_PACKET_PAYLOAD, &whole, &whole_len);
	link_put(world, &world->to_host[!side], whole, (uint32_t)whole_len);
	nfbind_packet_free(packet);
}

/* What the other host must have got from this one. */
static uint32_t expected(const struct world *world, unsigned int side, uint8_t *out)
{
	const struct edited *edited = &world->edited[side];
	const struct host *host = &world->hosts[side];
	uint32_t len = 0;

	for (uint32_t i = 1; i <= host->len + 1; i++) {
		if (edited->before_len[i])
			memcpy(out + len, edited->before[i], edited->before_len[i]);
		len += edited->before_len[i];
		if (i > host->len)
			break;
		if (edited->piece_len[i])
			memcpy(out + len, edited->piece[i], edited->piece_len[i]);
		len += edited->piece_len[i];
		if (!edited->is_known[i])
			out[len++] = host->stream[i - 1];
	}
	return len;
}

static void start_world(struct world *world)
{
	memset(world, 0, sizeof(*world));
	ck_assert_int_eq(nfbind_tracker_new(0, &world->tracker), 0);
	world->edit_percent = unit_random(60);
	world->loss_percent = unit_random(15);
	for (unsigned int side = 0; side < 2; side++) {
		struct host *host = &world->hosts[side];

		host->len = unit_random(chance(20) ? 50 : STREAM_MAX);
		/* Often just before the numbers wrap. */
		host->first = chance(60) ? 0u - unit_random(20000) : unit_random(UINT32_MAX);
		for (uint32_t i = 0; i < host->len; i++)
			host->stream[i] = (uint8_t)unit_random(256);
		world->edited[side].next = 1;
	}
}

static void end_world(struct world *world)
{
	for (unsigned int side = 0; side < 2; side++) {
		for (uint32_t i = 0; i < STREAM_MAX + 3; i++) {
			free(world->edited[side].piece[i]);
			free(world->edited[side].before[i]);
		}
		for (uint32_t i = 0; i < world->to_tracker[side].count; i++)
			free(world->to_tracker[side].queue[i]);
		for (uint32_t i = 0; i < world->to_host[side].count; i++)
			free(world->to_host[side].queue[i]);
	}
	nfbind_tracker_free(world->tracker);
}

static bool is_done(const struct world *world)
{
	for (unsigned int side = 0; side < 2; side++)
		if (world->hosts[side].una < world->hosts[side].len + 2 ||
		    !world->hosts[side].fin || world->hosts[side].wanted != world->hosts[side].fin)
			return false;
	return true;
}

static void run_step(struct world *world)
{
	struct bytes *bytes;

	for (unsigned int side = 0; side < 2; side++) {
		host_step(world, side);
		while ((bytes = link_take(world, &world->to_tracker[side]))) {
			pass_tracker(world, side, bytes);
			free(bytes);
		}
		while ((bytes = link_take(world, &world->to_host[side]))) {
			host_receive(&world->hosts[side], bytes->data, bytes->len);
			free(bytes);
		}
	}
}

static void simulate(uint32_t seed)
{
	static uint8_t wanted[CHANGED_MAX];
	static struct world world;

	unit_seed(seed);
	start_world(&world);
	for (; world.step < STEPS_MAX && !is_done(&world); world.step++)
		run_step(&world);
	ck_assert_msg(is_done(&world), "seed %u: stuck: una %u of %u, %u of %u; wanted %u, %u",
		      seed, world.hosts[0].una, world.hosts[0].len + 2, world.hosts[1].una,
		      world.hosts[1].len + 2, world.hosts[0].wanted, world.hosts[1].wanted);
	for (unsigned int side = 0; side < 2; side++) {
		const struct host *receiver = &world.hosts[!side];
		uint32_t len = expected(&world, side, wanted);

		ck_assert_msg(receiver->fin == len + 2, "seed %u: %u bytes instead of %u", seed,
			      receiver->fin - 2, len);
		ck_assert_msg(memcmp(receiver->received + 1, wanted, len) == 0,
			      "seed %u: other bytes", seed);
	}
	end_world(&world);
}

START_TEST(test_tracker_streams_arrive_as_they_were_edited)
{
	for (uint32_t i = 0; i < unit_rounds(SIMULATIONS); i++)
		simulate(i);
}
END_TEST

UNIT_MAIN("tracker_stream", NULL, NULL, test_tracker_streams_arrive_as_they_were_edited)
