# SPDX-License-Identifier: MIT
"""
Queues on the running kernel, in a network namespace of their own: verdicts,
rewriting, signals, threads, asyncio, fork, and every use after its time.
"""

import asyncio
import errno
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

import nfbind
from nfbind.late import LateSender

# Not installed: it lies there, or beside a copy of this file.
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests"))
import own_namespace

PORT, QUEUE = 9000, 5
# Seconds for what must come: against hangs, for machines under load are slow.
PATIENCE = 20


def enter_namespace():
    own_namespace.enter(f"-A OUTPUT -p udp --dport {PORT} -j NFQUEUE --queue-num {QUEUE}")
    # What one processor sends over lo comes in order.
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[os.getpid() % len(processors)]})


class WithTraffic(unittest.TestCase):
    def setUp(self):
        self.receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.receiver.bind(("127.0.0.1", PORT))
        self.receiver.settimeout(PATIENCE)
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.receiver.close)
        self.addCleanup(self.sender.close)

    def send(self, *texts):
        for text in texts:
            self.sender.sendto(text, ("127.0.0.1", PORT))

    def received(self):
        return self.receiver.recv(65536)

    def nothing_received(self):
        self.receiver.settimeout(0.1)
        self.assertRaises(TimeoutError, self.received)
        self.receiver.settimeout(PATIENCE)

    def failing(self, name, call, *args):
        with self.assertRaises(nfbind.Error) as caught:
            call(*args)
        self.assertEqual(caught.exception.errno, getattr(errno, name), caught.exception)
        return caught.exception.strerror


class Verdicts(WithTraffic):
    def test_accept_drop_rewrite(self):
        with nfbind.Queue(QUEUE, fail_open=True, gso=False) as queue:
            self.send(b"pass", b"stop", b"change")
            seen = []
            for packet in queue:
                seen.append(packet.l4_payload)
                if packet.l4_payload == b"change":
                    packet.l4_payload = b"changed"
                    packet.mark = 7
                if packet.l4_payload == b"stop":
                    packet.drop()
                else:
                    packet.accept()
                if len(seen) == 3:
                    break
            queue.settle()
            self.assertEqual(seen, [b"pass", b"stop", b"change"])
            self.assertEqual([self.received(), self.received()], [b"pass", b"changed"])
            stats = queue.read_stats(QUEUE)
            self.assertEqual((stats.received, stats.decided, stats.defaulted), (3, 3, 0))

    def test_decisions_in_one_crossing(self):
        with nfbind.Queue(QUEUE) as queue:
            self.send(b"a", b"b")
            batch = queue.receive(PATIENCE)
            self.assertEqual(len(batch), 2)
            decisions = [nfbind._nfbind.Decision((s.queue, s.id, s.index, 1, 0, 0, 0, 0, 0, 0))
                         for s in batch.export()]
            count, results = queue.verdict_many(decisions + [(QUEUE, 999999, 9, 1)])
            self.assertEqual(count, 2)
            self.assertEqual([d.result for d in results], [0, 0, -errno.ENOENT])
            queue.settle()
            self.assertEqual(self.received() + self.received(), b"ab")
            self.assertRaises(TypeError, queue.verdict_many, [(1,) * 11])
            self.assertRaises(TypeError, queue.verdict_many, 5)
            self.assertRaises(OverflowError, queue.verdict_many, [(2 ** 32,)])

    def test_kept_packets(self):
        with nfbind.Queue(QUEUE) as queue:
            self.send(b"later")
            packet = queue.receive(PATIENCE)[0]
            kept = packet.keep()
            self.failing("EALREADY", packet.accept)
            self.failing("EALREADY", packet.keep)
            queue.settle()
            self.nothing_received()
            kept.accept()
            self.assertEqual(self.received(), b"later")
            self.failing("EALREADY", kept.accept)

    def test_a_packet_let_go_is_dropped(self):
        with nfbind.Queue(QUEUE) as queue:
            self.send(b"let go")
            packet = queue.receive(PATIENCE)[0]
            self.assertIsNone(queue.receive(0))
            self.assertEqual(packet.l4_payload, b"let go")
            self.assertIn("batch has ended", self.failing("EALREADY", packet.accept))
            self.nothing_received()

    def test_feeding(self):
        with nfbind.Queue(QUEUE) as queue:
            self.send(b"fed")
            with socket.socket(fileno=os.dup(queue.get_fd())) as own:
                data = own.recv(100000)
            batch = queue.feed(data)
            batch[0].accept()
            queue.settle()
            self.assertEqual(self.received(), b"fed")
            self.failing("EBADMSG", queue.feed, b"nonsense")

    def test_packets_of_a_type_of_ones_own(self):
        class Own(nfbind.Packet):
            __slots__ = ("seen",)

        with nfbind.Queue(QUEUE) as queue:
            self.send(b"own")
            batch = queue.receive(PATIENCE)
            packet, = batch.as_list(Own)
            self.assertIs(type(packet), Own)
            self.assertIs(type(batch.as_list()[0]), nfbind.Packet)
            for wrong in (int, 5, None, nfbind.Queue):
                self.assertRaises(TypeError, batch.as_list, wrong)
            packet.seen = packet.l4_payload
            # It goes on as a copy that outlives the batch; its own things stay.
            kept = packet.keep()
            self.assertRaises(TypeError, packet.swap, queue)
            packet.swap(kept)
            packet.swap(packet)
            queue.settle()
            self.failing("EALREADY", kept.accept)
            del kept, batch
            packet.accept()
            self.assertEqual((packet.seen, self.received()), (b"own", b"own"))

    def test_resetting_with_a_new_packet(self):
        with nfbind.Queue(QUEUE) as queue:
            self.send(b"refused")
            packet = queue.receive(PATIENCE)[0]
            answer = packet.build_unreachable(3)
            self.assertEqual(answer.icmp_type, 3)
            injector = nfbind.Injector()
            injector.send(answer)
            packet.drop()
            queue.settle()


class Errors(WithTraffic):
    def test_verdicts_that_wait_are_sent_late(self):
        with nfbind.Queue(QUEUE, send_delay=60000000) as queue:
            threads, late = threading.active_count(), LateSender(queue)
            self.send(b"1", b"2", b"3", b"4")
            packets = queue.receive(PATIENCE).as_list()
            self.assertEqual(len(packets), 4)
            for packet in packets[:2]:
                late.begin()
                packet.accept()
                self.assertEqual(self.received(), packet.l4_payload)
                late.end()
                # The thread falls asleep, and wakes for the next.
                time.sleep(0.1)
            packets[2].accept()
            self.nothing_received()
            packets[3].accept()
            self.assertEqual([self.received(), self.received()], [b"3", b"4"])
            del late
            ends = time.monotonic() + PATIENCE
            while threading.active_count() > threads and time.monotonic() < ends:
                time.sleep(0.01)
            self.assertEqual(threading.active_count(), threads)

    def test_a_queue_that_is_taken(self):
        with nfbind.Queue(QUEUE) as queue:
            with self.assertRaises(nfbind.Error) as caught:
                nfbind.Queue(QUEUE)
            self.assertEqual(caught.exception.errno, errno.EBUSY)
            self.assertIn(str(QUEUE), caught.exception.strerror)
            self.failing("ENODEV", queue.unbind, 77)
            self.assertRaises(OverflowError, queue.bind, 70000)
            self.assertRaises(TypeError, queue.bind, "5")

    def test_after_its_time(self):
        queue = nfbind.Queue(QUEUE)
        self.send(b"x")
        batch = queue.receive(PATIENCE)
        packet = batch[0]
        kept = packet.keep()
        view = batch.get_data()
        queue.close()
        for call in (kept.accept, queue.receive, queue.settle):
            self.failing("ESHUTDOWN", call)
        self.failing("EALREADY", packet.accept)
        self.assertEqual(packet.l4_payload, b"x")
        self.failing("EALREADY", packet.keep)
        queue.close()
        queue.free()
        self.failing("EBADF", queue.receive)
        self.failing("ESHUTDOWN", kept.accept)
        self.failing("EALREADY", packet.accept)
        for call in (packet.keep, kept.keep):
            self.assertRaises(nfbind.Error, call)
        self.assertEqual(kept.l4_payload, b"x")
        self.assertEqual(str(packet), str(packet))
        packet.mark, packet.indev_name, packet.outdev_name
        del queue, batch
        gc.collect()
        self.assertTrue(len(view))
        del kept, packet, view
        gc.collect()

    def test_all_orders_of_freeing(self):
        import itertools
        for order in itertools.permutations(range(5)):
            queue = nfbind.Queue(QUEUE)
            self.send(b"x")
            batch = queue.receive(PATIENCE)
            things = [queue, batch, batch[0], batch[0].keep(), batch.get_data()]
            del queue, batch
            for index in order:
                things[index] = None
            del things

    def test_verdicts_of_another_session(self):
        with nfbind.Queue(QUEUE) as queue, nfbind.Queue() as other:
            self.send(b"x")
            packet = queue.receive(PATIENCE)[0]
            self.failing("EINVAL", other.verdict, packet, 1)
            self.failing("EINVAL", queue.verdict, packet, 77)
            self.assertRaises(TypeError, queue.verdict, None, 1)
            packet.accept()
            self.failing("EALREADY", packet.drop)
            self.failing("EALREADY", setattr, packet, "mark", 1)
            self.failing("EACCES", setattr, packet, "id", 1)

    def test_more_queues_than_memory_would_like(self):
        for _ in range(200):
            nfbind.Queue(QUEUE)


class Waiting(WithTraffic):
    def test_a_signal_handler_runs_and_the_wait_goes_on(self):
        seen = []
        signal.signal(signal.SIGALRM, lambda *_: seen.append(time.monotonic()))
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        try:
            with nfbind.Queue(QUEUE) as queue:
                start = time.monotonic()
                self.assertIsNone(queue.receive(0.6))
                self.assertGreaterEqual(time.monotonic() - start, 0.59)
                self.assertGreater(len(seen), 1)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def test_control_c(self):
        with nfbind.Queue(QUEUE) as queue:
            with self.assertRaises(KeyboardInterrupt):
                threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
                for _ in queue.batches():
                    pass

    def test_closing_ends_the_loop_of_another_thread(self):
        queue = nfbind.Queue(QUEUE)
        seen = []
        thread = threading.Thread(target=lambda: seen.extend(p.l4_payload for p in queue))
        thread.start()
        self.send(b"x")
        while not seen:
            time.sleep(0.01)
        # Until it waits again.
        time.sleep(0.3)
        self.failing("EBUSY", queue.free)
        self.failing("EBUSY", queue.settle)
        self.failing("EBUSY", lambda: queue.receive(0))
        queue.close()
        thread.join(PATIENCE)
        self.assertFalse(thread.is_alive())
        self.assertEqual(seen, [b"x"])

    def test_waking(self):
        with nfbind.Queue(QUEUE) as queue:
            queue.wake()
            self.failing("ECANCELED", queue.receive)
            self.assertIsNone(queue.receive(0))

    def test_workers(self):
        with nfbind.Queue(QUEUE) as queue:
            count = 200
            threads = []
            for number in range(count):
                self.send(b"%d" % number)
            while len(threads) < count:
                for packet in queue.receive(PATIENCE):
                    threads.append(threading.Thread(target=packet.keep().accept))
                    threads[-1].start()
            for thread in threads:
                thread.join()
            self.assertEqual({self.received() for _ in range(count)},
                             {b"%d" % n for n in range(count)})

    def test_asyncio(self):
        async def loop(queue):
            asyncio.get_running_loop().call_later(0.05, self.send, b"one", b"two")
            seen = []
            async for packet in queue:
                seen.append(packet.l4_payload)
                packet.accept()
                if len(seen) == 2:
                    return seen
        with nfbind.Queue(QUEUE) as queue:
            self.assertEqual(asyncio.run(loop(queue)), [b"one", b"two"])

    def test_asyncio_ends_with_its_session(self):
        async def loop(queue, events, end):
            loop = asyncio.get_running_loop()
            loop.call_later(0.05, end, queue)
            thread = threading.Timer(0.05, end, [events])
            thread.start()
            await asyncio.wait_for(asyncio.gather(listen(queue), listen(events)), PATIENCE)
            thread.join()

        async def listen(session):
            async for _ in session:
                pass
        for end in ("close", "wake"):
            with nfbind.Queue(QUEUE) as queue, nfbind.Events() as events:
                asyncio.run(loop(queue, events, lambda session: getattr(session, end)()))
        self.assertEqual(nfbind._waits, {})

    def test_asyncio_ends_whenever_another_thread_ends_its_session(self):
        async def loop(session, end, pause):
            thread = threading.Timer(pause, end)
            thread.start()
            async def listen():
                async for _ in session:
                    pass
            await asyncio.wait_for(listen(), 20)
            thread.join()
        for n in range(60):
            for end in ("close", "wake"):
                with nfbind.Events() as events:
                    asyncio.run(loop(events, getattr(events, end), n / 200000))
        self.assertEqual(nfbind._waits, {})

    def test_asyncio_is_cancelled(self):
        async def loop(queue):
            async def first():
                async for _ in queue:
                    pass
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(first(), 0.05)
            self.send(b"x")
            async for packet in queue:
                packet.accept()
                break
        with nfbind.Queue(QUEUE) as queue:
            asyncio.run(loop(queue))
        self.assertEqual(self.received(), b"x")

    def test_a_child_may_only_close(self):
        with nfbind.Queue(QUEUE) as queue:
            self.send(b"x")
            packet = queue.receive(PATIENCE)[0]
            child = os.fork()
            if child == 0:
                ok = True
                for call in (packet.accept, lambda: queue.receive(0), queue.settle):
                    try:
                        call()
                        ok = False
                    except nfbind.Error as error:
                        ok = ok and error.errno == errno.ECHILD
                queue.close()
                queue.free()
                del packet
                os._exit(0 if ok else 1)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
            packet.accept()
            queue.settle()
            self.assertEqual(self.received(), b"x")


class Tables(WithTraffic):
    CONNECTION = {"orig_src": "10.0.0.1", "orig_dst": "10.0.0.2", "orig_l4proto": 17,
                  "orig_port_src": 5, "orig_port_dst": 6, "timeout": 100}

    def test_events_come_in_order(self):
        with nfbind.Conntrack() as conntrack, nfbind.Events({"l4proto": 17, "port": 6}) as events:
            conntrack.add_ct(self.CONNECTION)
            conntrack.remove_ct(self.CONNECTION)
            seen = []
            for event, ct in events:
                self.assertEqual(ct.orig_src, "10.0.0.1")
                seen.append(nfbind.EventKind(event.kind).name)
                if len(seen) == 2:
                    break
            self.assertEqual(seen, ["CT_NEW", "CT_DESTROY"])
            self.assertIsNone(events.receive(0))
            threading.Timer(0.05, events.close).start()
            self.assertEqual(list(events), [])
            self.failing("ESHUTDOWN", events.receive)

    def test_lists_and_bulks(self):
        with nfbind.Conntrack() as conntrack:
            bulk = nfbind.Bulk()
            for port in range(50):
                bulk.add_ct({**self.CONNECTION, "orig_port_src": 1000 + port})
            self.assertEqual(conntrack.apply(bulk), 50)
            self.assertEqual(conntrack.apply(bulk), 0)
            self.assertEqual([index for index, *_ in bulk.failures()], list(range(50)))
            found = sorted(ct.orig_port_src for ct in conntrack.connections({"l4proto": 17, "port": 6}))
            self.assertEqual(found, [1000 + n for n in range(50)])
            for ct in conntrack.connections({"l4proto": 17, "port": 6}, flags=nfbind.ListFlag.UNIQUE):
                conntrack.remove_ct(ct)
            self.assertEqual(list(conntrack.connections({"l4proto": 17, "port": 6})), [])
            stats = conntrack.read_cpu_stats()
            self.assertGreaterEqual(len(stats), 1)

    def test_a_helper_says_what_it_lacks(self):
        with self.assertRaises(nfbind.Error) as caught:
            nfbind.Helper({"name": "nfbind-test", "l4proto": 6, "queue": 77})
        self.assertTrue(caught.exception.strerror)
        with nfbind.Conntrack() as conntrack:
            self.assertRaises(nfbind.Error, lambda: list(conntrack.helpers()))


if __name__ == "__main__":
    enter_namespace()
    unittest.main()
