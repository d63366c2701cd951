/* SPDX-License-Identifier: MIT */
/*
 * Why something did not work, as a sentence. The kernel says EPERM for a queue of
 * somebody else's and for a missing right alike, and EINVAL for a module that is not
 * there: asking once more, and looking around in proc, tells them apart.
 */
#include "queue.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>

#include "text.h"

enum {
	PROC_ROOM = 1 << 20,
	UNKNOWN_MESSAGE = 0x7f, /* no subsystem has one of this number */
};

/* Asking the kernel. */

static int ask(struct nfbind_queue *queue, uint16_t type, uint16_t number, uint32_t flag)
{
	uint8_t room[64] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *message = mnl_nlmsg_put_header(room);
	struct nfgenmsg *family = mnl_nlmsg_put_extra_header(message, sizeof(*family));

	message->nlmsg_type = type;
	family->version = NFNETLINK_V0;
	family->res_id = htons(number);
	if (flag) {
		mnl_attr_put_u32(message, KERNEL_NFQA_CFG_FLAGS, htonl(flag));
		mnl_attr_put_u32(message, KERNEL_NFQA_CFG_MASK, htonl(flag));
	}
	return queue_request(queue, message);
}

/* Rights are looked at before the message type is. */
int diagnose_rights(struct nfbind_queue *queue)
{
	int r = ask(queue, KERNEL_SUBSYS_QUEUE << 8 | UNKNOWN_MESSAGE, 0, 0);

	return r == -EPERM ? -EPERM : 0;
}

/* An unbound queue answers ENODEV when it knows the flag; 65535 downwards is rarely bound. */
static int ask_flag(struct nfbind_queue *queue, uint32_t flag)
{
	int r = -EPERM;

	for (uint16_t number = UINT16_MAX; number > UINT16_MAX - 16 && r == -EPERM; number--)
		r = ask(queue, KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_CONFIG, number, flag);
	return r;
}

int diagnose_flags(struct nfbind_queue *queue, uint32_t *ret_flags)
{
	uint32_t flags = 0;

	for (uint32_t flag = KERNEL_CFG_FAIL_OPEN; flag <= KERNEL_CFG_SECCTX; flag <<= 1) {
		int r = ask_flag(queue, flag);

		if (r == -ENODEV || r == 0)
			flags |= flag;
		else if (r != -EOPNOTSUPP && r != -524 /* ENOTSUPP */)
			return r;
	}
	*ret_flags = flags;
	return 0;
}

/* Looking around in proc. */

static int read_proc(struct nfbind_queue *queue, const char *name, char **ret_text)
{
	struct ledger *ledger = queue->ledger;
	char *text = malloc(PROC_ROOM);
	int r;

	if (!text)
		return -ENOMEM;
	ledger_unlock(ledger);
	r = socket_read_proc(&ledger->socket, name, text, PROC_ROOM - 1);
	ledger_lock(ledger);
	if (r < 0) {
		free(text);
		return r;
	}
	text[r] = '\0';
	*ret_text = text;
	return 0;
}

static const char *next_line(const char *line)
{
	line = strchr(line, '\n');
	return line ? line + 1 : "";
}

/* The port id that owns a queue; the file is readable to root only. */
static int find_owner(struct nfbind_queue *queue, uint16_t number, uint32_t *ret_port_id)
{
	char *text;
	int r = read_proc(queue, "netfilter/nfnetlink_queue", &text);

	if (r < 0)
		return r;
	r = -ENOENT;
	for (const char *line = text; *line && r < 0; line = next_line(line)) {
		unsigned int queue_number;

		if (sscanf(line, "%u %" SCNu32, &queue_number, ret_port_id) == 2 &&
		    queue_number == number)
			r = 0;
	}
	free(text);
	return r;
}

/* The inode of the netlink socket with a port id: fields 2, 3 and 10 of /proc/net/netlink. */
static unsigned long find_inode(struct nfbind_queue *queue, uint32_t port_id)
{
	unsigned long inode = 0, found;
	unsigned int protocol;
	uint32_t port;
	char *text;

	if (read_proc(queue, "netlink", &text) < 0)
		return 0;
	for (const char *line = text; *line && inode == 0; line = next_line(line))
		if (sscanf(line, "%*s %u %" SCNu32 " %*s %*s %*s %*s %*s %*s %lu", &protocol, &port,
			   &found) == 3 &&
		    protocol == KERNEL_NETLINK_NETFILTER && port == port_id)
			inode = found;
	free(text);
	return inode;
}

static bool has_socket(const char *pid, unsigned long inode)
{
	char path[300], target[64], wanted[64];
	struct dirent *entry;
	bool found = false;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	directory = opendir(path);
	while (directory && !found && (entry = readdir(directory))) {
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/%.16s/fd/%.16s", pid, entry->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		target[len > 0 ? len : 0] = '\0';
		found = strcmp(target, wanted) == 0;
	}
	if (directory)
		closedir(directory);
	return found;
}

static void add_program(const char *pid, struct text *text)
{
	char path[64], name[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	file = fopen(path, "re");
	if (file && fgets(name, sizeof(name), file))
		name[strcspn(name, "\n")] = '\0';
	if (file)
		fclose(file);
	text_add(text, " (pid %s, ", pid);
	text_add_escaped(text, name, strlen(name));
	text_add(text, ")");
}

static void add_process(unsigned long inode, struct text *text)
{
	DIR *directory = inode ? opendir("/proc") : NULL;
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		if (!isdigit((unsigned char)entry->d_name[0]) || !has_socket(entry->d_name, inode))
			continue;
		add_program(entry->d_name, text);
		break;
	}
	if (directory)
		closedir(directory);
}

/* Sentences. */

static void explain_owner(struct nfbind_queue *queue, uint16_t number)
{
	uint32_t port_id = 0;
	char sentence[256];
	struct text text;
	int r = find_owner(queue, number, &port_id);

	text_start(&text, sentence, sizeof(sentence));
	text_add(&text, "queue %u is bound already by ", number);
	if (r == 0) {
		unsigned long inode = find_inode(queue, port_id);

		text_add(&text, "port %" PRIu32, port_id);
		ledger_unlock(queue->ledger);
		add_process(inode, &text);
		ledger_lock(queue->ledger);
	} else {
		text_add(&text, "another socket (which one, only root may read: %s)",
			 strerror(-r));
	}
	ledger_explain(queue->ledger, NFBIND_SIDE_RECEIVE, "%s", sentence);
}

/* Ownership is looked at before anything else is (nfqnl_recv_config()). */
int diagnose_taken(struct nfbind_queue *queue, uint16_t number)
{
	int r = queue_enter(queue);

	if (r < 0)
		return r;
	r = ask(queue, KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_CONFIG, number, 0);

	if (r == -EPERM) {
		explain_owner(queue, number);
		r = -EBUSY;
	}
	queue_leave(queue);
	return r == -ENODEV ? 0 : r;
}

static const struct {
	uint32_t flag;
	const char *name;
} flag_names[] = {
	{ KERNEL_CFG_FAIL_OPEN, "fail-open" },
	{ KERNEL_CFG_CONNTRACK, "conntrack (it was built without NETFILTER_NETLINK_GLUE_CT, or nf_conntrack_netlink is missing)" },
	{ KERNEL_CFG_GSO, "gso" },
	{ KERNEL_CFG_UID_GID, "uid-gid" },
	{ KERNEL_CFG_SECCTX, "secctx" },
};

static void explain_flags(struct nfbind_queue *queue, uint16_t number, uint32_t wanted)
{
	uint32_t known = 0;
	int r = diagnose_flags(queue, &known);

	for (size_t i = 0; r == 0 && i < sizeof(flag_names) / sizeof(flag_names[0]); i++) {
		if (!(wanted & flag_names[i].flag & ~known))
			continue;
		ledger_explain(queue->ledger, NFBIND_SIDE_RECEIVE,
			       "queue %u: this kernel lacks the queue flag %s", number,
			       flag_names[i].name);
		return;
	}
	ledger_explain(queue->ledger, NFBIND_SIDE_RECEIVE,
		       "queue %u: this kernel lacks one of the queue flags", number);
}

int diagnose_bind(struct nfbind_queue *queue, uint16_t number, uint32_t flags, int error)
{
	struct ledger *ledger = queue->ledger;

	if (error == -524)
		error = -EOPNOTSUPP;
	if (error == -EPERM && diagnose_rights(queue) == 0)
		error = -EBUSY;
	if (error == -EBUSY)
		explain_owner(queue, number);
	else if (error == -EPERM)
		ledger_explain(ledger, NFBIND_SIDE_RECEIVE,
			       "queue %u: CAP_NET_ADMIN is missing in the user namespace that owns this network namespace",
			       number);
	else if (error == -EINVAL)
		ledger_explain(ledger, NFBIND_SIDE_RECEIVE,
			       "queue %u: this kernel has no nfnetlink_queue", number);
	else if (error == -EOPNOTSUPP)
		explain_flags(queue, number, flags);
	else
		ledger_explain(ledger, NFBIND_SIDE_RECEIVE, "queue %u: %s", number,
			       strerror(-error));
	return error;
}

int diagnose_open(struct ledger *ledger, const struct socket_place *place, int error)
{
	const char *what = "the session could not be opened";

	if (error == -EINVAL && place->socket_fd >= 0)
		what = "the given descriptor is no netlink socket for netfilter";
	else if (error == -EINVAL)
		what = "more than one of the options that name a namespace or socket, or a batch size out of range";
	else if (error == -EPROTONOSUPPORT || error == -EAFNOSUPPORT)
		what = "this kernel has no nfnetlink";
	else if (place->netns_path || place->netns_pid || place->netns_fd >= 0)
		what = error == -EPERM ?
			       "no right to enter that network namespace: it takes CAP_SYS_ADMIN in the user namespaces of both" :
			       "that network namespace could not be entered";
	ledger_explain(ledger, NFBIND_SIDE_RECEIVE, "%s: %s", what, strerror(-error));
	return error == -EAFNOSUPPORT ? -EPROTONOSUPPORT : error;
}
