/* SPDX-License-Identifier: MIT */
/*
 * The parts of the recorder. A case is one situation in a namespace of its own: commands that set it up,
 * traffic that makes it happen, and what a recording of it must hold to be worth keeping. Cases are rows
 * of two tables, packets (what a queue delivers) and the rest (conntrack, expectations, helpers, errors).
 */
#ifndef TESTS_VM_RECORD_H
#define TESTS_VM_RECORD_H

#include "raw.h"

#define RECORD_QUEUE 7
#define RECORD_SKIPPED 77
#define RECORD_WANTS 4

/* Connections are tracked in a namespace only once some rule asks for them. */
#define RECORD_TRACK "iptables -A INPUT -m conntrack --ctstate INVALID\n"
/* a - p0 (here) p1 - b; and no packets but the case's own */
#define RECORD_TWO_NAMESPACES \
	"for n in a b; do ip netns add $n; done\n" \
	"sysctl -qw net.ipv6.conf.default.disable_ipv6=1\n" \
	"for n in a b; do ip netns exec $n sysctl -qw net.ipv6.conf.default.disable_ipv6=1; done\n" \
	"ip link add p0 address 02:00:00:00:00:a0 type veth peer name e0 address 02:00:00:00:00:0a netns a\n" \
	"ip link add p1 address 02:00:00:00:00:b0 type veth peer name e0 address 02:00:00:00:00:0b netns b\n" \
	"ip link set p0 up; ip link set p1 up\n" \
	"ip -n a link set e0 up; ip -n b link set e0 up\n"
#define RECORD_ROUTER RECORD_TWO_NAMESPACES \
	"sysctl -qw net.ipv4.ip_forward=1\n" \
	"ip addr add 10.0.111.1/24 dev p0; ip addr add 10.0.2.1/24 dev p1\n" \
	"ip -n a addr add 10.0.111.2/24 dev e0; ip -n a route add default via 10.0.111.1\n" \
	"ip -n b addr add 10.0.2.2/24 dev e0; ip -n b route add default via 10.0.2.1\n"

struct record_case {
	const char *name;	/* of the file, and of the test in the report */
	const char *setup;	/* shell; when it fails this kernel cannot, and the case is skipped */
	void (*traffic)(void);	/* runs in a child, which is killed when the recording is there */
	/* NULL: record the first queued packet that is not skipped */
	int (*run)(const struct record_case *c);
	uint32_t flags;		/* NFQA_CFG_F_*, NFQA_CFG_F_CONNTRACK always added unless bare */
	uint32_t range;		/* of the copy, 0 for all */
	int skip;		/* packets to accept before the one to keep */
	bool bare;		/* without the connection */
	bool meta;		/* without the payload */
	bool newer;		/* older kernels than the newest lack what it wants: skipped there */
	int request;		/* of a dump: subsystem << 8 | message */
	int family;		/* and its family */
	uint32_t groups;	/* of events, bit n - 1 for group n */
	int wants[RECORD_WANTS];	/* attributes that must be there, NFQA_* or CTA_* */
	int wants_ct[RECORD_WANTS];	/* and in the connection of a packet */
};

extern const struct record_case record_packets[];
extern const struct record_case record_tables[];

/* write one datagram as it came */
int record_write(const char *name, const void *data, size_t data_len);
/* the first attribute that the case wants and the message does not have; 0 when it is complete */
int record_lacks(const struct record_case *c, const struct nlmsghdr *header);
/* start traffic in a child of its own that dies with this process */
void record_start(void (*traffic)(void));

/* traffic.c: each runs until its connection has said what it has to say; sockets stay open */
void traffic_enter(const char *namespace);
void traffic_udp(void);
void traffic_udp_twice(void);
void traffic_udp6(void);
void traffic_udp_as_user(void);
void traffic_udp_in_cgroup(void);
void traffic_udp_large(void);
void traffic_tcp(void);
void traffic_tcp_bulk(void);
void traffic_tcp_close(void);
void traffic_sctp(void);
void traffic_icmp(void);
void traffic_icmp6(void);
void traffic_ftp_greeting(void);
void traffic_ftp(void);
void traffic_ftp_data(void);
/* from namespace a to namespace b, over whatever lies between them */
void traffic_between(void);
void traffic_between_tagged(void);
void traffic_ftp_between(void);

#endif
