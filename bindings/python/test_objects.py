# SPDX-License-Identifier: MIT
"""
Objects without a kernel: fields as attributes, packets from bytes, errors with
their sentences, and everything that must be an error and never a crash.
"""

import ast
import errno
import gc
import ipaddress
import keyword
import os
import struct
import threading
import unittest

import nfbind


def udp(payload=b"hello"):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 7, 0, 64, 17, 0,
                       bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    return head + struct.pack(">HHHH", 1000, 53, 8 + len(payload), 0) + payload


FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/fixtures")


def recorded(name):
    with open(os.path.join(FIXTURES, name), "rb") as file:
        return file.read()


class Fields(unittest.TestCase):
    def test_attribute_and_item_are_the_same(self):
        packet = nfbind.Packet(udp())
        self.assertEqual(packet.ip_src, "10.0.0.1")
        self.assertEqual(packet["ip-src"], packet.ip_src)
        self.assertEqual((packet.port_src, packet.port_dst), (1000, 53))
        self.assertEqual(packet.l4_payload, b"hello")
        self.assertIsNone(packet.tcp_seq)
        self.assertIs(packet.ip_dont_fragment, False)

    def test_setting_none_makes_a_field_absent(self):
        ct = nfbind.Ct()
        ct.mark = 5
        ct["helper-name"] = "ftp"
        self.assertEqual((ct.mark, ct.helper_name), (5, "ftp"))
        ct.mark = None
        del ct.helper_name
        self.assertEqual((ct.mark, ct.helper_name), (None, None))

    def test_fields_are_keywords_and_a_mapping(self):
        ct = nfbind.Ct({"orig-src": "10.0.0.1"}, mark=5)
        self.assertEqual(dict(ct), {"orig-src": "10.0.0.1", "mark": 5})
        self.assertEqual(nfbind.Ct(**{k.replace("-", "_"): v for k, v in dict(ct).items()}), ct)
        self.assertIn("mark", ct)
        self.assertNotIn("zone", ct)
        self.assertIn("l4-payload", list(nfbind.Packet(udp())))
        self.assertRaises(TypeError, nfbind.Ct, nonsense=1)
        self.assertRaises(TypeError, nfbind.Bulk, 1)
        self.assertTrue(nfbind.Filter(l4proto=6).match({"orig_l4proto": 6}))
        self.assertEqual(str(nfbind.Filter(mark=5)), "mark=5")
        self.assertEqual(repr(nfbind.Ct(mark=5)), "<nfbind.Ct mark=5>")
        ct.free()
        self.assertEqual(repr(ct), "<nfbind.Ct: the ct was freed>")

    def test_text_is_read_and_its_mistakes_are_told(self):
        ct = nfbind.Ct()
        ct.parse(nfbind.Format.JSON, None, '{"mark":5}')
        self.assertEqual(ct.mark, 5)
        with self.assertRaises(nfbind.Error) as caught:
            ct.parse(nfbind.Format.JSON, None, '{"mark":}')
        self.assertEqual(caught.exception.errno, errno.EINVAL)
        self.assertNotIn("the text is not", caught.exception.strerror)
        labels = nfbind.Labels()
        labels.add(5, "five")
        self.assertEqual((labels.find("five"), labels.get_name(5), labels.get_name(6)), (5, "five", None))
        self.assertRaises(nfbind.Error, labels.read, "/nonexistent")

    def test_a_keyword_has_another_name(self):
        exp = nfbind.Exp()
        exp.class_ = 2
        self.assertEqual(exp["class"], 2)

    def test_equal_objects(self):
        a, b = nfbind.Ct(), nfbind.Ct()
        a.mark = b.mark = 7
        self.assertEqual(a, b)
        b.assign(nfbind.Ct())
        self.assertNotEqual(a, b)
        self.assertNotEqual(a, 7)
        self.assertIn("mark=7", str(a))

    def test_rewriting_follows_lengths(self):
        packet = nfbind.Packet(udp())
        packet.payload = udp(b"other")
        self.assertEqual(packet.l4_payload, b"other")
        packet.splice(0, 5, b"goodbye")
        self.assertEqual(packet.l4_payload, b"goodbye")
        self.assertEqual(packet.payload[24:26], b"\0\x0f")
        self.assertFalse(packet.verify() & nfbind.Verify.LENGTH)

    def test_tables_say_what_fields_are(self):
        fields = nfbind.Ct.fields()
        number = fields.find("mark")
        self.assertEqual(fields.get_name(number), "mark")
        self.assertEqual(fields.get_kind(number), nfbind.Kind.U32)
        self.assertIsNone(fields.get_name(10000))

    def test_long_text_is_whole(self):
        packet = nfbind.Packet(udp(bytes(2000)))
        self.assertGreater(len(packet.print(nfbind.PacketFormat.FIELDS)), 4000)


class Errors(unittest.TestCase):
    def failing(self, name, call, *args, **named):
        with self.assertRaises(nfbind.Error) as caught:
            call(*args, **named)
        self.assertEqual(caught.exception.errno, getattr(errno, name))
        self.assertTrue(caught.exception.strerror)
        return caught.exception.strerror

    def test_errors_have_the_sentence_of_the_header(self):
        self.assertIn("neither an IPv4 nor", self.failing("EINVAL", nfbind.Packet, b"\0"))
        ct = nfbind.Ct()
        self.assertIn("does not fit", self.failing("ERANGE", setattr, ct, "zone", 70000))
        self.assertIn("does not fit", self.failing("ERANGE", ct.__setitem__,
                                                   ct.fields().find("zone"), 70000))
        self.failing("EINVAL", nfbind.Packet(udp()).keep)
        self.failing("EINVAL", nfbind.Packet(udp()).accept)
        self.failing("EBADMSG", nfbind.Batch.parse, b"\x10\0\0\0nonsense")

    def test_addresses_and_dictionaries(self):
        ct = nfbind.Ct()
        for value in ("2001:db8::1", ipaddress.ip_address("2001:db8::1"),
                      ipaddress.ip_address("2001:db8::1").packed):
            ct.orig_src = value
            self.assertEqual(ct.orig_src, "2001:db8::1")
            self.assertTrue(ct.equal({"orig-src": value}))
        with self.assertRaises(nfbind.Error):
            ct.orig_src = "192.0.2.1\0more"
            self.assertTrue(ct.equal({"orig_ipv6_src": value}))
        self.failing("EINVAL", setattr, ct, "orig_src", "nonsense")
        self.failing("EINVAL", setattr, ct, "orig_src", b"12345")
        self.assertFalse(ct.equal({}))
        self.assertRaises(TypeError, ct.equal, {"nonsense": 1})
        self.assertRaises(TypeError, ct.equal, {"mark": "x"})

    def test_wrong_arguments(self):
        ct, packet = nfbind.Ct(), nfbind.Packet(udp())
        for call in (lambda: ct.assign(packet), lambda: ct.assign(None), lambda: ct.assign(),
                     lambda: ct.print("mark", 0), lambda: ct.print(0, 0, None, 1),
                     lambda: ct.print(0, flag=1), lambda: nfbind.Packet(), lambda: nfbind.Packet(5),
                     lambda: nfbind.Packet(b"", b""), lambda: nfbind.Batch(), lambda: nfbind.Ct(1),
                     lambda: nfbind.Queue(5, nonsense=1), lambda: nfbind.Queue(5, free=1),
                     lambda: setattr(ct, "mark", "x"), lambda: nfbind.Ct.equal(packet, ct)):
            self.assertRaises(TypeError, call)
        for value in (-1, 2 ** 64, 2 ** 200):
            self.assertRaises(OverflowError, setattr, ct, "mark", value)
            self.assertRaises(OverflowError, ct.print, value, 0)
        self.assertRaises(KeyError, lambda: ct["nonsense"])
        self.assertRaises(KeyError, lambda: ct[1000])
        self.assertRaises(ValueError, ct.fields().find, "a\0b")

    def test_a_session_that_is_not_open(self):
        queue = nfbind.Queue.__new__(nfbind.Queue)
        for call in (queue.settle, queue.send, queue.get_fd, lambda: queue.receive(0),
                     lambda: queue.bind(1), lambda: queue.unbind(1), lambda: queue.read_stats(1),
                     lambda: queue.verdict_rest(1)):
            self.failing("ESHUTDOWN", call)
        queue.wake()
        queue.close()
        queue.free()
        queue.free()
        self.failing("EBADF", queue.wake)

    def test_use_after_free(self):
        batch = nfbind.Batch.parse(recorded("packet-tcp-syn.bin"))
        packet, payload = batch[0], batch[0].payload
        batch.free()
        for call in (lambda: packet.mark, lambda: packet.payload, packet.keep, packet.accept,
                     lambda: setattr(packet, "mark", 1), lambda: len(batch), lambda: batch[0],
                     batch.export, batch.get_data, lambda: str(packet)):
            self.assertRaises(nfbind.Error, call)
        batch.free()
        packet.free()
        self.assertTrue(payload)

    def test_arguments_that_free_what_they_are_for(self):
        packet = nfbind.Packet(udp())

        class Evil:
            def __index__(self):
                packet.free()
                return 0
        self.failing("EBADF", packet.splice, Evil(), 1, b"")


class Batches(unittest.TestCase):
    def test_a_recorded_packet(self):
        batch = nfbind.Batch.parse(recorded("packet-connmark.bin"))
        self.assertEqual(len(batch), 1)
        packet = batch[0]
        self.assertIsNotNone(packet.ct.mark)
        self.assertIs(packet.session, batch)
        self.assertRaises(IndexError, lambda: batch[1])
        self.assertIsNone(batch.packet(2 ** 32 - 1))
        (summary,) = batch.export()
        self.assertEqual(summary.id, packet.id)
        view = batch.get_data()
        part = view[summary.payload_offset:summary.payload_offset + summary.payload_len]
        self.assertEqual(part, packet.payload)

    def test_a_view_keeps_the_batch(self):
        batch = nfbind.Batch.parse(recorded("packet-tcp-syn.bin"))
        view = batch.get_data()
        self.assertRaises(BufferError, batch.free)
        self.assertRaises(TypeError, view.__setitem__, 0, 1)
        copy = bytes(view)
        del batch
        gc.collect()
        self.assertEqual(bytes(view), copy)

    def test_a_payload_is_seen_where_it_lies(self):
        packet = nfbind.Batch.parse(recorded("packet-tcp-syn.bin"))[0]
        view = packet.view()
        self.assertEqual(view, packet.payload)
        self.assertTrue(view.readonly)
        self.assertRaises(BufferError, packet.session.free)
        packet.splice(0, 0, b"longer")
        self.assertEqual(packet.view(), packet.payload)
        self.assertEqual(len(packet.view()), len(view) + 6)
        del packet
        gc.collect()
        self.assertEqual(view[0] >> 4, 4)

    def test_packets_outlive_their_batch(self):
        packets = [p for p in nfbind.Batch.parse(recorded("packet-tcp-syn.bin"))]
        gc.collect()
        self.assertEqual(packets[0].ip_protocol, 6)

    def test_nested_objects_are_copies(self):
        packet = nfbind.Batch.parse(recorded("packet-connmark.bin"))[0]
        ct = packet.ct
        del packet
        self.assertIsNotNone(ct.orig_src)

    def test_all_fixtures_in_all_fields(self):
        for name in sorted(os.listdir(FIXTURES)):
            if not name.endswith(".bin"):
                continue
            try:
                batch = nfbind.Batch.parse(recorded(name))
            except nfbind.Error:
                continue
            for packet in batch:
                for field in range(packet.fields().count()):
                    if packet.fields().get_name(field) != "exp":
                        packet[field]


class Stubs(unittest.TestCase):
    """The stubs name what is there, all of it and nothing else."""

    def setUp(self):
        path = os.path.join(os.path.dirname(nfbind.__file__), "__init__.pyi")
        with open(path, encoding="utf-8") as file:
            self.tree = ast.parse(file.read())

    @staticmethod
    def names(body):
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                yield node.name
            elif isinstance(node, ast.AnnAssign):
                yield node.target.id

    def test_classes_have_what_the_stubs_say(self):
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef) and node.name != "Error":
                there = getattr(nfbind, node.name)
                said = {n for n in self.names(node.body) if not n.startswith("__")}
                for name in said:
                    self.assertTrue(hasattr(there, name), f"{node.name}.{name}")
                public = {n for n in dir(there) if not n.startswith("_")} - set(dir(tuple))
                # A field may go by a word of the language as well.
                public -= {n for n in public if keyword.iskeyword(n)} | {"n_fields", "n_sequence_fields",
                                                                         "n_unnamed_fields"}
                self.assertEqual(public - said, set(), node.name)

    def test_the_module_has_them_all(self):
        said = set(self.names(self.tree.body))
        there = {n for n, value in vars(nfbind._nfbind).items()
                 if not n.startswith("_") and callable(value)}
        self.assertEqual(there - said, set())


class Threads(unittest.TestCase):
    def test_one_object_in_many_threads(self):
        ct = nfbind.Ct()

        def change():
            for number in range(2000):
                ct.mark = number
                ct.helper_name = "x" * (number % 15)
                str(ct)
        threads = [threading.Thread(target=change) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    unittest.main()
