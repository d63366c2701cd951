/* SPDX-License-Identifier: MIT */
/*
 * A whole table of random entries, seen by two programs: what this library adds,
 * conntrack(8) has to list with the same values in every field that it shows, and
 * what conntrack(8) adds, this library has to list as it was asked for. The mark
 * of an entry is its number in disguise, so that both lists can be matched.
 * NFBIND_SEED chooses other entries.
 */
#include "requests.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OURS = 5000,
	THEIRS = 1000,
	LABELLED = 50, /* of theirs: each costs a process */
	LINE_MAX_LEN = 2048,
	SLOW = 120, /* seconds that a slow machine may take from a list to the next */
};

/* Labels have names for conntrack(8) in a file that only root has: a private one, l0 to l127. */
#define WITH_LABEL_NAMES(command)                                                        \
	"exec unshare -m sh -c 'mount -t tmpfs none /etc && mkdir /etc/xtables && "      \
	"i=0 && while [ $i -lt 128 ]; do echo $i l$i; i=$((i + 1)); done "               \
	">/etc/xtables/connlabel.conf && " command "'"

#define need_conntrack8()                                                   \
	do {                                                                \
		if (!run_quietly("conntrack -L"))                           \
			skip("this kernel has no conntrack(8) that works"); \
		if (!run_quietly("unshare -m mount -t tmpfs none /etc"))    \
			skip("no mount can be made here, as in a chroot");  \
	} while (0)

static const char *const tcp_states[] = { "NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT",
					  "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2", NULL };
static const char *const sctp_states[] = { "NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED",
					   "SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", NULL };

/*
 * The kernel numbers labels in words of its long, conntrack(8) in words of 32 bits:
 * on 64-bit big-endian machines neighbouring words change places. Either way round.
 */
static uint32_t label_of_conntrack8(uint32_t label)
{
	const uint32_t one = 1;
	bool is_little = *(const uint8_t *)&one;

	return is_little || sizeof(long) == 4 ? label : label ^ 32;
}

/* Chance, the same on every machine. */

static uint32_t chance;

static void start_chance(void)
{
	const char *seed = getenv("NFBIND_SEED");

	chance = seed ? (uint32_t)strtoul(seed, NULL, 0) : 1;
}

static uint32_t any(uint32_t count)
{
	chance = chance * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(chance >> 8) * count >> 24);
}

/* Numbers in disguise, and back: the factors are each other's inverse. */
static uint32_t mark_of(uint32_t n)
{
	return (n + 1) * 2654435761u;
}

static uint32_t number_of_mark(uint64_t mark)
{
	return (uint32_t)mark * 244002641u - 1;
}

/* Random entries: as fields, and as words of conntrack(8). */

struct entry {
	char fields[1024];
	char words[1024];
};

static void add_text(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_text(char *text, const char *format, ...)
{
	size_t len = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + len, sizeof(((struct entry *)0)->fields) - len, format, arguments);
	va_end(arguments);
}

static void make_addresses(struct entry *entry, uint32_t n, bool is_v6)
{
	char src[64], dst[64];

	snprintf(src, sizeof(src), is_v6 ? "fd00::%x:%x" : "10.%u.%u.1", n >> 8, n & 255);
	snprintf(dst, sizeof(dst), is_v6 ? "fd01::%x:%x" : "172.16.%u.%u", any(256), any(256));
	add_text(entry->fields, "orig-src=%s orig-dst=%s", src, dst);
	add_text(entry->words, "-s %s -d %s", src, dst);
}

static void make_ports(struct entry *entry, const char *protocol, uint8_t number, const char *src_word,
		       const char *dst_word)
{
	uint32_t src = any(65536), dst = any(65536);

	add_text(entry->fields, " orig-l4proto=%u orig-port-src=%u orig-port-dst=%u", number, src, dst);
	add_text(entry->words, " -p %s %s %u %s %u", protocol, src_word, src, dst_word, dst);
}

static void make_echo(struct entry *entry, bool is_v6)
{
	static const uint8_t types[] = { 8, 13, 15, 17 }, types6[] = { 128, 139 };
	uint32_t type = is_v6 ? types6[any(2)] : types[any(4)], id = any(65536);
	const char *word = is_v6 ? "icmpv6" : "icmp";

	add_text(entry->fields, " orig-l4proto=%u orig-icmp-type=%u orig-icmp-code=0 orig-icmp-id=%u", is_v6 ? 58 : 1,
		 type, id);
	add_text(entry->words, " -p %s --%s-type %u --%s-code 0 --%s-id %u", word, word, type, word, word, id);
}

static void make_tcp(struct entry *entry)
{
	uint32_t state = 1 + any(8);

	make_ports(entry, "tcp", 6, "--sport", "--dport");
	add_text(entry->fields, " tcp-state=%u", state);
	add_text(entry->words, " --state %s", tcp_states[state]);
}

static void make_sctp(struct entry *entry)
{
	/*
	 * conntrack(8) sends the tags as this machine has them, where the kernel wants them as
	 * SCTP has them, and reads no more than a long holds, which may be of 32 bits.
	 */
	uint32_t state = 1 + any(7), first = any(1 << 24) & ~0x80u, second = any(1 << 24) & ~0x80u;

	make_ports(entry, "sctp", 132, "--sport", "--dport");
	add_text(entry->fields, " sctp-state=%u sctp-vtag-orig=%u sctp-vtag-repl=%u", state, first, second);
	add_text(entry->words, " --state %s --orig-vtag %u --reply-vtag %u", sctp_states[state], htonl(first),
		 htonl(second));
}

/* Whether it has ports, so that they can be translated. */
static bool make_protocol(struct entry *entry, bool is_v6)
{
	uint32_t kind = any(8);

	if (kind == 0) {
		make_echo(entry, is_v6);
	} else if (kind == 1) {
		make_ports(entry, "gre", 47, "--srckey", "--dstkey");
	} else if (kind == 2) {
		add_text(entry->fields, " orig-l4proto=99");
		add_text(entry->words, " -p 99");
	} else if (kind == 3) {
		make_sctp(entry);
	} else if (kind < 6) {
		make_ports(entry, "udp", 17, "--sport", "--dport");
	} else {
		make_tcp(entry);
	}
	return kind > 2;
}

static void make_status(struct entry *entry)
{
	static const struct {
		unsigned int bits;
		const char *word;
	} choices[] = {
		{ 8, "" },
		{ 10, " -u SEEN_REPLY" },
		{ 14, " -u SEEN_REPLY,ASSURED" },
		{ 0x40e, " -u SEEN_REPLY,ASSURED,FIXED_TIMEOUT" },
	};
	uint32_t choice = any(4);

	add_text(entry->fields, " status=%u", choices[choice].bits);
	add_text(entry->words, "%s", choices[choice].word);
}

static void make_zone(struct entry *entry)
{
	static const char *const fields[] = { "zone", "orig-zone", "repl-zone" };
	static const char *const words[] = { "-w", "--orig-zone", "--reply-zone" };
	uint32_t choice = any(6), zone = 1 + any(65535);

	if (choice > 2)
		return;
	add_text(entry->fields, " %s=%u", fields[choice], zone);
	add_text(entry->words, " %s %u", words[choice], zone);
}

static void make_labels(struct entry *entry)
{
	uint8_t labels[16] = { 0 };
	uint32_t label = any(128);

	if (any(3) > 0)
		return;
	labels[label / 8] = (uint8_t)(1u << label % 8);
	add_text(entry->fields, " labels=");
	for (size_t i = 0; i < sizeof(labels); i++)
		add_text(entry->fields, "%02x", labels[i]);
	add_text(entry->words, " --label-add l%u", label_of_conntrack8(label));
}

static void make_common(struct entry *entry, uint32_t n, bool has_labels)
{
	uint32_t timeout = 10000 + any(1000000);

	add_text(entry->fields, " timeout=%u mark=%u", timeout, mark_of(n));
	add_text(entry->words, " -t %u", timeout);
	make_status(entry);
	/* Before the status, conntrack(8) would take that for the mark. */
	add_text(entry->words, " -m %u", mark_of(n));
	make_zone(entry);
	if (has_labels)
		make_labels(entry);
}

/* Entry n, without what only one of the two programs can ask for; whether it has ports. */
static bool make_entry(struct entry *entry, uint32_t n, bool has_labels, bool *ret_is_v6)
{
	bool is_v6 = any(2);

	*entry = (struct entry){ .fields = "", .words = "-I " };
	make_addresses(entry, n, is_v6);
	*ret_is_v6 = is_v6;
	make_common(entry, n, has_labels);
	return make_protocol(entry, is_v6);
}

/* Translation to one address or a range of them, with or without ports. */
static void make_translation(struct entry *entry, bool is_v6)
{
	const char *kind = any(2) ? "snat" : "dnat";
	uint32_t last = 1 + any(100), port = 1 + any(60000);

	add_text(entry->fields, is_v6 ? " %s=fd09::%x" : " %s=192.0.2.%u", kind, last);
	if (any(2))
		add_text(entry->fields, is_v6 ? " %s-max=fd09::%x" : " %s-max=192.0.2.%u", kind, last + any(100));
	if (any(2))
		add_text(entry->fields, " %s-port=%u %s-port-max=%u", kind, port, kind, port + any(5000));
}

/* What conntrack(8) lists. */

/* A word of its lines: the field in the original direction, and how far that of the reply is. */
static const struct word {
	const char *key;
	uint32_t field;
	uint32_t shift;
} shown[] = {
	{ "src", NFBIND_CT_ORIG_SRC, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "dst", NFBIND_CT_ORIG_DST, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "sport", NFBIND_CT_ORIG_PORT_SRC, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "dport", NFBIND_CT_ORIG_PORT_DST, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "srckey", NFBIND_CT_ORIG_PORT_SRC, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "dstkey", NFBIND_CT_ORIG_PORT_DST, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "type", NFBIND_CT_ORIG_ICMP_TYPE, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "code", NFBIND_CT_ORIG_ICMP_CODE, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "icmp-id", NFBIND_CT_ORIG_ICMP_ID, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "l3", NFBIND_CT_ORIG_L3PROTO, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "l4", NFBIND_CT_ORIG_L4PROTO, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "packets", NFBIND_CT_ORIG_COUNTER_PACKETS, 2 },
	{ "bytes", NFBIND_CT_ORIG_COUNTER_BYTES, 2 },
	{ "zone-orig", NFBIND_CT_ORIG_ZONE, 0 },
	{ "zone-reply", NFBIND_CT_REPL_ZONE, 0 },
	{ "zone", NFBIND_CT_ZONE, 0 },
	{ "mark", NFBIND_CT_MARK, 0 },
	{ "id", NFBIND_CT_ID, 0 },
	{ "helper", NFBIND_CT_HELPER_NAME, 0 },
	{ "labels", NFBIND_CT_LABELS, 0 },
	{ "secctx", NFBIND_CT_SECCTX, 0 },
	{ "tcp", NFBIND_CT_TCP_STATE, 0 },
	{ "sctp", NFBIND_CT_SCTP_STATE, 0 },
	/* Their values need not be the same a moment later. */
	{ "use", NFBIND_CT_USE, 0 },
	{ "timeout", NFBIND_CT_TIMEOUT, 0 },
};

static void put_labels(struct nfbind_ct *ct, char *names)
{
	uint8_t labels[16] = { 0 };
	char *name;

	while ((name = strsep(&names, ","))) {
		uint32_t label = label_of_conntrack8((uint32_t)strtoul(name + 1, NULL, 10));

		ck_assert_msg(*name == 'l' && label < 128, "no label %s", name);
		labels[label / 8] |= (uint8_t)(1u << label % 8);
	}
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, NFBIND_CT_LABELS, labels, sizeof(labels)), 0);
}

static void put_address(struct nfbind_ct *ct, uint32_t field, const char *text)
{
	bool is_v6 = strchr(text, ':');
	uint8_t address[16];

	ck_assert_msg(inet_pton(is_v6 ? AF_INET6 : AF_INET, text, address) == 1, "no address: %s", text);
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, field, address, is_v6 ? 16 : 4), 0);
}

static void put(struct nfbind_ct *ct, const char *key, char *value, bool is_reply)
{
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		uint32_t field = shown[i].field + (is_reply ? shown[i].shift : 0);
		int kind = nfbind_fields_get_kind(nfbind_ct_fields(), field);

		if (strcmp(shown[i].key, key) != 0)
			continue;
		if (field == NFBIND_CT_LABELS)
			put_labels(ct, value);
		else if (kind == NFBIND_KIND_ADDRESS)
			put_address(ct, field, value);
		else if (kind == NFBIND_KIND_TEXT)
			ck_assert_int_eq(nfbind_ct_set_bytes(ct, field, value, strlen(value)), 0);
		else
			ck_assert_int_eq(nfbind_ct_set_number(ct, field, strtoull(value, NULL, 0)), 0);
		return;
	}
	ck_abort_msg("conntrack(8) shows %s=%s, which nobody here knows", key, value);
}

static void put_state(struct nfbind_ct *ct, bool is_tcp, const char *name)
{
	const char *const *names = is_tcp ? tcp_states : sctp_states;
	unsigned int state = 0;

	while (names[state] && strcmp(names[state], name) != 0)
		state++;
	ck_assert_msg(names[state] != NULL, "no state %s", name);
	nfbind_ct_set_number(ct, is_tcp ? NFBIND_CT_TCP_STATE : NFBIND_CT_SCTP_STATE, state);
}

/* "ipv4 2 tcp 6 999 ": both numbers hold for both directions. */
static char *put_front(struct nfbind_ct *ct, char *line, uint64_t *ret_l4proto)
{
	unsigned int l3, l4, timeout;
	int len = 0;

	ck_assert_msg(sscanf(line, "%*s %u %*s %u %u %n", &l3, &l4, &timeout, &len) == 3, "no entry: %s", line);
	for (uint32_t shift = 0; shift <= NFBIND_CT_REPL_SRC; shift += NFBIND_CT_REPL_SRC) {
		nfbind_ct_set_number(ct, NFBIND_CT_ORIG_L3PROTO + shift, l3);
		nfbind_ct_set_number(ct, NFBIND_CT_ORIG_L4PROTO + shift, l4);
	}
	nfbind_ct_set_number(ct, NFBIND_CT_TIMEOUT, timeout);
	*ret_l4proto = l4;
	return line + len;
}

static uint32_t flag_of(const char *word)
{
	if (strcmp(word, "[UNREPLIED]") == 0)
		return 0;
	ck_assert_msg(strcmp(word, "[ASSURED]") == 0, "what is %s?", word);
	return NFBIND_CT_STATUS_ASSURED;
}

/* The entry of one line; of its status only what conntrack(8) shows. */
static struct nfbind_ct *parse_line(char *line)
{
	struct nfbind_ct *ct;
	uint64_t status = NFBIND_CT_STATUS_SEEN_REPLY, l4proto;
	bool is_reply = false, is_tuple = true;
	char *rest, *word, *value;

	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	rest = put_front(ct, line, &l4proto);
	while ((word = strsep(&rest, " \n"))) {
		if (*word == '\0')
			continue;
		if (*word == '[') {
			status |= flag_of(word);
			if (word[1] == 'U')
				status &= ~(uint64_t)NFBIND_CT_STATUS_SEEN_REPLY;
			continue;
		}
		value = strchr(word, '=');
		if (!value) {
			put_state(ct, l4proto == 6, word);
			continue;
		}
		*value++ = '\0';
		/* The second source begins the reply, the mark the rest, which has another id. */
		if (strcmp(word, "src") == 0)
			is_reply = nfbind_ct_has(ct, NFBIND_CT_ORIG_SRC);
		if (strcmp(word, "mark") == 0)
			is_tuple = false;
		put(ct, strcmp(word, "id") == 0 && is_tuple ? "icmp-id" : word, value, is_reply);
	}
	nfbind_ct_set_number(ct, NFBIND_CT_STATUS, status);
	return ct;
}

/* Both lists, side by side. */

static struct nfbind_ct *theirs[OURS];

static void read_theirs(void)
{
	char line[LINE_MAX_LEN];
	FILE *pipe = popen(WITH_LABEL_NAMES("for family in ipv4 ipv6; do conntrack -L -f $family "
					    "-o extended,id,labels 2>/dev/null; done"), "re");

	ck_assert_ptr_nonnull(pipe);
	while (fgets(line, sizeof(line), pipe)) {
		struct nfbind_ct *ct = parse_line(line);
		uint32_t n = number_of_mark(ct_number(ct, NFBIND_CT_MARK));

		ck_assert_msg(n < OURS && !theirs[n], "nobody added this, or it came twice: %s", line);
		theirs[n] = ct;
	}
	ck_assert_int_eq(pclose(pipe), 0);
}

static bool is_same_field(const struct nfbind_ct *one, const struct nfbind_ct *other, uint32_t field)
{
	const void *data = NULL, *other_data = NULL;
	size_t len = 0, other_len = 0;
	uint64_t number, other_number;
	int r = nfbind_ct_get_number(one, field, &number);

	if (nfbind_ct_has(one, field) != nfbind_ct_has(other, field))
		return false;
	if (nfbind_ct_has(one, field) == 0)
		return true;
	if (r == 0)
		return nfbind_ct_get_number(other, field, &other_number) == 0 && number == other_number;
	return nfbind_ct_get_bytes(one, field, &data, &len) == 0 &&
	       nfbind_ct_get_bytes(other, field, &other_data, &other_len) == 0 && len == other_len &&
	       memcmp(data, other_data, len) == 0;
}

static void check_field(const struct nfbind_ct *our, const struct nfbind_ct *their, uint32_t field)
{
	char text[2048], other[2048];

	if (is_same_field(our, their, field))
		return;
	nfbind_ct_print(our, NFBIND_FORMAT_FIELDS, 0, NULL, text, sizeof(text));
	nfbind_ct_print(their, NFBIND_FORMAT_FIELDS, 0, NULL, other, sizeof(other));
	ck_abort_msg("%s is another:\n%s\n%s", nfbind_fields_get_name(nfbind_ct_fields(), field), text, other);
}

static void check_same(const struct nfbind_ct *our, const struct nfbind_ct *their)
{
	const uint64_t visible = NFBIND_CT_STATUS_SEEN_REPLY | NFBIND_CT_STATUS_ASSURED;
	uint64_t timeout = ct_number(our, NFBIND_CT_TIMEOUT);

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		if (shown[i].field == NFBIND_CT_USE || shown[i].field == NFBIND_CT_TIMEOUT)
			continue;
		check_field(our, their, shown[i].field);
		if (shown[i].shift)
			check_field(our, their, shown[i].field + shown[i].shift);
	}
	ck_assert_uint_eq(ct_number(our, NFBIND_CT_STATUS) & visible, ct_number(their, NFBIND_CT_STATUS));
	ck_assert_uint_ge(timeout + SLOW, ct_number(their, NFBIND_CT_TIMEOUT));
	ck_assert_uint_le(timeout, ct_number(their, NFBIND_CT_TIMEOUT) + SLOW);
	ck_assert_uint_gt(ct_number(our, NFBIND_CT_USE), 0);
	ck_assert_uint_gt(ct_number(their, NFBIND_CT_USE), 0);
}

/* What was asked for, and is listed as it was; the reply tuple of a translated one is the kernel's. */
static void check_given(const struct nfbind_ct *ct, struct nfbind_ct *given)
{
	static const uint32_t elsewhere[] = { NFBIND_CT_TIMEOUT, NFBIND_CT_STATUS, NFBIND_CT_SNAT, NFBIND_CT_SNAT_MAX,
					      NFBIND_CT_SNAT_PORT, NFBIND_CT_SNAT_PORT_MAX, NFBIND_CT_DNAT,
					      NFBIND_CT_DNAT_MAX, NFBIND_CT_DNAT_PORT, NFBIND_CT_DNAT_PORT_MAX };
	uint64_t timeout = ct_number(given, NFBIND_CT_TIMEOUT), status = ct_number(given, NFBIND_CT_STATUS);
	bool is_snat = nfbind_ct_has(given, NFBIND_CT_SNAT), is_dnat = nfbind_ct_has(given, NFBIND_CT_DNAT);

	ck_assert_uint_le(ct_number(ct, NFBIND_CT_TIMEOUT), timeout);
	ck_assert_uint_ge(ct_number(ct, NFBIND_CT_TIMEOUT), timeout - SLOW);
	ck_assert_uint_eq(ct_number(ct, NFBIND_CT_STATUS) & 0x40e, status | NFBIND_CT_STATUS_CONFIRMED);
	/* A range may hold the address that it is to replace. */
	ck_assert(!is_snat || !is_dnat);
	ck_assert(is_snat == !!(ct_number(ct, NFBIND_CT_STATUS) & NFBIND_CT_STATUS_SRC_NAT));
	ck_assert(is_dnat == !!(ct_number(ct, NFBIND_CT_STATUS) & NFBIND_CT_STATUS_DST_NAT));
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		nfbind_ct_clear(given, elsewhere[i]);
	for (uint32_t field = 0; field < (uint32_t)nfbind_fields_count(nfbind_ct_fields()); field++)
		if (nfbind_ct_has(given, field))
			check_field(ct, given, field);
}

static void prepare(void)
{
	run("echo 1 >/proc/sys/net/netfilter/nf_conntrack_acct");
	ck_assert_uint_eq(number_of_mark(mark_of(OURS)), OURS);
	start_chance();
}

/* How many of ours this machine has room for. */
static uint32_t room_for_ours(struct nfbind_conntrack *conntrack)
{
	struct nfbind_conntrack_stats stats;

	ck_assert_done(conntrack, nfbind_conntrack_read_stats(conntrack, &stats, sizeof(stats)));
	return stats.max_entries == 0 || stats.max_entries > OURS ? OURS : stats.max_entries / 2;
}

static bool has_labels(void)
{
	return run_quietly("iptables -A OUTPUT -m connlabel --label 127 -j ACCEPT");
}

START_TEST(test_table_is_as_conntrack8_lists_it)
{
	struct nfbind_conntrack *conntrack = open_requests();
	static char given[OURS][sizeof(((struct entry *)0)->fields)];
	struct nfbind_ct *ct = ct_of("mark=0");
	struct nfbind_list *list;
	bool labels, is_v6;
	uint32_t count = 0, ours = room_for_ours(conntrack);

	need_conntrack8();
	prepare();
	labels = has_labels();
	for (uint32_t n = 0; n < ours; n++) {
		struct entry entry;

		if (make_entry(&entry, n, labels, &is_v6) && any(4) == 0)
			make_translation(&entry, is_v6);
		else if (strstr(entry.fields, "orig-l4proto=6 ") && any(4) == 0)
			add_text(entry.fields, " helper-name=ftp");
		memcpy(given[n], entry.fields, sizeof(given[n]));
		add_ct(conntrack, "%s", entry.fields);
	}
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_TABLE, 0, &list));
	read_theirs();
	for (; nfbind_list_next_ct(list, ct) == 0; count++) {
		uint32_t n = number_of_mark(ct_number(ct, NFBIND_CT_MARK));
		struct nfbind_ct *asked = ct_of("%s", given[n]);

		ck_assert(n < ours && theirs[n]);
		check_same(ct, theirs[n]);
		check_given(ct, asked);
		nfbind_ct_free(asked);
		nfbind_ct_free(theirs[n]);
		theirs[n] = NULL;
	}
	ck_assert_uint_eq(count, ours);
	nfbind_list_free(list);
}
END_TEST

START_TEST(test_table_of_conntrack8_is_listed_as_it_was_asked_for)
{
	struct nfbind_conntrack *conntrack = open_requests();
	static struct entry entries[THEIRS];
	struct nfbind_ct *ct = ct_of("mark=0");
	char path[] = "/tmp/nfbind-live-table-XXXXXX", script[] = "/tmp/nfbind-live-table-XXXXXX";
	struct nfbind_list *list;
	uint32_t count = 0;
	bool labels, is_v6;
	FILE *files[2];

	need_conntrack8();
	prepare();
	labels = has_labels();
	files[false] = fdopen(mkstemp(path), "w");
	files[true] = fdopen(mkstemp(script), "w");
	for (uint32_t n = 0; n < THEIRS; n++) {
		/* With a label in it, conntrack -R loads one line and crashes. */
		make_entry(&entries[n], n, labels && n < LABELLED, &is_v6);
		fprintf(files[n < LABELLED], "%s%s\n", n < LABELLED ? "conntrack " : "", entries[n].words);
	}
	fclose(files[false]);
	fclose(files[true]);
	run("conntrack -R %s", path);
	run(WITH_LABEL_NAMES("exec sh -e %s 2>/dev/null"), script);
	unlink(path);
	unlink(script);
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_TABLE, 0, &list));
	for (; nfbind_list_next_ct(list, ct) == 0; count++) {
		uint32_t n = number_of_mark(ct_number(ct, NFBIND_CT_MARK));

		ck_assert_uint_lt(n, THEIRS);
		check_given(ct, ct_of("%s", entries[n].fields));
	}
	ck_assert_uint_eq(count, THEIRS);
	nfbind_list_free(list);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "ours", test_table_is_as_conntrack8_lists_it },
		{ "theirs", test_table_of_conntrack8_is_listed_as_it_was_asked_for },
	};

	return live_main("table", cases, sizeof(cases) / sizeof(cases[0]));
}
