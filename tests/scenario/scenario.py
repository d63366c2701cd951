# SPDX-License-Identifier: MIT
"""The scenario in Python; run.py says what it is."""

import errno
import os
import sys

import nfbind
from nfbind import EventKind, Feature, Format

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from scenario_common import refused, say, show_expectations

CONNECTION = {"orig-src": "10.0.0.1", "orig-dst": "10.0.0.2", "orig-l4proto": 6,
              "orig-port-src": 1000, "orig-port-dst": 21, "tcp-state": 3, "timeout": 100,
              "mark": 1}


def probe():
    features, _ = nfbind.probe()
    for name in ("QUEUE", "QUEUE_FAIL_OPEN", "QUEUE_GSO", "CONNTRACK", "EXPECT"):
        say("probe:", name, "yes" if features & Feature[name] else "no")


def judge(packet):
    payload = packet.l4_payload
    say("packet:", packet.ip_src, packet.port_src, packet.ip_dst, packet.port_dst, payload.decode())
    if payload == b"change":
        packet.l4_payload = b"changed at length"
    if payload == b"mark":
        packet.mark = 7
    if payload == b"stop":
        packet.drop()
    else:
        packet.accept()
    refused("decided twice", packet.drop)


def packets():
    with nfbind.Queue(5, fail_open=True, gso=False) as queue:
        say("> send pass stop change mark")
        seen = 0
        for packet in queue:
            judge(packet)
            seen += 1
            if seen == 4:
                break
        queue.settle()
        say("> receive")

        say("> send later")
        packet = queue.receive(5)[0]
        kept = packet.keep()
        queue.settle()
        refused("decided after its batch", packet.accept)
        refused("decided when kept", kept.accept)
        say("> receive")

        stats = queue.read_stats(5)
        say("queue:", "received", stats.received, "decided", stats.decided, "defaulted", stats.defaulted)
    refused("received after close", queue.receive, 0)


def describe(ct):
    return (f"{ct.orig_src}:{ct.orig_port_src} > {ct.orig_dst}:{ct.orig_port_dst} "
            f"protocol {ct.orig_l4proto} mark {ct.mark}")


def connections(conntrack):
    refused("add", conntrack.add_ct, CONNECTION)
    refused("add again", conntrack.add_ct, CONNECTION)
    refused("change", conntrack.change_ct, {**CONNECTION, "mark": 2})
    say("fetch:", describe(conntrack.fetch_ct(CONNECTION)))
    for mark in (1, 2):
        for ct in conntrack.connections({"mark": mark}):
            say("list: mark", mark, describe(ct))
    refused("remove", conntrack.remove_ct, CONNECTION)
    refused("remove again", conntrack.remove_ct, CONNECTION)
    refused("remove all by mistake", conntrack.remove_ct, {"mark": 2})
    say("fetch:", conntrack.fetch_ct(CONNECTION) or "nothing")


def watch(events):
    """What connections() did: a connection of TCP only, by the filter."""
    while events.receive(0) is not None:
        for event, entry in events.taken():
            say("event:", EventKind(event.kind).name, describe(entry))


def many(conntrack):
    bulk = nfbind.Bulk()
    ct = nfbind.Ct(CONNECTION, orig_l4proto=17, tcp_state=None)
    for port in range(100):
        ct.orig_port_src = 2000 + port
        bulk.add_ct(ct)
    say("bulk:", len(bulk), "operations,", conntrack.apply(bulk), "done")
    bulk.clear()
    for port in range(101):
        ct.orig_port_src = 2000 + port
        bulk.remove_ct(ct)
    say("bulk:", len(bulk), "operations,", conntrack.apply(bulk), "done")
    for index, error, sentence in bulk.failures():
        say("bulk:", index, nfbind.error_name(error), sentence)


def expectation(conntrack):
    try:
        conntrack.add_ct({**CONNECTION, "helper-name": "ftp"})
    except nfbind.Error as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        say("expectation: this kernel has no helper for ftp")
        return
    exp = nfbind.Exp()
    exp.expect(conntrack.fetch_ct(CONNECTION), 1, 0, bytes([10, 0, 0, 2]), 5555)
    exp.timeout = 60
    refused("expect", conntrack.add_exp, exp)
    show_expectations(conntrack)
    refused("unexpect", conntrack.remove_exp, exp)
    refused("unexpect again", conntrack.remove_exp, exp)
    refused("remove", conntrack.remove_ct, CONNECTION)


def texts():
    ct = nfbind.Ct(CONNECTION)
    say("text:", ct.print(Format.FIELDS))
    say("text:", ct.print(Format.SAVE))
    say("text:", ct.print(Format.JSON))
    other = nfbind.Ct()
    other.parse(Format.JSON, None, ct.print(Format.JSON))
    say("text:", "the same" if other == ct else "another")
    try:
        ct.zone = 65536
    except nfbind.Error as error:
        say("number too big:", nfbind.error_name(error.errno))


def main():
    probe()
    packets()
    with nfbind.Conntrack() as conntrack:
        wanted = EventKind.CT_NEW | EventKind.CT_UPDATE | EventKind.CT_DESTROY
        with nfbind.Events({"l4proto": 6}, events=wanted) as events:
            connections(conntrack)
            watch(events)
        many(conntrack)
        expectation(conntrack)
    texts()


if __name__ == "__main__":
    sys.exit(main())
