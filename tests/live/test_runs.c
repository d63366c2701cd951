/* SPDX-License-Identifier: MIT */
/*
 * Runs of verdicts. Equal ones may travel as one message, which decides on every
 * packet of the queue up to an id, so each test compares packet by packet what
 * arrives with what was decided. Most rules are in OUTPUT, where a packet is in its
 * queue before send() returns: batches are full then.
 */
#include "live.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum {
	PORT = 5001,
	CHUNK = 400, /* packets under way at a time */
};

static struct nfbind_queue *many_session(bool is_coalescing)
{
	return bind_session(1, OPTIONS({ NFBIND_OPTIONS_MAXLEN, 100000 },
				       { NFBIND_OPTIONS_COALESCE, is_coalescing }));
}

/* The numbers that arrive are those for which `passes` says so, in order. */
static void hear_chosen(int fd, uint32_t first, uint32_t count, bool (*passes)(uint32_t number))
{
	uint32_t number;

	for (uint32_t i = first; i < first + count; i++) {
		if (!passes(i))
			continue;
		ck_assert_int_eq(hear(fd, &number, sizeof(number), PATIENCE), sizeof(number));
		ck_assert_uint_eq(ntohl(number), i);
	}
	hear_nothing(fd);
}

static void judge_chosen(struct nfbind_queue *queue, uint32_t count, bool (*passes)(uint32_t number))
{
	for (uint32_t judged = 0; judged < count;) {
		struct nfbind_batch *batch = receive(queue);

		for (uint32_t i = 0; i < nfbind_batch_count(batch); i++, judged++) {
			struct nfbind_packet *packet = nfbind_batch_packet(batch, i);
			uint32_t verdict = passes(datagram_number(packet)) ? NFBIND_VERDICT_ACCEPT :
									     NFBIND_VERDICT_DROP;

			ck_assert_int_eq(nfbind_queue_verdict(queue, packet, verdict), 0);
		}
	}
	ck_assert_int_eq(nfbind_queue_send(queue), 0);
}

static bool passes_all(uint32_t number)
{
	(void)number;
	return true;
}

/* Runs of all lengths from 1 to 30. */
static bool passes_in_runs(uint32_t number)
{
	uint32_t place = number % 465, len = 1;

	while (place >= len)
		place -= len++;
	return len % 2;
}

static bool passes_at_random(uint32_t number)
{
	return (number * UINT32_C(2654435761)) >> 13 & 1;
}

/* Thousands of packets; how many messages that took. */
static uint64_t check_pattern(bool is_coalescing, bool (*passes)(uint32_t number), uint32_t *ret_count)
{
	struct udp udp = udp_pair("127.0.0.1", PORT);
	struct nfbind_queue *queue = many_session(is_coalescing);
	struct nfbind_queue_stats stats;
	uint32_t count = 0;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	while (count == 0 || (count < 4000 && seconds() < 5)) {
		say_numbers(udp.sender, count, CHUNK);
		judge_chosen(queue, CHUNK, passes);
		hear_chosen(udp.receiver, count, CHUNK, passes);
		count += CHUNK;
	}
	receive_nothing(queue);
	take_no_notice(queue);
	stats = stats_of(queue, 1);
	ck_assert_uint_eq(stats.decided, count);
	ck_assert_uint_eq(stats.queue_undecided, 0);
	*ret_count = count;
	return stats.messages;
}

START_TEST(test_verdict_equal_ones_travel_together)
{
	uint32_t count;
	uint64_t messages = check_pattern(true, passes_all, &count);

	/* One for each batch of 64. */
	ck_assert_uint_le(messages, count / 32);
}
END_TEST

START_TEST(test_verdict_runs_of_all_lengths_are_exact)
{
	uint32_t count;
	uint64_t messages = check_pattern(true, passes_in_runs, &count);

	ck_assert_uint_lt(messages, count / 5);
}
END_TEST

START_TEST(test_verdict_without_pattern_is_exact)
{
	uint32_t count;
	uint64_t messages = check_pattern(true, passes_at_random, &count);

	ck_assert_uint_lt(messages, count);
}
END_TEST

START_TEST(test_verdict_travels_alone_without_the_option)
{
	uint32_t count;
	uint64_t messages = check_pattern(false, passes_in_runs, &count);

	ck_assert_uint_eq(messages, count);
}
END_TEST

/* Marks. */

START_TEST(test_verdict_runs_carry_their_mark)
{
	struct udp udp = udp_pair("127.0.0.1", PORT);
	struct nfbind_queue *queue = many_session(true), *other = bind_session(2, NULL);
	struct nfbind_batch *batch;

	run("iptables -t mangle -A INPUT -p udp -j NFQUEUE --queue-num 1");
	queue_rule("iptables", "INPUT -p udp", 2);
	say_numbers(udp.sender, 0, 60);
	batch = receive_all(queue, 1, 60);
	for (uint32_t i = 0; i < 60; i++) {
		struct nfbind_packet *packet = nfbind_batch_packet(batch, i);

		/* Three kinds: no mark set, one, another. */
		if (i / 10 % 3 > 0)
			ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, i / 10), 0);
		ck_assert_int_eq(nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_ACCEPT), 0);
	}
	ck_assert_int_eq(nfbind_queue_send(queue), 0);
	ck_assert_uint_eq(stats_of(queue, 1).messages, 6);
	batch = receive_all(other, 2, 60);
	for (uint32_t i = 0; i < 60; i++) {
		struct nfbind_packet *packet = nfbind_batch_packet(batch, i);

		ck_assert_uint_eq(datagram_number(packet), i);
		if (i / 10 % 3 > 0)
			ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_MARK), i / 10);
		else
			ck_assert(is_absent(packet, NFBIND_PACKET_MARK));
	}
}
END_TEST

/* The oldest undecided packet. */

static bool is_not_5(uint32_t number)
{
	return number != 5;
}

static bool is_neither_3_nor_6(uint32_t number)
{
	return number != 3 && number != 6;
}

START_TEST(test_verdict_run_stops_before_a_kept_packet)
{
	struct udp udp = udp_pair("127.0.0.1", PORT);
	struct nfbind_queue *queue = many_session(true);
	struct nfbind_packet *kept = NULL;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_numbers(udp.sender, 0, 200);
	for (uint32_t seen = 0; seen < 200;) {
		struct nfbind_batch *batch = receive(queue);

		for (uint32_t i = 0; i < nfbind_batch_count(batch); i++, seen++)
			if (seen == 5)
				kept = keep(nfbind_batch_packet(batch, i));
		ck_assert_int_ge(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), 0);
	}
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	hear_chosen(udp.receiver, 0, 200, is_not_5);
	ck_assert_uint_eq(stats_of(queue, 1).queue_undecided, 1);
	judge(queue, kept, NFBIND_VERDICT_ACCEPT);
	hear_bytes(udp.receiver, (const uint8_t[]){ 0, 0, 0, 5 }, 4);
}
END_TEST

START_TEST(test_verdict_run_stops_before_an_undecided_packet)
{
	struct udp udp = udp_pair("127.0.0.1", PORT);
	struct nfbind_queue *queue = many_session(true);
	struct nfbind_batch *batch;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_numbers(udp.sender, 0, 8);
	batch = receive_all(queue, 1, 8);
	for (uint32_t i = 0; i < 8; i++)
		if (i != 3 && i != 6)
			ck_assert_int_eq(nfbind_queue_verdict(queue, nfbind_batch_packet(batch, i),
							      NFBIND_VERDICT_ACCEPT), 0);
	ck_assert_int_eq(nfbind_queue_send(queue), 0);
	ck_assert_uint_eq(stats_of(queue, 1).queue_undecided, 2);
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	hear_chosen(udp.receiver, 0, 8, is_neither_3_nor_6);
}
END_TEST

START_TEST(test_verdict_from_last_to_first_is_exact)
{
	struct udp udp = udp_pair("127.0.0.1", PORT);
	struct nfbind_queue *queue = many_session(true);
	struct nfbind_batch *batch;
	bool has_come[60] = { false };
	uint32_t number;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_numbers(udp.sender, 0, 60);
	batch = receive_all(queue, 1, 60);
	for (uint32_t i = 60; i-- > 0;)
		ck_assert_int_eq(nfbind_queue_verdict(queue, nfbind_batch_packet(batch, i),
						      i / 4 % 2 ? NFBIND_VERDICT_ACCEPT :
								  NFBIND_VERDICT_DROP), 0);
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	for (uint32_t i = 0; i < 28; i++) {
		ck_assert_int_eq(hear(udp.receiver, &number, sizeof(number), PATIENCE), 4);
		ck_assert(!has_come[ntohl(number)]);
		has_come[ntohl(number)] = true;
	}
	for (uint32_t i = 0; i < 60; i++)
		ck_assert_int_eq(has_come[i], i / 4 % 2);
	hear_nothing(udp.receiver);
	take_no_notice(queue);
}
END_TEST

/* Whatever a program may do, in any order, against a model. */

enum { PACKETS = 4000 };

struct game {
	struct nfbind_queue *queue;
	struct udp udp;
	bool changes;
	uint32_t random;
	struct nfbind_packet *kept[64];
	unsigned int kept_count;
	uint8_t wanted[PACKETS];
	uint8_t came[PACKETS];
	uint32_t missing; /* of those wanted */
};

static uint32_t roll(struct game *game, uint32_t sides)
{
	game->random = game->random * 1664525 + 1013904223;
	return (game->random >> 16) % sides;
}

static void decide(struct game *game, struct nfbind_packet *packet)
{
	bool passes = roll(game, 3) > 0;
	uint32_t number = datagram_number(packet);
	static const char more[200] = "more";

	game->wanted[number] = passes;
	game->missing += passes;
	if (game->changes && roll(game, 6) == 0)
		ck_assert_int_eq(nfbind_packet_splice(packet, 4, 0, more, roll(game, sizeof(more))), 0);
	if (roll(game, 5) == 0)
		ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 1 + roll(game, 2)), 0);
	ck_assert_ok(game->queue, NFBIND_SIDE_SEND,
		     nfbind_queue_verdict(game->queue, packet,
					  passes ? NFBIND_VERDICT_ACCEPT : NFBIND_VERDICT_DROP));
}

static void decide_kept(struct game *game)
{
	unsigned int at = roll(game, game->kept_count);
	struct nfbind_packet *packet = game->kept[at];

	game->kept[at] = game->kept[--game->kept_count];
	/* Freeing gives the default, which is to drop. */
	if (roll(game, 4) > 0)
		decide(game, packet);
	nfbind_packet_free(packet);
}

static void play_batch(struct game *game, struct nfbind_batch *batch)
{
	uint32_t count = nfbind_batch_count(batch), order[64];

	for (uint32_t i = 0; i < count; i++) {
		uint32_t other = roll(game, i + 1);

		order[i] = order[other];
		order[other] = i;
	}
	for (uint32_t i = 0; i < count; i++) {
		/* Mostly in order, as programs do. */
		struct nfbind_packet *packet =
			nfbind_batch_packet(batch, game->random & 1 << 20 ? i : order[i]);

		if (game->kept_count < 64 && roll(game, 12) == 0 &&
		    nfbind_packet_keep(packet, &game->kept[game->kept_count]) == 0)
			game->kept_count++;
		else if (game->kept_count > 0 && roll(game, 15) == 0)
			decide_kept(game);
		else if (roll(game, 20) > 0 && nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 0) == 0)
			decide(game, packet);
	}
}

static void listen_to(struct game *game, int milliseconds)
{
	uint32_t number;

	while (hear(game->udp.receiver, &number, sizeof(number), milliseconds) == 4) {
		ck_assert_uint_lt(ntohl(number), PACKETS);
		game->came[ntohl(number)]++;
		game->missing--;
	}
}

START_TEST(test_verdict_in_any_order_is_exact)
{
	static struct game game;
	struct nfbind_batch *batch;
	uint32_t said = 0;

	game = (struct game){ .queue = many_session(true), .udp = udp_pair("127.0.0.1", PORT),
			      .random = 7, .changes = can_change_payload() };
	queue_rule("iptables", "OUTPUT -p udp", 1);
	while (said == 0 || (said < PACKETS && seconds() < 5)) {
		uint32_t count = 1 + roll(&game, 100);

		count = count > PACKETS - said ? PACKETS - said : count;
		say_numbers(game.udp.sender, said, count);
		said += count;
		while (nfbind_queue_receive(game.queue, 0, &batch) > 0)
			play_batch(&game, batch);
		/* No more on their way than lo and the receiver hold. */
		do
			listen_to(&game, game.missing > CHUNK ? 20 : 0);
		while (game.missing > CHUNK && seconds() < PATIENCE / 1000 * slowness());
	}
	while (game.kept_count > 0)
		decide_kept(&game);
	ck_assert_int_eq(nfbind_queue_settle(game.queue), 0);
	while (game.missing > 0 && seconds() < PATIENCE / 1000 * slowness())
		listen_to(&game, 20);
	hear_nothing(game.udp.receiver);
	for (uint32_t i = 0; i < said; i++)
		ck_assert_msg(game.came[i] == game.wanted[i], "packet %u came %u times instead of %u", i,
			      game.came[i], game.wanted[i]);
	take_no_notice(game.queue);
	ck_assert_uint_eq(stats_of(game.queue, 1).queue_undecided, 0);
	ck_assert_uint_eq(stats_of(game.queue, 1).refused, 0);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "pattern", test_verdict_equal_ones_travel_together },
		{ "pattern", test_verdict_runs_of_all_lengths_are_exact },
		{ "pattern", test_verdict_without_pattern_is_exact },
		{ "pattern", test_verdict_travels_alone_without_the_option },
		{ "mark", test_verdict_runs_carry_their_mark },
		{ "watermark", test_verdict_run_stops_before_a_kept_packet },
		{ "watermark", test_verdict_run_stops_before_an_undecided_packet },
		{ "watermark", test_verdict_from_last_to_first_is_exact },
		{ "game", test_verdict_in_any_order_is_exact },
	};

	return live_main("runs", cases, sizeof(cases) / sizeof(cases[0]));
}
