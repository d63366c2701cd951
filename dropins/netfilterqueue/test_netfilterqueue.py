# SPDX-License-Identifier: MIT
"""
NetfilterQueue's documented API on the running kernel, in a network namespace of its own:
names, errors and warnings as there, and what ends in a crash there.
"""

import asyncio
import gc
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
import unittest
import warnings

from test_queue import PATIENCE, PORT, QUEUE, WithTraffic, enter_namespace

import netfilterqueue
from netfilterqueue import COPY_META, COPY_NONE, COPY_PACKET, NetfilterQueue, PROTOCOLS, Packet

UNPRIVILEGED = """
import os, netfilterqueue
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    netfilterqueue.NetfilterQueue()
except OSError as error:
    print(error)
"""


class Queues(WithTraffic):
    def setUp(self):
        super().setUp()
        self.queue = NetfilterQueue()
        self.addCleanup(self.queue.unbind)
        self.seen = []
        self.addCleanup(self.seen.clear)

    def bind(self, callback=None, **values):
        self.queue.bind(QUEUE, callback or self.seen.append, **values)

    def judge(self, callback, *texts, count=None, **values):
        """What arrives of the texts when the callback judges them: all, or so many."""
        self.bind(callback, **values)
        self.send(*texts)
        self.queue.run(False)
        self.queue.unbind()
        return self.arrived(len(texts) if count is None else count)

    def arrived(self, count):
        """So many texts, and what else is there."""
        self.receiver.settimeout(PATIENCE)
        texts = [self.received() for _ in range(count)]
        self.receiver.settimeout(0.1)
        try:
            while True:
                texts.append(self.received())
        except TimeoutError:
            return texts


class Documented(Queues):
    def test_names(self):
        self.assertEqual((COPY_NONE, COPY_META, COPY_PACKET), (0, 1, 2))
        self.assertEqual(NetfilterQueue.COPY_PACKET, COPY_PACKET)
        self.assertEqual((PROTOCOLS[6], PROTOCOLS[17], PROTOCOLS[58]), ("TCP", "UDP", "IPv6-ICMP"))
        self.assertEqual(netfilterqueue.VERSION, (1, 1, 0))

    def test_first_example(self):
        def print_and_accept(packet):
            self.seen.append(str(packet))
            packet.accept()
        self.assertEqual(self.judge(print_and_accept, b"hello"), [b"hello"])
        self.assertEqual(self.seen, ["UDP packet, 33 bytes"])

    def test_example_with_a_socket(self):
        self.bind(lambda packet: packet.accept())
        own = socket.fromfd(self.queue.get_fd(), socket.AF_UNIX, socket.SOCK_STREAM)
        self.send(b"one", b"two")
        own.setblocking(False)
        self.queue.run_socket(own)
        own.close()
        self.assertEqual(self.arrived(2), [b"one", b"two"])

    def test_getters(self):
        def look(packet):
            self.seen.append((packet.hook, packet.hw_protocol, packet.mark, packet.indev,
                              packet.outdev, packet.physindev, packet.physoutdev,
                              packet.get_hw(), packet.get_timestamp(), packet.get_mark(),
                              packet.get_payload_len(), packet.get_payload()[28:]))
            self.assertGreater(packet.id, 0)
            packet.accept()
        self.judge(look, b"hello")
        self.assertEqual(self.seen, [(3, 0x800, 0, 0, 1, 0, 0, None, 0.0, 0, 33, b"hello")])

    def test_drop(self):
        self.assertEqual(self.judge(lambda packet: packet.drop(), b"x", count=0), [])

    def test_payload(self):
        def change(packet):
            payload = packet.get_payload()
            # No checksum: UDP may go without.
            packet.set_payload(payload[:26] + b"\0\0" + b"HELLO")
            self.assertEqual(packet.get_payload()[28:], b"HELLO")
            packet.accept()
        self.assertEqual(self.judge(change, b"hello"), [b"HELLO"])

    @unittest.skipUnless(importlib.util.find_spec("scapy"), "no module scapy here")
    def test_a_program_of_scapy_s_users(self):
        from scapy.layers.inet import IP, UDP

        def change(packet):
            pkt = IP(packet.get_payload())
            self.seen.append(pkt.sprintf("%IP.src% %UDP.dport%"))
            pkt[UDP].remove_payload()
            pkt = pkt / b"by scapy"
            del pkt[IP].len, pkt[IP].chksum, pkt[UDP].len, pkt[UDP].chksum
            packet.set_payload(bytes(pkt))
            packet.accept()
        self.assertEqual(self.judge(change, b"hello"), [b"by scapy"])
        self.assertEqual(self.seen, ["127.0.0.1 9000"])

    def test_mark_and_repeat(self):
        def repeat(packet):
            self.seen.append((packet.mark, packet.get_mark()))
            if packet.mark:
                packet.accept()
            else:
                packet.set_mark(9)
                self.seen.append((packet.mark, packet.get_mark()))
                packet.repeat()
                self.seen.append((packet.mark, packet.get_mark()))
        self.bind(repeat)
        self.send(b"again")
        self.queue.run(False)
        self.queue.run(False)
        self.assertEqual(self.seen, [(0, 0), (0, 9), (0, 9), (9, 9)])
        self.assertEqual(self.arrived(1), [b"again"])

    def test_large_packets_come_whole(self):
        def look(packet):
            self.seen.append(packet.get_payload_len())
            packet.accept()
        self.assertEqual([len(text) for text in self.judge(look, b"x" * 9000, b"x" * 60000)],
                         [9000, 60000])
        self.assertEqual(self.seen, [9028, 60028])

    def test_large_packets_through_a_socket(self):
        self.bind(lambda packet: (self.seen.append(packet.get_payload_len()), packet.accept()))
        with socket.fromfd(self.queue.get_fd(), socket.AF_NETLINK, socket.SOCK_RAW) as own:
            self.send(b"x" * 60000)
            own.setblocking(False)
            self.queue.run_socket(own)
        self.assertEqual(self.seen, [60028])

    def test_range(self):
        def look(packet):
            self.seen.append((packet.get_payload_len(), len(packet.get_payload())))
            packet.accept()
        self.assertEqual(self.judge(look, b"x" * 100, range=20), [b"x" * 100])
        self.assertEqual(self.seen, [(20, 20)])

    def test_modes(self):
        def look(packet):
            self.seen.append((packet.get_payload_len(), str(packet)))
            for call in (packet.get_payload, packet.retain):
                self.assertRaisesRegex(RuntimeError, "^Packet has no payload -- perhaps", call)
            packet.accept()
        self.assertEqual(self.judge(look, b"meta", mode=COPY_META), [b"meta"])
        self.assertEqual(self.seen, [(0, "0 byte packet, contents unretained")])
        self.assertEqual(self.judge(self.seen.append, b"none", count=0, mode=COPY_NONE), [])
        self.assertEqual(len(self.seen), 1)

    def test_max_len(self):
        self.bind(max_len=2)
        self.send(b"1", b"2", b"3", b"4")
        self.queue.run(False)
        self.assertEqual([packet.get_payload_len() for packet in self.seen], [29, 29])

    def test_a_socket_of_its_own(self):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as other:
            queue = NetfilterQueue(af=socket.AF_INET6, sockfd=other.fileno())
            queue.bind(QUEUE, lambda packet: packet.accept())
            self.send(b"x")
            queue.run(False)
            self.assertEqual(self.arrived(1), [b"x"])
            queue.unbind()
            del queue
            self.assertGreater(other.fileno(), 0)
            other.getsockname()

    def test_asyncio(self):
        async def main():
            loop, done = asyncio.get_running_loop(), asyncio.Event()

            def accept(packet):
                packet.accept()
                self.seen.append(packet.id)
                if len(self.seen) == 3:
                    done.set()
            self.bind(accept)
            loop.add_reader(self.queue.get_fd(), self.queue.run, False)
            self.send(b"1", b"2", b"3")
            await asyncio.wait_for(done.wait(), PATIENCE)
            loop.remove_reader(self.queue.get_fd())
        asyncio.run(main())
        self.assertEqual(self.arrived(3), [b"1", b"2", b"3"])


class Later(Queues):
    def test_verdicts_in_another_order(self):
        self.bind(lambda packet: (packet.retain(), self.seen.append(packet)))
        self.send(b"a", b"b", b"c")
        self.queue.run(False)
        self.assertEqual(self.arrived(0), [])
        self.assertEqual([packet.get_payload()[28:] for packet in self.seen], [b"a", b"b", b"c"])
        for packet in reversed(self.seen):
            packet.accept()
        self.assertEqual(self.arrived(3), [b"c", b"b", b"a"])

    def test_unretained(self):
        self.bind()
        self.send(b"a")
        self.queue.run(False)
        packet, = self.seen
        for call in (packet.get_payload, packet.retain):
            self.assertRaisesRegex(RuntimeError, r"^Payload data is no longer available\. You "
                                   r"must call retain\(\) within the user_callback", call)
        self.assertEqual(str(packet), "29 byte packet, contents unretained")
        self.assertEqual((packet.get_payload_len(), packet.get_hw(), packet.mark), (29, None, 0))
        packet.set_payload(b"E" * 40)
        self.assertEqual(packet.get_payload(), b"E" * 40)
        packet.drop()

    def test_twice(self):
        def twice(packet):
            packet.accept()
            for call in (packet.accept, packet.drop, packet.repeat):
                self.assertRaisesRegex(RuntimeError, "^Verdict already given for this packet$", call)
            self.seen.append(packet)
        self.assertEqual(self.judge(twice, b"x"), [b"x"])
        self.assertRaisesRegex(RuntimeError, "^Verdict already given", self.seen[0].accept)
        self.seen[0].set_mark(3)
        self.seen[0].set_payload(b"late")
        self.assertTrue(str(self.seen[0]))

    def test_after_unbind(self):
        self.bind()
        self.send(b"x")
        self.queue.run(False)
        self.queue.unbind()
        self.assertRaisesRegex(RuntimeError, "^Parent queue has already been unbound$",
                               self.seen[0].accept)
        self.bind()
        self.assertRaisesRegex(RuntimeError, "^Parent queue has already been unbound$",
                               self.seen[0].accept)

    def test_the_packet_survives_the_queue(self):
        queue = NetfilterQueue()
        queue.bind(QUEUE, self.seen.append)
        self.send(b"x")
        queue.run(False)
        del queue
        gc.collect()
        self.assertEqual(self.seen[0].get_payload_len(), 29)
        self.seen[0].accept()
        self.assertEqual(self.arrived(1), [b"x"])

    def test_a_verdict_does_not_wait_for_the_callback(self):
        def accept_and_see(packet):
            packet.accept()
            self.assertEqual(self.received()[:1], b"s")
            self.seen.append(packet.id)
        self.bind(accept_and_see)
        self.send(b"s1")
        self.queue.run(False)
        self.assertEqual(len(self.seen), 1)
        # With others behind it.
        self.send(b"s2", b"s3", b"s4")
        self.queue.run(False)
        self.assertEqual(len(self.seen), 4)

    def test_threads_decide(self):
        self.bind()
        self.send(*(b"%d" % number for number in range(100)))
        while len(self.seen) < 100:
            self.queue.run(False)
        threads = [threading.Thread(target=packet.accept) for packet in self.seen]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(self.arrived(100)), 100)


class Errors(Queues):
    def test_exceptions_pass_and_packets_wait(self):
        def fail(packet):
            self.seen.append(packet)
            raise ValueError("wrong")
        self.bind(fail)
        self.send(b"1", b"2", b"3")
        for count in (1, 2, 3):
            self.assertRaisesRegex(ValueError, "^wrong$", self.queue.run, False)
            self.assertEqual(len(self.seen), count)
        self.queue.run(False)
        self.assertEqual(self.arrived(0), [])
        for packet in self.seen:
            packet.accept()
        self.assertEqual(self.arrived(3), [b"1", b"2", b"3"])

    def test_exceptions_and_a_polled_descriptor(self):
        def fail(packet):
            self.seen.append(packet)
            raise ValueError(len(self.seen))
        self.bind(fail)
        self.queue.get_fd()
        self.send(b"1", b"2", b"3")
        with self.assertRaises(ValueError) as caught:
            self.queue.run(False)
        self.assertEqual((caught.exception.args, len(self.seen)), ((1,), 3))

    def test_binding(self):
        self.bind()
        self.assertRaisesRegex(RuntimeError, r"^A queue is already bound; use unbind\(\) first$",
                               self.queue.bind, 7, print)
        with self.assertRaisesRegex(OSError, f"^Failed to create queue {QUEUE}.$") as caught:
            NetfilterQueue().bind(QUEUE, print)
        self.assertIn("bound", str(caught.exception.__cause__))
        self.queue.unbind()
        self.queue.unbind()
        self.bind()
        for values in ({"max_len": -1}, {"range": -1}):
            self.queue.unbind()
            self.assertRaises(OverflowError, self.bind, **values)

    def test_without_a_queue(self):
        self.queue.run(False)
        self.queue.run()
        self.assertIsInstance(self.queue.get_fd(), int)
        self.assertRaises(TypeError, self.queue.bind, "5", print)
        self.assertRaises(TypeError, self.queue.bind, 5)
        self.assertRaises(TypeError, NetfilterQueue, 1)
        self.assertRaises(TypeError, Packet)
        self.assertRaisesRegex(OSError, "dup2 failed", NetfilterQueue, sockfd=9999)

    def test_wrong_values(self):
        def look(packet):
            self.assertRaises(OverflowError, packet.set_mark, -1)
            self.assertRaises(OverflowError, packet.set_mark, 2 ** 32)
            self.assertRaises(TypeError, packet.set_mark, "1")
            for wrong in ("text", bytearray(b"x"), memoryview(b"x"), 5):
                self.assertRaises(TypeError, packet.set_payload, wrong)
            before = packet.get_payload()
            packet.set_payload(None)
            packet.set_payload(b"")
            self.assertEqual(packet.get_payload(), before)
            self.assertRaises(AttributeError, setattr, packet, "id", 1)
            self.assertRaises(AttributeError, setattr, packet, "colour", 1)
            self.assertRaises(TypeError, packet.accept, 1)
            packet.accept()
        self.assertEqual(self.judge(look, b"x"), [b"x"])

    def test_receive_buffer(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.bind(sock_len=200000)
            self.assertEqual(caught, [])
            self.queue.unbind()
            self.queue.bind(QUEUE, print, sock_len=2 ** 31 - 1)
        if os.access("/proc/self/ns/user", os.R_OK) and caught:
            self.assertIs(caught[0].category, RuntimeWarning)
            self.assertRegex(str(caught[0].message),
                             r"^Socket rcvbuf limit is now \d+, requested 2147483647\.$")
            self.assertEqual(caught[0].filename, __file__)
        else:
            self.fail("two gigabytes were given")

    def test_sockets_that_are_none(self):
        class Fake:
            def __init__(self, *answers):
                self.answers = list(answers)

            def recv(self, size):
                answer = self.answers.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                return answer
        self.bind()
        overrun, empty = OSError(105, "no buffers"), BlockingIOError(11, "again")
        self.queue.run_socket(Fake(overrun, b"", b"junk", b"x" * 50, overrun, empty))
        self.assertRaises(TypeError, self.queue.run_socket, Fake("text"))
        self.assertRaises(InterruptedError, self.queue.run_socket, Fake(InterruptedError(4, "x")))
        self.assertRaises(TimeoutError, self.queue.run_socket, Fake(TimeoutError("x")))
        self.assertRaises(AttributeError, self.queue.run_socket, 5)
        self.assertEqual(self.seen, [])

    def test_calls_from_inside(self):
        def inside(packet):
            self.queue.run(False)
            self.assertRaises(RuntimeError, self.queue.bind, 7, print)
            self.queue.unbind()
            self.assertRaisesRegex(RuntimeError, "unbound", packet.accept)
            self.seen.append(len(packet.get_payload()))
        self.bind(inside)
        self.send(b"1")
        self.queue.run()
        self.assertEqual(self.seen, [29])

    def test_a_run_in_a_callback(self):
        def inside(packet):
            self.seen.append(packet.get_payload()[28:])
            self.queue.run(False)
            packet.accept()
        self.assertEqual(self.judge(inside, b"1", b"2", b"3"), [b"3", b"2", b"1"])
        self.assertEqual(self.seen, [b"1", b"2", b"3"])

    def test_without_privilege(self):
        if os.getuid() != 0 or open("/proc/self/uid_map", encoding="ascii").read().split()[2] == "1":
            self.skipTest("there is one user only here")
        text = subprocess.run([sys.executable, "-P", "-c", UNPRIVILEGED], capture_output=True,
                              text=True, check=True).stdout
        self.assertEqual(text, "Failed to bind family 2. Are you root?\n")


class Signals(Queues):
    def test_control_c(self):
        self.bind()
        try:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            self.queue.run()
        except KeyboardInterrupt as caught:
            frames = [frame.name for frame in traceback.extract_tb(caught.__traceback__)]
        self.assertIn("NetfilterQueue.run", frames)

    def test_other_handlers_run_and_the_wait_goes_on(self):
        def count(*_):
            self.seen.append(1)
            if len(self.seen) == 3:
                os.kill(os.getpid(), signal.SIGINT)
        signal.signal(signal.SIGALRM, count)
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        self.queue.bind(QUEUE, print)
        try:
            self.assertRaises(KeyboardInterrupt, self.queue.run)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self.assertGreaterEqual(len(self.seen), 3)


if __name__ == "__main__":
    enter_namespace()
    unittest.main()
