# SPDX-License-Identifier: MIT
"""
The documented API of python-libnetfilter-queue on the running kernel, in a network
namespace of its own: its example, every call, and what goes wrong.
"""

import contextlib
import importlib.util
import io
import socket
import struct
import subprocess
import sys
import time
import unittest
import warnings

from test_queue import QUEUE, WithTraffic, enter_namespace

import libnetfilterqueue as lnq


GEVENT = """
from gevent import monkey
monkey.patch_all()
import socket
import gevent
import libnetfilterqueue as lnq

seen, beside = [], []

def callback(data):
    seen.append(data.get_payload()[28:])
    data.set_verdict(lnq.NF_ACCEPT)

def tick():
    while len(seen) < 2:
        beside.append(len(seen))
        gevent.sleep(0.01)

handle = lnq.open()
queue = handle.create_queue(5, callback)
queue.set_mode(lnq.NFQNL_COPY_PACKET, 0xffff)
ticks = gevent.spawn(tick)
gevent.sleep(0)
own = socket.fromfd(handle.fd(), socket.AF_UNIX, socket.SOCK_STREAM)
print("ready", flush=True)
while len(seen) < 2:
    handle.handle_packet(own.recv(4096))
ticks.join()
print(seen, set(beside), flush=True)
"""


class Handle(WithTraffic):
    def setUp(self):
        super().setUp()
        self.handle = lnq.open()
        self.addCleanup(self.handle.close)
        self.own = socket.fromfd(self.handle.fd(), socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(self.own.close)
        self.seen = []

    def create(self, callback):
        queue = self.handle.create_queue(QUEUE, callback)
        queue.set_mode(lnq.NFQNL_COPY_PACKET, 0xffff)
        return queue

    def read(self, size=4096):
        self.handle.handle_packet(self.own.recv(size))


class Documented(Handle):
    def test_example(self):
        """The document's program, but for print and bytes."""
        lines = []

        def handle_udp(payload):
            src, dst = struct.unpack("HH", payload[:4])
            lines.append("    udp.src: %s" % src)
            lines.append("    udp.dst: %s" % dst)

        def handle_ipv4(payload):
            ip_verlen = payload[0]
            src = socket.inet_ntop(socket.AF_INET, payload[12:16])
            lines.append("    ipv4.src: %s" % src)
            hdrlen = (ip_verlen & 0x0f) * 4
            {17: handle_udp}[payload[9]](payload[hdrlen:])

        def callback(data):
            mac_bytes = data.get_packet_hw()
            mac_string = (":".join(["%02x"] * len(mac_bytes)) %
                          struct.unpack("B" * len(mac_bytes), mac_bytes))
            lines.append("    eth.src: %s" % mac_string)
            payload = data.get_payload()
            if payload[0] >> 4 == 4:
                handle_ipv4(payload)
            data.set_verdict(lnq.NF_ACCEPT, mark=None)

        handle = self.handle
        for family in (socket.AF_INET, socket.AF_INET6):
            handle.unbind_pf(family)
            handle.bind_pf(family)
        queue = handle.create_queue(QUEUE, callback)
        queue.set_mode(lnq.NFQNL_COPY_PACKET, 0xffff)
        self.send(b"hello")
        handle.handle_packet(self.own.recv(4096))
        self.assertEqual(self.received(), b"hello")
        self.assertEqual(lines[:2], ["    eth.src: ", "    ipv4.src: 127.0.0.1"])
        self.assertEqual(lines[3], "    udp.dst: %s" % struct.unpack("H", b"\x23\x28"))
        queue.destroy()
        handle.close()

    @unittest.skipUnless(importlib.util.find_spec("gevent"), "no module gevent here")
    def test_gevent(self):
        """Others run while a greenlet waits for packets."""
        with subprocess.Popen([sys.executable, "-P", "-c", GEVENT], stdout=subprocess.PIPE) as process:
            self.assertEqual(process.stdout.readline(), b"ready\n")
            for text in (b"one", b"two"):
                self.send(text)
                self.receiver.settimeout(20)
                self.assertEqual(self.received(), text)
                # Both states are seen by the one beside, however slow it is.
                time.sleep(0.2)
            self.assertEqual(process.communicate(timeout=20)[0], b"[b'one', b'two'] {0, 1}\n")

    def test_getters(self):
        def look(data):
            self.seen.append((data.get_packet_hw(), data.get_nfmark(), data.get_timestamp(),
                              data.get_indev(), data.get_physindev(), data.get_outdev(),
                              data.get_physoutdev(), data.get_payload()[28:]))
            data.set_verdict(lnq.NF_DROP)
        self.create(look)
        self.send(b"x")
        self.read()
        self.assertEqual(self.seen, [(b"", 0, (0, 0), 0, 0, 1, 0, b"x")])
        self.nothing_received()

    def test_owner(self):
        def look(data):
            self.seen.append((data.get_uid(), data.get_gid()))
            data.set_verdict(lnq.NF_ACCEPT)
        queue = self.create(look)
        self.send(b"1")
        self.read()
        queue.set_flags(lnq.NFQA_CFG_F_UID_GID, lnq.NFQA_CFG_F_UID_GID)
        self.send(b"2")
        self.read()
        self.assertEqual(self.seen, [(None, None), (0, 0)])

    def test_mark_and_repeat(self):
        def repeat(data):
            self.seen.append(data.get_nfmark())
            data.set_verdict(lnq.NF_ACCEPT if data.get_nfmark() else lnq.NF_REPEAT, 7)
        self.create(repeat)
        self.send(b"x")
        self.read()
        self.read()
        self.assertEqual(self.seen, [0, 7])
        self.assertEqual(self.received(), b"x")

    def test_large_packets_and_a_small_buffer(self):
        def look(data):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                self.seen.append((len(data.get_payload()), len(caught)))
            data.set_verdict(lnq.NF_ACCEPT)
        self.create(look)
        self.send(b"x" * 9000, b"y" * 60000, b"z" * 60000)
        self.read()
        self.read()
        self.read(70000)
        self.assertEqual([len(self.received()) for _ in range(3)], [9000, 60000, 60000])
        self.assertEqual(self.seen[2], (60028, 0))
        for length, warned in self.seen[:2]:
            self.assertGreater(length, 3900)
            self.assertEqual(warned, 1)

    def test_maxlen_and_flags(self):
        queue = self.create(self.seen.append)
        queue.set_maxlen(1)
        queue.set_flags(lnq.NFQA_CFG_F_FAIL_OPEN | lnq.NFQA_CFG_F_GSO, lnq.NFQA_CFG_F_FAIL_OPEN)
        self.send(b"1", b"2")
        self.assertEqual(self.received(), b"2")
        self.assertRaises(ValueError, queue.set_flags, 0x100, 0x100)
        self.assertRaises(OSError, queue.set_maxlen, 0)

    def test_two_queues(self):
        self.create(lambda data: data.set_verdict(lnq.NF_QUEUE | (QUEUE + 1) << 16))
        other = self.handle.create_queue(QUEUE + 1, lambda data: data.set_verdict(lnq.NF_ACCEPT))
        other.set_mode(lnq.NFQNL_COPY_META, 0)
        self.send(b"x")
        self.read()
        self.read()
        self.assertEqual(self.received(), b"x")
        other.destroy()
        self.assertRaises(OSError, other.destroy)


class Errors(Handle):
    def test_without_a_verdict(self):
        for verdict in (None, lnq.NF_STOLEN):
            queue = self.create(lambda data: verdict is None or data.set_verdict(verdict))
            self.send(b"x", b"y")
            self.read()
            self.read()
            self.nothing_received()
            self.assertEqual(self.handle._session.read_stats(QUEUE).queue_undecided, 2)
            queue.destroy()

    def test_before_set_mode(self):
        queue = self.handle.create_queue(QUEUE, self.seen.append)
        self.send(b"x")
        self.read()
        self.nothing_received()
        self.assertEqual(self.seen, [])
        self.assertRaises(ValueError, queue.set_mode, 9, 100)
        self.assertRaises(ValueError, queue.set_mode, 1, -1)

    def test_a_callback_that_fails(self):
        def fail(_):
            raise ValueError("wrong")
        self.create(fail)
        self.send(b"x")
        printed = io.StringIO()
        with contextlib.redirect_stderr(printed):
            self.assertRaises(OSError, self.read)
        self.assertIn("ValueError: wrong", printed.getvalue())
        self.nothing_received()

    def test_wrong_verdicts(self):
        def look(data):
            self.assertRaises(ValueError, data.set_verdict, 9)
            self.assertRaises(ValueError, data.set_verdict, 1, -1)
            self.assertRaises(ValueError, data.set_verdict, 1, 2 ** 32)
            self.assertRaises(TypeError, data.set_verdict, "accept")
            data.set_verdict(lnq.NF_ACCEPT)
            self.seen.append(data)
        self.create(look)
        self.send(b"x")
        self.read()
        self.assertEqual(self.received(), b"x")
        self.send(b"y")
        self.read()
        self.seen[0].set_verdict(lnq.NF_DROP)
        self.assertEqual(self.seen[0].get_payload()[28:], b"x")

    def test_what_is_no_packet(self):
        self.create(self.seen.append)
        for data in (b"junk", b"x" * 100):
            self.assertRaises(OSError, self.handle.handle_packet, data)
        self.assertRaises(TypeError, self.handle.handle_packet, "text")
        self.assertEqual(self.seen, [])

    def test_after_close(self):
        queue = self.create(print)
        self.handle.close()
        self.handle.close()
        for call, *values in ((queue.destroy,), (queue.set_maxlen, 5), (self.handle.fd,),
                              (self.handle.handle_packet, b"x"),
                              (self.handle.create_queue, 1, print)):
            self.assertRaises(OSError, call, *values)

    def test_creating(self):
        self.create(print)
        self.assertRaises(OSError, lnq.open().create_queue, QUEUE, print)
        self.assertRaises(OSError, self.handle.create_queue, QUEUE, print)
        self.assertRaises(OverflowError, self.handle.create_queue, 70000, print)
        self.assertRaises(TypeError, self.handle.create_queue, 7, "no callback")
        self.assertRaises(TypeError, self.handle.bind_pf, "inet")


if __name__ == "__main__":
    enter_namespace()
    unittest.main()
