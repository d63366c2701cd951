#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An independent judge of the packet tools: scapy builds random packets, reads
them, changes them and builds them again; packet_tool does the same through the
library, and every byte has to agree.

    scapy_oracle.py PACKET_TOOL [PACKETS [SEED]]

Exits with 77 when no python here has scapy.
"""
import os
import random
import shlex
import subprocess
import sys

OTHER_PYTHON = "/usr/bin/python3"
try:
    import scapy  # noqa: F401
except ImportError:
    if os.path.exists(OTHER_PYTHON) and "NFBIND_ORACLE" not in os.environ:
        os.environ["NFBIND_ORACLE"] = "second try"
        os.execv(OTHER_PYTHON, [OTHER_PYTHON] + sys.argv)
    print("skipped: neither python3 nor /usr/bin/python3 has scapy")
    sys.exit(77)

import logging

logging.getLogger("scapy").setLevel(logging.ERROR)

from scapy.fields import BitField, ByteField, IntField, ShortField, StrLenField, XShortField
from scapy.layers.inet import (ICMP, IP, TCP, UDP, IPOption_LSRR, IPOption_NOP, IPOption_RR, fragment,
                               in4_pseudoheader)
from scapy.layers.inet6 import (HAO, ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, IPv6,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                                IPv6ExtHdrRouting, IPv6ExtHdrSegmentRouting, PadN, RouterAlert,
                                _IPv6ExtHdr, fragment6, in6_pseudoheader)
from scapy.layers.sctp import SCTP
from scapy.packet import Packet, Raw, bind_layers
from scapy.utils import checksum

VERIFY_LENGTH, VERIFY_IP, VERIFY_L4, VERIFY_PARTIAL = 1, 2, 4, 8


def pseudo_header(layer, protocol, length):
    under = layer.underlayer
    if isinstance(under, IP):
        return in4_pseudoheader(protocol, under, length)
    return bytes(in6_pseudoheader(protocol, under, length))


class UDPLite(Packet):
    """RFC 3828: the length field says how much is covered."""
    name = "UDP-Lite"
    fields_desc = [ShortField("sport", 0), ShortField("dport", 0), ShortField("coverage", 0),
                   XShortField("chksum", None)]

    def post_build(self, header, payload):
        data = header + payload
        if self.chksum is None:
            covered = data[:self.coverage or len(data)]
            value = checksum(pseudo_header(self, 136, len(data)) + covered) or 0xffff
            data = data[:6] + value.to_bytes(2, "big") + data[8:]
        return data


class DCCP(Packet):
    """RFC 4340: the generic header, with options that nobody reads."""
    name = "DCCP"
    fields_desc = [ShortField("sport", 0), ShortField("dport", 0), ByteField("words", 3),
                   BitField("ccval", 0, 4), BitField("coverage", 0, 4), XShortField("chksum", None),
                   IntField("sequence", 0), StrLenField("options", b"")]

    def post_build(self, header, payload):
        data = header + payload
        if self.chksum is None:
            end = len(header) + (self.coverage - 1) * 4 if self.coverage else len(data)
            value = checksum(pseudo_header(self, 33, len(data)) + data[:end])
            data = data[:6] + value.to_bytes(2, "big") + data[8:]
        return data


class AH(_IPv6ExtHdr):
    """RFC 4302, as an IPv6 extension header."""
    name = "AH"
    fields_desc = [ByteField("nh", 59), ByteField("words", 4), ShortField("reserved", 0),
                   IntField("spi", 1), IntField("sequence", 2), StrLenField("icv", b"x" * 12)]


for number, layer in ((136, UDPLite), (33, DCCP)):
    bind_layers(IP, layer, proto=number)
    bind_layers(IPv6, layer, nh=number)

NUMBERS = {TCP: 6, UDP: 17, UDPLite: 136, DCCP: 33, SCTP: 132, ICMP: 1}


class Subject:
    """A random packet, its IP and transport layers, and what its fields should read as."""

    def __init__(self, rng, version=None, protocols=None):
        self.rng = rng
        self.version = version or rng.choice((4, 6))
        self.data = self.bytes(rng.choice((0, 1, 2, 3, 7, 40, 41, rng.randrange(1400))))
        self.transport = self.make_transport(rng.choice(protocols or ("tcp", "tcp", "udp", "udplite",
                                                                      "dccp", "sctp", "icmp")))
        if self.data and not self.is_echo6():
            self.transport.add_payload(Raw(self.data))
        self.ip = self.make_ipv4() if self.version == 4 else self.make_ipv6()

    def bytes(self, count):
        return self.rng.randbytes(count)

    def is_echo6(self):
        return isinstance(self.transport, (ICMPv6EchoRequest, ICMPv6EchoReply))

    def address(self, version=None):
        if (version or self.version) == 4:
            return "%d.%d.%d.%d" % (self.rng.randrange(1, 223), self.rng.randrange(256),
                                    self.rng.randrange(256), self.rng.randrange(1, 255))
        return "fd%02x:%x::%x" % (self.rng.randrange(256), self.rng.randrange(1, 65536),
                                  self.rng.randrange(1, 65536))

    def make_tcp(self):
        options = []
        if self.rng.random() < .5:
            options = self.rng.sample([("MSS", self.rng.randrange(65536)), ("SAckOK", b""),
                                       ("WScale", self.rng.randrange(15)), ("NOP", None),
                                       ("Timestamp", (self.rng.randrange(2**32), 7)),
                                       ("SAck", (1, 2))], self.rng.randrange(1, 7))
        return TCP(seq=self.rng.randrange(2**32), ack=self.rng.randrange(2**32), options=options,
                   flags=self.rng.randrange(256), window=self.rng.randrange(65536),
                   urgptr=self.rng.randrange(65536))

    def make_icmp(self):
        if self.version == 4:
            if self.rng.random() < .3:
                return ICMP(type=3, code=self.rng.randrange(16))
            return ICMP(type=self.rng.choice((0, 8)), id=self.rng.randrange(65536),
                        seq=self.rng.randrange(65536))
        if self.rng.random() < .3:
            return ICMPv6DestUnreach(code=self.rng.randrange(7))
        kind = self.rng.choice((ICMPv6EchoRequest, ICMPv6EchoReply))
        return kind(id=self.rng.randrange(65536), seq=self.rng.randrange(65536), data=self.data)

    def make_transport(self, protocol):
        if protocol == "icmp":
            return self.make_icmp()
        if protocol == "tcp":
            layer = self.make_tcp()
        elif protocol == "udp":
            layer = UDP()
            if self.version == 4 and self.rng.random() < .2:
                layer.chksum = 0
        elif protocol == "udplite":
            layer = UDPLite(coverage=self.rng.choice((0, 8, 8 + len(self.data),
                                                      8 + self.rng.randrange(len(self.data) + 1))))
        elif protocol == "dccp":
            words = self.rng.randrange(4)
            layer = DCCP(words=3 + words, options=self.bytes(words * 4), sequence=self.rng.randrange(2**32),
                         coverage=self.rng.randrange(min(len(self.data) // 4 + 2, 16)))
        else:
            layer = SCTP(tag=self.rng.randrange(2**32))
        layer.sport = self.rng.randrange(1, 65536)
        layer.dport = self.rng.randrange(1, 65536)
        return layer

    def make_ipv4(self):
        options = []
        if self.rng.random() < .4:
            choice = [IPOption_NOP(), IPOption_RR(routers=[self.address()] * self.rng.randrange(1, 4)),
                      IPOption_LSRR(routers=[self.address(), self.address()])]
            options = self.rng.sample(choice, self.rng.randrange(1, 3))
        return IP(src=self.address(), dst=self.address(), ttl=self.rng.randrange(256),
                  tos=self.rng.randrange(256), id=self.rng.randrange(65536), options=options,
                  flags=self.rng.choice(("", "DF")), proto=self.number()) / self.transport

    def number(self):
        return 58 if self.version == 6 and self.transport.name.startswith("ICMPv6") \
            else NUMBERS[type(self.transport)]

    def make_ipv6(self):
        makers = [
            lambda: (0, IPv6ExtHdrHopByHop(options=[RouterAlert(), PadN(optdata=self.bytes(5))])),
            lambda: (60, IPv6ExtHdrDestOpt(options=[PadN(optdata=self.bytes(self.rng.randrange(9)))])),
            lambda: (60, IPv6ExtHdrDestOpt(options=[HAO(hoa=self.address())])),
            lambda: (43, IPv6ExtHdrRouting(type=0, segleft=self.rng.randrange(3),
                                           addresses=[self.address(), self.address()])),
            lambda: (43, IPv6ExtHdrRouting(type=2, segleft=1, addresses=[self.address()])),
            lambda: (43, IPv6ExtHdrSegmentRouting(segleft=self.rng.randrange(3), lastentry=1,
                                                  addresses=[self.address(), self.address()])),
            lambda: (44, IPv6ExtHdrFragment(id=self.rng.randrange(2**32))),
            lambda: (51, AH()),
        ]
        chosen, routes = [], 0
        for maker in self.rng.sample(makers, self.rng.choice((0, 0, 1, 2, 3))):
            number, header = maker()
            routes += number == 43
            if number != 43 or routes < 2:
                chosen.append((number, header))
        packet = IPv6(src=self.address(), dst=self.address(), hlim=self.rng.randrange(256),
                      tc=self.rng.randrange(256), fl=self.rng.randrange(2**20))
        numbers = [number for number, _ in chosen] + [self.number()]
        packet.nh = numbers[0]
        for (_, header), following in zip(chosen, numbers[1:]):
            header.nh = following
            packet = packet / header
        return packet / self.transport

    def build(self):
        # scapy changes dst when it meets a source route.
        dst = self.ip.dst
        data = bytes(self.ip)
        self.ip.dst = dst
        return data

    def l4(self):
        return self.ip[type(self.transport)]

    def transport_len(self):
        layer = self.l4()
        if isinstance(layer, TCP):
            return 20 + (sum(self.option_len(option) for option in layer.options) + 3) // 4 * 4
        if isinstance(layer, DCCP):
            return layer.words * 4
        return 12 if isinstance(layer, SCTP) else 8

    @staticmethod
    def option_len(option):
        return {"MSS": 4, "SAckOK": 2, "WScale": 3, "NOP": 1, "Timestamp": 10, "SAck": 10}[option[0]]

    def set_data(self, data):
        self.data = data
        if self.is_echo6():
            self.l4().data = data
            return
        self.l4().remove_payload()
        if data:
            self.l4().add_payload(Raw(data))

    def expect_ip(self, data):
        ip = self.ip
        want = {"ip-version": self.version, "ip-src": raw_address(ip.src), "ip-dst": raw_address(ip.dst),
                "ip-protocol": self.number()}
        if self.version == 4:
            want.update({"ip-ttl": ip.ttl, "ip-dscp": ip.tos >> 2, "ip-ecn": ip.tos & 3, "ip-id": ip.id,
                         "ip-dont-fragment": int(bool(ip.flags.DF))})
        else:
            want.update({"ip-ttl": ip.hlim, "ip-dscp": ip.tc >> 2, "ip-ecn": ip.tc & 3,
                         "ip-flow-label": ip.fl})
            if IPv6ExtHdrFragment in ip:
                want["ip-id"] = ip[IPv6ExtHdrFragment].id
        return want

    def expect(self, data):
        want, layer = self.expect_ip(data), self.l4()
        start = len(data) - len(self.data) - self.transport_len()
        want["l4-payload"] = self.data.hex() or "-"
        if hasattr(layer, "sport"):
            want.update({"port-src": layer.sport, "port-dst": layer.dport})
        if isinstance(layer, TCP):
            want.update({"tcp-seq": layer.seq, "tcp-ack": layer.ack, "tcp-flags": int(layer.flags),
                         "tcp-window": layer.window, "tcp-urgent": layer.urgptr,
                         "tcp-options": data[start + 20:len(data) - len(self.data)].hex() or "-"})
            sizes = [value for name, value in layer.options if name == "MSS"]
            if sizes:
                want["tcp-mss"] = sizes[0]
        elif isinstance(layer, SCTP):
            want["sctp-vtag"] = layer.tag
        elif hasattr(layer, "type") and hasattr(layer, "code"):
            want.update({"icmp-type": layer.type, "icmp-code": layer.code})
            if layer.type in (0, 8, 128, 129):
                want.update({"icmp-id": layer.id, "icmp-seq": layer.seq})
        return want


def raw_address(text):
    import socket
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text).hex()


# Changes: each returns the request for packet_tool and applies itself to the subject.

def change_number(subject, field, layer, attribute, limit):
    value = subject.rng.randrange(limit)
    setattr(layer, attribute, value)
    return "number:%s:%d" % (field, value)


def change_address(subject):
    which, value = subject.rng.choice(("src", "dst")), subject.address()
    setattr(subject.ip, which, value)
    return "bytes:ip-%s:%s" % (which, raw_address(value))


def change_tos(subject):
    attribute = "tos" if subject.version == 4 else "tc"
    old = getattr(subject.ip, attribute)
    if subject.rng.random() < .5:
        value = subject.rng.randrange(64)
        setattr(subject.ip, attribute, value << 2 | old & 3)
        return "number:ip-dscp:%d" % value
    value = subject.rng.randrange(4)
    setattr(subject.ip, attribute, old & 0xfc | value)
    return "number:ip-ecn:%d" % value


def change_ip(subject):
    ip = subject.ip
    if subject.version == 6:
        if IPv6ExtHdrFragment in ip and subject.rng.random() < .3:
            return change_number(subject, "ip-id", ip[IPv6ExtHdrFragment], "id", 2**32)
        field, attribute, limit = subject.rng.choice((("ip-ttl", "hlim", 256),
                                                      ("ip-flow-label", "fl", 2**20)))
        return change_number(subject, field, ip, attribute, limit)
    if subject.rng.random() < .2:
        value = subject.rng.randrange(2)
        ip.flags = "DF" if value else ""
        return "number:ip-dont-fragment:%d" % value
    field, attribute, limit = subject.rng.choice((("ip-ttl", "ttl", 256), ("ip-id", "id", 65536)))
    return change_number(subject, field, ip, attribute, limit)


def change_header(subject):
    layer, choices = subject.l4(), []
    if hasattr(layer, "sport"):
        choices += [("port-src", "sport", 65536), ("port-dst", "dport", 65536)]
    if isinstance(layer, TCP):
        choices += [("tcp-seq", "seq", 2**32), ("tcp-ack", "ack", 2**32), ("tcp-window", "window", 65536),
                    ("tcp-flags", "flags", 256), ("tcp-urgent", "urgptr", 65536)]
        if layer.options and subject.rng.random() < .2:
            size = subject.transport_len() - 20
            layer.options = [("NOP", None)] * size
            return "bytes:tcp-options:" + "01" * size
    elif isinstance(layer, SCTP):
        choices += [("sctp-vtag", "tag", 2**32)]
    elif hasattr(layer, "code"):
        choices += [("icmp-code", "code", 256)]
        if layer.type in (0, 8, 128, 129):
            choices += [("icmp-id", "id", 65536), ("icmp-seq", "seq", 65536)]
    field, attribute, limit = subject.rng.choice(choices)
    return change_number(subject, field, layer, attribute, limit)


def change_payload(subject):
    old, rng = subject.data, subject.rng
    new = subject.bytes(rng.choice((0, 1, 2, 3, 8, 57, rng.randrange(300))))
    if rng.random() < .3:
        follow_coverage(subject, 0, len(old), len(new))
        subject.set_data(new)
        return "bytes:l4-payload:" + (new.hex() or "-")
    offset = rng.randrange(len(old) + 1)
    remove = rng.choice((0, min(len(new), len(old) - offset), rng.randrange(len(old) - offset + 1)))
    follow_coverage(subject, offset, remove, len(new))
    subject.set_data(old[:offset] + new + old[offset + remove:])
    return "splice:%d:%d:%s" % (offset, remove, new.hex() or "-")


def follow_coverage(subject, offset, remove, insert):
    """The rule of edit.c for UDP-Lite; DCCP counts from its header and needs none."""
    layer = subject.l4()
    if isinstance(layer, DCCP) and layer.coverage:
        # A cover that reaches beyond the packet covers all of it.
        size = len(subject.data) - remove + insert
        if (layer.coverage - 1) * 4 > size:
            raise Retry
    if not isinstance(layer, UDPLite) or layer.coverage == 0 or remove == insert:
        return
    covered, edit = layer.coverage, 8 + offset
    if covered <= edit and covered != 8 + len(subject.data):
        return
    layer.coverage = covered - remove + insert if covered >= edit + remove else edit + insert


class Retry(Exception):
    """A change that has no defined result: choose another."""


def change(subject, choices=(change_address, change_address, change_tos, change_ip, change_header,
                             change_header, change_payload, change_payload, change_payload)):
    while True:
        try:
            return subject.rng.choice(choices)(subject)
        except Retry:
            pass


# Cases: each yields requests with the answer that is right.

def case_fields(subject, data):
    want = " ".join("%s=%s" % item for item in sorted(subject.expect(data).items()))
    return "get " + data.hex(), lambda got: " ".join(sorted(got.split())) == want, want


def case_verify(data, want):
    return "verify " + data.hex(), lambda got: got == str(want), str(want)


def case_damage(subject, data):
    """One flipped bit of the payload is noticed where it is covered."""
    layer = subject.l4()
    covered = len(subject.data)
    if isinstance(layer, UDPLite) and layer.coverage:
        covered = layer.coverage - 8
    elif isinstance(layer, DCCP) and layer.coverage:
        covered = (layer.coverage - 1) * 4
    elif isinstance(layer, UDP) and layer.chksum == 0:
        covered = 0
    damaged = bytearray(data)
    at = subject.rng.randrange(len(subject.data))
    damaged[len(data) - len(subject.data) + at] ^= 1 << subject.rng.randrange(8)
    return case_verify(bytes(damaged), VERIFY_L4 if at < covered else 0)


def case_edit(subject, data):
    changes = [change(subject) for _ in range(subject.rng.randrange(1, 4))]
    want = "ok " * len(changes) + subject.build().hex()
    return "edit %s %s" % (data.hex(), " ".join(changes)), lambda got: got == want, want


def checksum_place(subject, data):
    layer = subject.l4()
    start = len(data) - len(subject.data) - subject.transport_len()
    if isinstance(layer, SCTP):
        return start + 8, 4
    if isinstance(layer, TCP):
        return start + 16, 2
    return start + (6 if hasattr(layer, "sport") else 2), 2


def case_wrong(subject, data):
    """A wrong checksum stays wrong by the same amount."""
    at, size = checksum_place(subject, data)
    wrong = bytearray(data)
    stored = int.from_bytes(wrong[at:at + size], "big")
    shift = subject.rng.randrange(1, 65535)
    new = stored ^ shift if size == 4 else (stored + shift) % 65535 or 65535
    if stored == 0 or new == 0:
        return case_verify(data, 0)
    wrong[at:at + size] = new.to_bytes(size, "big")
    request = change(subject, (change_payload,))
    right = subject.build()

    def is_right(got):
        if not got.startswith("ok "):
            return False
        result = bytes.fromhex(got[3:])
        found, expected = (int.from_bytes(x[at:at + size], "big") for x in (result, right))
        same = found == expected ^ shift if size == 4 else (found - expected - shift) % 65535 == 0
        return same and result[:at] + result[at + size:] == right[:at] + right[at + size:]
    return "edit %s %s" % (wrong.hex(), request), is_right, right.hex() + " and a wrong checksum"


def case_unreachable(subject, data):
    refused = isinstance(subject.l4(), ICMP) and subject.l4().type == 3 or \
        isinstance(subject.l4(), ICMPv6DestUnreach)
    ip = subject.ip
    if refused:
        want = "error EINVAL"
    elif subject.version == 4:
        answer = IP(src=ip.dst, dst=ip.src, ttl=64, id=0, flags="DF", tos=0xc0 | ip.tos & 0x1e) / \
            ICMP(type=3, code=3) / Raw(data[:548])
        want = bytes(answer).hex()
    else:
        answer = IPv6(src=ip.dst, dst=ip.src, hlim=64) / ICMPv6DestUnreach(code=4) / Raw(data[:1232])
        want = bytes(answer).hex()
    return ("unreachable %s %d" % (data.hex(), 3 if subject.version == 4 else 4),
            lambda got: got == want, want)


def case_reply(subject, data):
    segment, ip = subject.l4(), subject.ip
    flags, payload = (4, b"") if subject.rng.random() < .5 else (0x18, subject.bytes(20))
    if segment.flags.R and flags & 4:
        return "reply %s 4 -" % data.hex(), lambda got: got == "error EINVAL", "error EINVAL"
    following = segment.seq + len(subject.data) + int(bool(segment.flags.S)) + int(bool(segment.flags.F))
    wanted = flags | (0x10 if flags == 4 and not segment.flags.A else 0)
    answer = TCP(sport=segment.dport, dport=segment.sport, flags=wanted, seq=segment.ack if segment.flags.A else 0,
                 ack=following % 2**32 if wanted & 0x10 else 0, window=0 if wanted & 4 else 65535)
    src, dst = subject.pseudo
    if subject.version == 4:
        answer = IP(src=dst, dst=src, ttl=64, id=0, flags="DF") / answer
    else:
        answer = IPv6(src=dst, dst=src, hlim=64) / answer
    want = bytes(answer / Raw(payload) if payload else answer).hex()
    return "reply %s %d %s" % (data.hex(), flags, payload.hex() or "-"), lambda got: got == want, want


def ends_of_route(subject):
    """The addresses that the pseudo header takes, by scapy's reading."""
    import socket
    layer = subject.l4()
    dst = subject.ip.dst
    header = pseudo_header(layer, 6, 20)
    subject.ip.dst = dst
    size, family = (4, socket.AF_INET) if subject.version == 4 else (16, socket.AF_INET6)
    return [socket.inet_ntop(family, header[i * size:(i + 1) * size]) for i in (0, 1)]


def case_fragments(rng):
    """Every fragment of a packet reads as one; a changed address goes into the first's checksum."""
    version = rng.choice((4, 6))
    address = {4: "10.%d.0.%d", 6: "fd00:%x::%x"}[version]
    old, new = (address % (rng.randrange(256), rng.randrange(1, 255)) for _ in range(2))
    data, port = rng.randbytes(rng.randrange(1500, 4000)), rng.randrange(65536)

    def pieces(src):
        body = UDP(sport=port, dport=53) / Raw(data)
        if version == 4:
            return [bytes(x) for x in fragment(IP(src=src, dst="10.0.0.1", id=7) / body, 600)]
        packet = IPv6(src=src, dst="fd00::1") / IPv6ExtHdrFragment(id=7) / body
        return [bytes(x) for x in fragment6(packet, 1280)]
    for before, after in zip(pieces(old), pieces(new)):
        want = "ok " + after.hex()
        yield ("edit %s bytes:ip-src:%s" % (before.hex(), raw_address(new)),
               lambda got, want=want: got == want, want)
        yield case_verify(before, VERIFY_PARTIAL)
        is_first = before == pieces(old)[0]
        yield ("get " + before.hex(),
               lambda got, is_first=is_first: ("port-src=%d " % port in got) == is_first and
               "ip-fragment-offset=" in got and "ip-protocol=17 " in got and "ip-id=7 " in got,
               "a fragment")
        yield ("edit %s splice:0:0:00" % before.hex(),
               lambda got: got.startswith("EOPNOTSUPP "), "EOPNOTSUPP")


def cases(rng, packets):
    for count in range(packets):
        if count % 50 == 0:
            yield from case_fragments(rng)
        subject = Subject(rng)
        data = subject.build()
        yield case_fields(subject, data)
        yield case_verify(data, 0)
        if subject.data:
            yield case_damage(subject, data)
        yield "print " + data.hex(), lambda got: " > " in got, "a line"
        if count % 3 == 0:
            yield case_unreachable(subject, data)
        if isinstance(subject.l4(), TCP) and count % 2 == 0:
            subject.pseudo = ends_of_route(subject)
            yield case_reply(subject, data)
        yield case_wrong(subject, data) if count % 5 == 0 else case_edit(subject, data)


def main():
    tool = sys.argv[1]
    packets = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    print("seed %d, %d packets" % (seed, packets))
    every = list(cases(random.Random(seed), packets))
    # What runs a program of another architecture, where there is such a thing.
    wrapper = shlex.split(os.environ.get("MESON_EXE_WRAPPER", ""))
    run = subprocess.run(wrapper + [tool], input="\n".join(case[0] for case in every) + "\n", text=True,
                         stdout=subprocess.PIPE, check=True)
    answers = run.stdout.split("\n")
    wrong = [(case, got) for case, got in zip(every, answers) if not case[1](got)]
    for case, got in wrong[:5]:
        print("\nrequest  %s\nexpected %s\nanswered %s" % (case[0], case[2], got))
    print("%d answers, %d wrong" % (len(every), len(wrong)))
    return 1 if wrong or len(answers) <= len(every) else 0


if __name__ == "__main__":
    sys.exit(main())
