/* SPDX-License-Identifier: MIT */
/*
 * The packet tools on a pipe: reads one request on a line and prints one answer on
 * a line, through the public interface only, so that a program in any language can
 * be the judge (scapy_oracle.py). Bytes are in hexadecimal, "-" stands for none.
 *
 *   get PACKET                        name=value ... of the header fields
 *   verify PACKET                     the set of what is wrong
 *   print PACKET                      the readable line
 *   edit PACKET CHANGE ...            result ... packet
 *     number:FIELD:VALUE  bytes:FIELD:BYTES  splice:OFFSET:REMOVE:BYTES
 *   reply PACKET FLAGS BYTES          packet, or the error
 *   unreachable PACKET CODE           packet, or the error
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nfbind/packet.h>

enum { BYTES_MAX = 70000 };

static uint8_t scratch[BYTES_MAX];

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t read_hex(const char *text, uint8_t *bytes)
{
	size_t len = 0;

	for (; len < BYTES_MAX && digit(text[0]) >= 0 && digit(text[1]) >= 0; text += 2)
		bytes[len++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
	return len;
}

static void print_hex(const void *data, size_t data_len)
{
	const uint8_t *bytes = data;

	if (data_len == 0)
		printf("-");
	for (size_t i = 0; i < data_len; i++) {
		putchar("0123456789abcdef"[bytes[i] >> 4]);
		putchar("0123456789abcdef"[bytes[i] & 0xf]);
	}
}

static void print_packet(const struct nfbind_packet *packet)
{
	const void *data = NULL;
	size_t data_len = 0;

	nfbind_packet_get_bytes(packet, NFBIND_PACKET_PAYLOAD, &data, &data_len);
	print_hex(data, data_len);
}

static void answer_packet(int result, struct nfbind_packet *packet)
{
	if (result < 0)
		printf("error %s", nfbind_error_name(result));
	else
		print_packet(packet);
	nfbind_packet_free(packet);
}

static void get(const struct nfbind_packet *packet)
{
	const struct nfbind_fields *fields = nfbind_packet_fields();
	const void *data;
	size_t data_len;
	uint64_t value;

	for (uint32_t i = NFBIND_PACKET_IP_VERSION; i < nfbind_fields_count(fields); i++) {
		const char *name = nfbind_fields_get_name(fields, i);

		if (nfbind_packet_get_number(packet, i, &value) == 0) {
			printf("%s=%" PRIu64 " ", name, value);
		} else if (nfbind_packet_get_bytes(packet, i, &data, &data_len) == 0) {
			printf("%s=", name);
			print_hex(data, data_len);
			printf(" ");
		}
	}
}

static int change(struct nfbind_packet *packet, char *text)
{
	char *kind = strsep(&text, ":"), *first = strsep(&text, ":"), *second = strsep(&text, ":");
	uint32_t field = 0;
	size_t len;

	if (!first || !second)
		return -1;
	if (strcmp(kind, "splice") == 0) {
		len = read_hex(text, scratch);
		return nfbind_packet_splice(packet, (uint32_t)atol(first), (uint32_t)atol(second),
					    scratch, len);
	}
	if (nfbind_fields_find(nfbind_packet_fields(), first, &field) < 0)
		return -1;
	if (strcmp(kind, "number") == 0)
		return nfbind_packet_set_number(packet, field, strtoull(second, NULL, 10));
	len = read_hex(second, scratch);
	return nfbind_packet_set_bytes(packet, field, scratch, len);
}

static void edit(struct nfbind_packet *packet, char *changes)
{
	char *text;

	while ((text = strsep(&changes, " "))) {
		int r = change(packet, text);

		printf("%s ", r < 0 ? nfbind_error_name(r) : "ok");
	}
	print_packet(packet);
}

static void build(const struct nfbind_packet *packet, const char *verb, char *arguments)
{
	struct nfbind_packet *answer = NULL;
	char *number = strsep(&arguments, " ");
	size_t len;
	int r;

	if (strcmp(verb, "unreachable") == 0) {
		r = nfbind_packet_build_unreachable(packet, (uint32_t)atol(number), &answer);
	} else {
		len = read_hex(arguments, scratch);
		r = nfbind_packet_build_reply(packet, (uint32_t)atol(number), scratch, len, &answer);
	}
	answer_packet(r, answer);
}

static void answer(char *line)
{
	static uint8_t bytes[BYTES_MAX];
	struct nfbind_packet *packet;
	char *verb = strsep(&line, " "), *hex = strsep(&line, " ");
	char text[1000];
	uint32_t wrong;
	int r = nfbind_packet_new(bytes, read_hex(hex ? hex : "-", bytes), &packet);

	if (r < 0) {
		printf("error %s", nfbind_error_name(r));
		return;
	}
	if (strcmp(verb, "get") == 0) {
		get(packet);
	} else if (strcmp(verb, "verify") == 0) {
		r = nfbind_packet_verify(packet, &wrong);
		printf("%" PRIu32, r < 0 ? UINT32_MAX : wrong);
	} else if (strcmp(verb, "print") == 0) {
		nfbind_packet_print(packet, NFBIND_PACKET_FORMAT_LINE, text, sizeof(text));
		printf("%s", text);
	} else if (strcmp(verb, "edit") == 0) {
		edit(packet, line);
	} else {
		build(packet, verb, line);
	}
	nfbind_packet_free(packet);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		answer(line);
		printf("\n");
	}
	free(line);
	return 0;
}
