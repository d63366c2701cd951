/* SPDX-License-Identifier: MIT */
/*
 * TCP payloads that change their length, in connections between the kernel's own
 * ends: a thread in the middle puts brackets around each S and takes out each D, in
 * both directions, and loses packets now and then. Both ends must get every byte.
 */
#include "live.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STREAM = 60000 };

struct middle {
	struct nfbind_queue *queue;
	struct nfbind_tracker *tracker;
	unsigned int lose_every; /* packets with data; 0 for none */
	unsigned int with_data, lost, spliced;
	pthread_t thread;
};

/* Change one byte at a time, from the end, so that offsets stay. */
static void change(struct middle *middle, struct nfbind_packet *packet)
{
	const void *data;
	size_t len;

	if (nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &len) < 0)
		return;
	for (size_t i = len; i-- > 0;) {
		uint8_t byte;
		int r;

		(void)bytes_of(packet, NFBIND_PACKET_L4_PAYLOAD, &len);
		byte = bytes_of(packet, NFBIND_PACKET_L4_PAYLOAD, &len)[i];
		if (byte != 'S' && byte != 'D')
			continue;
		r = nfbind_tracker_splice(middle->tracker, packet, (uint32_t)i, 1,
					  byte == 'S' ? "<s>" : "", byte == 'S' ? 3 : 0);
		/* Sent before: then the tracker has changed it already. */
		ck_assert_msg(r == 0 || r == -EALREADY, "splice: %s", nfbind_error_name(r));
		middle->spliced += r == 0;
	}
}

static void pass_on(struct middle *middle, struct nfbind_packet *packet)
{
	const void *data;
	size_t len = 0;
	int r;

	(void)nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &len);
	middle->with_data += len > 0;
	r = nfbind_tracker_apply(middle->tracker, packet);
	ck_assert_msg(r == 0, "apply: %s", nfbind_error_name(r));
	change(middle, packet);
	if (len > 0 && middle->lose_every > 0 && middle->with_data % middle->lose_every == 0) {
		middle->lost++;
		judge(middle->queue, packet, NFBIND_VERDICT_DROP);
	} else {
		judge(middle->queue, packet, NFBIND_VERDICT_ACCEPT);
	}
}

static void *stand_between(void *argument)
{
	struct middle *middle = argument;
	struct nfbind_batch *batch;
	int r;

	while ((r = nfbind_queue_receive(middle->queue, -1, &batch)) >= 0)
		for (int i = 0; i < r; i++)
			pass_on(middle, nfbind_batch_packet(batch, (uint32_t)i));
	ck_assert_int_eq(r, -ECANCELED);
	return NULL;
}

static void start_middle(struct middle *middle)
{
	middle->queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_GSO, 0 }, { NFBIND_OPTIONS_MAXLEN, 10000 }));
	ck_assert_int_eq(nfbind_tracker_new(0, &middle->tracker), 0);
	start_thread(&middle->thread, stand_between, middle);
}

static void stop_middle(struct middle *middle)
{
	nfbind_queue_wake(middle->queue);
	pthread_join(middle->thread, NULL);
	nfbind_tracker_free(middle->tracker);
}

/* What arrives of a text. */
static size_t changed(const char *text, size_t len, char *to)
{
	size_t done = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == 'S') {
			memcpy(to + done, "<s>", 3);
			done += 3;
		} else if (text[i] != 'D') {
			to[done++] = text[i];
		}
	}
	return done;
}

static struct tcp connect_pair(const char *address, int server_netns)
{
	struct tcp tcp;
	int segment = 900, on = 1;

	netns_enter(server_netns);
	tcp.listener = tcp_listen(address, 5001);
	setsockopt(tcp.listener, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
	netns_enter(home);
	tcp.client = socket(strchr(address, ':') ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Segments that have room to grow on the wire. */
	setsockopt(tcp.client, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
	setsockopt(tcp.client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	connect_to(tcp.client, address, 5001);
	tcp.server = accept(tcp.listener, NULL, NULL);
	ck_assert_int_ge(tcp.server, 0);
	setsockopt(tcp.server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return tcp;
}

static void disconnect(const struct tcp *tcp)
{
	close(tcp->client);
	close(tcp->server);
	close(tcp->listener);
}

/* One line there and its answer back, each changed on its way. */
static void talk(const struct tcp *tcp, const char *text)
{
	char there[256], back[256];
	size_t len = changed(text, strlen(text), there);

	say_text(tcp->client, text);
	hear_bytes(tcp->server, there, len);
	say_text(tcp->server, text);
	len = changed(text, strlen(text), back);
	hear_bytes(tcp->client, back, len);
}

static void check_talk(const char *program, const char *address, int server_netns)
{
	struct middle middle = { .lose_every = 0 };
	struct tcp tcp;

	queue_rule(program, "OUTPUT -p tcp", 1);
	if (server_netns != home)
		queue_rule(program, "INPUT -p tcp", 1);
	start_middle(&middle);
	tcp = connect_pair(address, server_netns);
	talk(&tcp, "nothing to change");
	talk(&tcp, "a Secret");
	talk(&tcp, "Delete the D");
	talk(&tcp, "SDSDSDSSSSDDDDx");
	for (int i = 0; i < 20; i++)
		talk(&tcp, i % 3 ? "more S and more" : "and less D");
	ck_assert_uint_eq(nfbind_tracker_count(middle.tracker), 1);
	/* Both ends say goodbye in order. */
	shutdown(tcp.client, SHUT_WR);
	hear_bytes(tcp.server, "", 0);
	say_text(tcp.server, "Still heard");
	hear_text(tcp.client, "<s>till heard");
	disconnect(&tcp);
	run("%s -F", program);
	stop_middle(&middle);
	free_session(middle.queue);
}

START_TEST(test_tracker_keeps_a_conversation_whole)
{
	need_changes();
	check_talk("iptables", "127.0.0.1", home);
	check_talk("ip6tables", "::1", home);
}
END_TEST

START_TEST(test_tracker_keeps_a_conversation_whole_over_a_wire)
{
	int other = netns_new();

	need_changes();
	netns_enter(home);
	netns_join("here", other, "there", 1);
	check_talk("iptables", "10.1.0.2", other);
	netns_checksum_in_software("here");
	check_talk("ip6tables", "fd01::2", other);
}
END_TEST

/* Both directions at once, more than any window. */
struct stream {
	int fd;
	char text[STREAM];
	char wanted[3 * STREAM];
	size_t wanted_len;
	size_t sent, got;
};

static void prepare(struct stream *stream, int fd, uint32_t seed)
{
	*stream = (struct stream){ .fd = fd };
	for (size_t i = 0; i < STREAM; i++) {
		seed = seed * 1664525 + 1013904223;
		stream->text[i] = "abcdefghijklmnopqrstuvwxyz0123456789SSDD"[(seed >> 16) % 40];
		if (i % 29 > 1)
			stream->text[i] |= 0x20;
	}
	stream->wanted_len = changed(stream->text, STREAM, stream->wanted);
}

/* Send what goes, and compare what has come from the other one. */
static void advance(struct stream *stream, struct stream *from)
{
	char room[4096];
	ssize_t len;

	if (stream->sent < STREAM) {
		size_t left = STREAM - stream->sent;

		len = send(stream->fd, stream->text + stream->sent, left < 3000 ? left : 3000,
			   MSG_NOSIGNAL | MSG_DONTWAIT);
		stream->sent += len > 0 ? (size_t)len : 0;
	}
	while ((len = recv(stream->fd, room, sizeof(room), MSG_DONTWAIT)) > 0) {
		ck_assert_uint_le(from->got + (size_t)len, from->wanted_len);
		ck_assert_mem_eq(room, from->wanted + from->got, (size_t)len);
		from->got += (size_t)len;
	}
}

static void check_streams(unsigned int lose_every)
{
	static struct stream there, back;
	struct middle middle = { .lose_every = lose_every };
	struct tcp tcp;

	queue_rule("iptables", "OUTPUT -p tcp", 1);
	start_middle(&middle);
	tcp = connect_pair("127.0.0.1", home);
	prepare(&there, tcp.client, 1);
	prepare(&back, tcp.server, 2);
	while ((there.got < there.wanted_len || back.got < back.wanted_len) && seconds() < 45 * slowness()) {
		struct pollfd wait[2] = { { .fd = tcp.client, .events = POLLIN },
					  { .fd = tcp.server, .events = POLLIN } };

		advance(&there, &back);
		advance(&back, &there);
		poll(wait, 2, 1);
	}
	ck_assert_uint_eq(there.got, there.wanted_len);
	ck_assert_uint_eq(back.got, back.wanted_len);
	disconnect(&tcp);
	run("iptables -F");
	stop_middle(&middle);
	ck_assert_uint_gt(middle.spliced, 100);
	ck_assert(lose_every == 0 || middle.lost > 0);
}

START_TEST(test_tracker_changes_both_directions_at_once)
{
	need_changes();
	check_streams(0);
}
END_TEST

START_TEST(test_tracker_changes_what_is_sent_again)
{
	need_changes();
	check_streams(23);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "talk", test_tracker_keeps_a_conversation_whole },
		{ "talk", test_tracker_keeps_a_conversation_whole_over_a_wire },
		{ "stream", test_tracker_changes_both_directions_at_once },
		{ "stream", test_tracker_changes_what_is_sent_again },
	};

	return live_main("tracker", cases, sizeof(cases) / sizeof(cases[0]));
}
