/* SPDX-License-Identifier: MIT */
/*
 * What libnetfilter_conntrack, below the original nfct, says of each entry of the table:
 * its line, and then a line with name and number for each attribute of the document.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <libnetfilter_conntrack/libnetfilter_conntrack.h>

static const struct {
	const char *name;
	enum nf_conntrack_attr attr;
	int bits;
} attributes[] = {
	{ "orig-ipv4-src", ATTR_ORIG_IPV4_SRC, 32 },
	{ "orig-ipv4-dst", ATTR_ORIG_IPV4_DST, 32 },
	{ "repl-ipv4-src", ATTR_REPL_IPV4_SRC, 32 },
	{ "repl-ipv4-dst", ATTR_REPL_IPV4_DST, 32 },
	{ "orig-port-src", ATTR_ORIG_PORT_SRC, 16 },
	{ "orig-port-dst", ATTR_ORIG_PORT_DST, 16 },
	{ "repl-port-src", ATTR_REPL_PORT_SRC, 16 },
	{ "repl-port-dst", ATTR_REPL_PORT_DST, 16 },
	{ "icmp-type", ATTR_ICMP_TYPE, 8 },
	{ "icmp-code", ATTR_ICMP_CODE, 8 },
	{ "icmp-id", ATTR_ICMP_ID, 16 },
	{ "orig-l3proto", ATTR_ORIG_L3PROTO, 8 },
	{ "repl-l3proto", ATTR_REPL_L3PROTO, 8 },
	{ "orig-l4proto", ATTR_ORIG_L4PROTO, 8 },
	{ "repl-l4proto", ATTR_REPL_L4PROTO, 8 },
	{ "tcp-state", ATTR_TCP_STATE, 8 },
	{ "snat-ipv4", ATTR_SNAT_IPV4, 32 },
	{ "dnat-ipv4", ATTR_DNAT_IPV4, 32 },
	{ "snat-port", ATTR_SNAT_PORT, 16 },
	{ "dnat-port", ATTR_DNAT_PORT, 16 },
	{ "mark", ATTR_MARK, 32 },
	{ "orig-counter-packets", ATTR_ORIG_COUNTER_PACKETS, 32 },
	{ "repl-counter-packets", ATTR_REPL_COUNTER_PACKETS, 32 },
	{ "orig-counter-bytes", ATTR_ORIG_COUNTER_BYTES, 32 },
	{ "repl-counter-bytes", ATTR_REPL_COUNTER_BYTES, 32 },
	{ "id", ATTR_ID, 32 },
	{ "status", ATTR_STATUS, 32 },
	{ "tcp-flags-orig", ATTR_TCP_FLAGS_ORIG, 8 },
	{ "tcp-flags-repl", ATTR_TCP_FLAGS_REPL, 8 },
	{ "tcp-mask-orig", ATTR_TCP_MASK_ORIG, 8 },
	{ "tcp-mask-repl", ATTR_TCP_MASK_REPL, 8 },
	{ "master-ipv4-src", ATTR_MASTER_IPV4_SRC, 32 },
	{ "master-ipv4-dst", ATTR_MASTER_IPV4_DST, 32 },
	{ "master-port-src", ATTR_MASTER_PORT_SRC, 16 },
	{ "master-port-dst", ATTR_MASTER_PORT_DST, 16 },
	{ "master-l3proto", ATTR_MASTER_L3PROTO, 8 },
	{ "master-l4proto", ATTR_MASTER_L4PROTO, 8 },
	{ "secmark", ATTR_SECMARK, 32 },
	{ "orig-nat-seq-correction-pos", ATTR_ORIG_NAT_SEQ_CORRECTION_POS, 32 },
	{ "orig-nat-seq-offset-before", ATTR_ORIG_NAT_SEQ_OFFSET_BEFORE, 32 },
	{ "orig-nat-seq-offset-after", ATTR_ORIG_NAT_SEQ_OFFSET_AFTER, 32 },
	{ "repl-nat-seq-correction-pos", ATTR_REPL_NAT_SEQ_CORRECTION_POS, 32 },
	{ "repl-nat-seq-offset-before", ATTR_REPL_NAT_SEQ_OFFSET_BEFORE, 32 },
	{ "repl-nat-seq-offset-after", ATTR_REPL_NAT_SEQ_OFFSET_AFTER, 32 },
	{ "sctp-state", ATTR_SCTP_STATE, 8 },
	{ "sctp-vtag-orig", ATTR_SCTP_VTAG_ORIG, 32 },
	{ "sctp-vtag-repl", ATTR_SCTP_VTAG_REPL, 32 },
	{ "dccp-state", ATTR_DCCP_STATE, 8 },
	{ "dccp-role", ATTR_DCCP_ROLE, 8 },
};

/* What is absent is 0 there, too. */
static uint32_t value_of(struct nf_conntrack *ct, enum nf_conntrack_attr attr, int bits)
{
	if (bits == 8)
		return nfct_get_attr_u8(ct, attr);
	return bits == 16 ? nfct_get_attr_u16(ct, attr) : nfct_get_attr_u32(ct, attr);
}

static int show(enum nf_conntrack_msg_type type, struct nf_conntrack *ct, void *data)
{
	char line[4096];

	nfct_snprintf(line, sizeof(line), ct, NFCT_T_UPDATE, NFCT_O_DEFAULT, 0);
	printf("%s\n", line);
	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
		printf("%s %d %u\n", attributes[i].name, attributes[i].bits,
		       value_of(ct, attributes[i].attr, attributes[i].bits));
	return NFCT_CB_CONTINUE;
}

int main(void)
{
	struct nfct_handle *handle = nfct_open(CONNTRACK, 0);
	uint32_t family = AF_UNSPEC;

	if (!handle || nfct_callback_register(handle, NFCT_T_ALL, show, NULL) < 0 ||
	    nfct_query(handle, NFCT_Q_DUMP, &family) < 0) {
		perror("home");
		return 1;
	}
	nfct_close(handle);
	return 0;
}
