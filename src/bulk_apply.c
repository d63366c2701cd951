/* SPDX-License-Identifier: MIT */
/*
 * Applying a bulk. The kernel works through a send message by message before the send
 * returns, and answers each one that fails; the last one of a send asks for an answer in
 * any case, so that everything before it is known to be done (net/netlink/af_netlink.c,
 * netlink_rcv_skb()). Sends are short enough for all answers to fit the receive buffer,
 * and these are read before the next one.
 */
#include "bulk.h"

#include <errno.h>
#include <string.h>

enum {
	/* More in a send gains nothing. */
	PACK_MAX = 64 << 10,
	/* What an answer takes of the receive buffer, as the kernel counts, with words. */
	ANSWER_SPACE = 1536,
	TRIES = 16, /* of a send that did not even begin */
};

struct run {
	struct requester *requester;
	struct nfbind_bulk *bulk;
	uint32_t base;     /* the sequence number of the first operation */
	uint32_t answered; /* operations before this one have their result */
	uint32_t sent;
	size_t most_bytes; /* of a send */
	uint32_t most;     /* operations of a send */
	bool is_lost;      /* some answers of this send were */
};

static struct nlmsghdr *message_at(const struct nfbind_bulk *bulk, uint32_t index)
{
	return (struct nlmsghdr *)(bulk->data + bulk->operations[index].offset);
}

/* How many of the next operations go together, and their bytes. */
static uint32_t pack(const struct run *run, size_t *ret_len)
{
	const struct nfbind_bulk *bulk = run->bulk;
	uint32_t end = run->sent;
	size_t len = 0;

	while (end < bulk->count && end - run->sent < run->most &&
	       (end == run->sent || len + bulk_len(bulk, end) <= run->most_bytes))
		len += bulk_len(bulk, end++);
	*ret_len = len;
	return end;
}

static void number_messages(const struct run *run, uint32_t end)
{
	for (uint32_t i = run->sent; i < end; i++) {
		struct nlmsghdr *message = message_at(run->bulk, i);

		message->nlmsg_seq = run->base + i;
		message->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
		if (i + 1 == end)
			message->nlmsg_flags |= NLM_F_ACK;
	}
}

/* Those of the send without a result get this one. */
static void settle(struct run *run, int result)
{
	for (uint32_t i = run->answered; i < run->sent; i++)
		if (run->bulk->operations[i].result == RESULT_PENDING)
			run->bulk->operations[i].result = result;
	run->answered = run->sent;
}

static void take_answer(struct run *run, const struct answer *answer)
{
	uint32_t index = answer->sequence - run->base;

	/* What is left of a request that nobody waits for any more is none of these. */
	if (index < run->answered || index >= run->sent)
		return;
	run->bulk->operations[index].result = answer->error == -524 ? -EOPNOTSUPP : answer->error;
	if (answer->words)
		bulk_set_words(run->bulk, index, answer->words);
}

/*
 * Without CAP_NET_ADMIN the kernel answers the first message of a send and looks at no
 * other one (net/netfilter/nfnetlink.c, nfnetlink_rcv()): then nothing else comes.
 */
static bool is_refused_whole(const struct run *run)
{
	return run->bulk->operations[run->answered].result == -EPERM;
}

/* Until the last one's: 0, or why the rest is not to be sent. */
static int read_answers(struct run *run)
{
	const struct operation *last = &run->bulk->operations[run->sent - 1];
	struct answer answer;
	int r;

	run->is_lost = false;
	while (last->result == RESULT_PENDING) {
		/* What comes came before the send returned; waiting is for what nobody foresaw. */
		bool is_all_there = run->is_lost || is_refused_whole(run);

		r = requester_next_answer(run->requester, is_all_there ? 0 : ANSWER_TIMEOUT, &answer);
		if (r == 0)
			take_answer(run, &answer);
		else if (r == -ENOBUFS)
			run->is_lost = true;
		else if (r != -EINTR)
			break;
	}
	if (last->result != RESULT_PENDING && !run->is_lost) {
		settle(run, 0);
		return 0;
	}
	if (!run->is_lost && is_refused_whole(run)) {
		settle(run, -EPERM);
		return -EPERM;
	}
	settle(run, -EINPROGRESS);
	return run->is_lost ? 0 : r;
}

/* Part of a send can only be operations that are whole. */
static int take_part(struct run *run, size_t taken)
{
	uint32_t before = run->sent;

	while (taken >= bulk_len(run->bulk, run->sent)) {
		taken -= bulk_len(run->bulk, run->sent);
		run->bulk->operations[run->sent++].result = RESULT_PENDING;
	}
	return run->sent > before ? 0 : -EIO;
}

/* One send, and its answers: 0, or why the rest is not to be sent. */
static int send_some(struct run *run)
{
	size_t len;
	uint32_t end = pack(run, &len);
	int r, tries = 0;

	number_messages(run, end);
	do
		r = socket_send(&run->requester->socket, message_at(run->bulk, run->sent), len);
	while ((r == -EINTR || r == -EAGAIN || r == -ENOBUFS) && ++tries < TRIES);
	if (r == -EMSGSIZE && end - run->sent > 1) {
		run->most_bytes = len / 2;
		return 0;
	}
	if (r == -EMSGSIZE) {
		/* Those before it are answered, unless only a part of a send was taken. */
		run->answered += run->answered == run->sent;
		run->bulk->operations[run->sent++].result = -EMSGSIZE;
		return 0;
	}
	if (r < 0) {
		requester_explain(run->requester, "the operations could not be sent: %s", strerror(-r));
		return r;
	}
	if ((size_t)r < len)
		return take_part(run, (size_t)r);
	for (; run->sent < end; run->sent++)
		run->bulk->operations[run->sent].result = RESULT_PENDING;
	return read_answers(run);
}

static uint32_t forget_results(struct nfbind_bulk *bulk)
{
	for (uint32_t i = 0; i < bulk->count; i++) {
		bulk->operations[i].result = -ECANCELED;
		bulk->operations[i].words = 0;
	}
	bulk->words_len = bulk->words_last = 0;
	return bulk->count;
}

static int count_done(const struct nfbind_bulk *bulk)
{
	int done = 0;

	for (uint32_t i = 0; i < bulk->count; i++)
		done += bulk->operations[i].result == 0;
	return done;
}

static void start_run(struct run *run, struct nfbind_conntrack *conntrack, struct nfbind_bulk *bulk)
{
	struct requester *requester = &conntrack->requester;
	uint32_t buffer = requester->socket.send_buffer / 2;

	*run = (struct run){
		.requester = requester, .bulk = bulk, .base = requester->sequence + 1,
		.most_bytes = buffer < PACK_MAX ? buffer : PACK_MAX,
		.most = requester->socket.receive_buffer / ANSWER_SPACE,
	};
	if (run->most == 0)
		run->most = 1;
	requester_start_answers(requester, bulk->count);
}

int nfbind_conntrack_apply(struct nfbind_conntrack *conntrack, struct nfbind_bulk *bulk)
{
	struct run run;
	int r = bulk ? 0 : -EINVAL, done;

	if (r == 0)
		forget_results(bulk);
	if (r == 0)
		r = conntrack_start(conntrack);
	if (r < 0)
		return r;
	start_run(&run, conntrack, bulk);
	while (r == 0 && run.sent < bulk->count)
		r = send_some(&run);
	/* Where only a part of the last send was taken. */
	settle(&run, -EINPROGRESS);
	conntrack_explain(conntrack, r, ct_reasons);
	done = count_done(bulk);
	return r < 0 && done == 0 ? r : done;
}
