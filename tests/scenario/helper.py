# SPDX-License-Identifier: MIT
"""A helper in Python, in a few steps; tests/vm/helper_scenario.sh says what they are."""

import os
import sys

import nfbind

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from scenario_common import refused, say, show_expectations

RECORD = {"name": "scenario", "l3proto": 2, "l4proto": 17, "queue": 21, "priv-data-len": 8,
          "policy1-name": "calls", "policy1-max": 4, "policy1-timeout": 120}
ANNOUNCED, PATIENCE = 5010, 60


def show_record(conntrack):
    found = conntrack.fetch_cthelper(RECORD)
    say("record:", found if found is not None else "ENOENT")


def answer(value):
    return "yes" if value else "no"


def show_packet(packet):
    ct = packet.get_ct()
    say("packet:", packet.l4_payload.decode(), "port", ct.orig_port_dst, "helper", ct.helper_name,
        "info", ct.helper_info[:8].hex(), "reply", answer(packet.is_reply()),
        "established", answer(packet.is_established()))
    return ct


def remember(packet):
    """The connection keeps for us what was said."""
    show_packet(packet)
    refused("info", packet.set_ct, {"helper-info": b"hello"})
    refused("accept", packet.accept)


def announce(packet):
    """Who speaks says where it can be reached."""
    exp = nfbind.Exp()
    exp.expect(show_packet(packet), 0, 0, bytes([10, 1, 0, 2]), ANNOUNCED)
    refused("expect", packet.set_exp, exp)
    refused("accept", packet.accept)
    refused("decided twice", packet.accept)


def take_leave(packet):
    """Without a rule its connections stay helped."""
    show_packet(packet)
    refused("accept", packet.accept)


def main():
    with nfbind.Conntrack() as conntrack, nfbind.Helper(RECORD) as helper:
        refused("open again", helper.open, RECORD)
        refused("add beside it", conntrack.add_cthelper, RECORD)
        show_record(conntrack)
        queue = helper.queue
        say("> rule")
        say("> send hello")
        remember(queue.receive(PATIENCE)[0])
        queue.settle()
        say("> send announce")
        announce(queue.receive(PATIENCE)[0])
        queue.settle()
        show_expectations(conntrack)
        say("> no rule")
        say("> send bye")
        take_leave(queue.receive(PATIENCE)[0])
        queue.settle()
        say("> receive")
        refused("close", helper.close)
        show_record(conntrack)
        show_expectations(conntrack)


if __name__ == "__main__":
    sys.exit(main())
