#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# The languages against the classic use of libnetfilter_queue in C, and against what each
# language has today: NetfilterQueue from PyPI, go-nfqueue from Go's proxy; both are
# installed for the run. Every consumer reads id, protocol, hook, mark and the whole payload
# of each packet, and accepts it. Run by `meson devenv`, where the languages find nfbind.
#
# A second part lists the connection table from each language (binding_tables.py).
#
#   tests/bench/bindings.py [--quick] [--only packets,tables] [--strict]
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent

import binding_tables
import harness
import peers
from peers import tried

# The queue's benchmark is named like a module of the standard library.
spec = importlib.util.spec_from_file_location("queue_bench", HERE / "queue.py")
queue_bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(queue_bench)

LUAS = ("luajit", "lua5.1", "lua5.3", "lua5.4")
# What is promised against the classic use in C, at 64 and 1400 bytes.
GOALS = {"python": (1.70, 1.60), "luajit": (1.65, 1.60),
         "lua5.4": (1.65, 1.60), "go": (1.70, 1.60)}
GO_FRAME = ("common.go", "binding_common.go")
GO_NFQUEUE = "github.com/florianl/go-nfqueue/v2"
GO_NFQUEUE_FRAME = (*GO_FRAME, "binding_nfqueue.go")


def netfilterqueue(room):
    python = peers.python_with(room / "python", "NetfilterQueue", "netfilterqueue")
    return {"NetfilterQueue": (python, HERE / "binding_netfilterqueue.py", "loop")} if python else {}


def go_nfqueue(room):
    program = peers.go_with(room / "go-nfqueue", GO_NFQUEUE, (*GO_NFQUEUE_FRAME, "tune_peer.go"))
    return {"go-nfqueue": (program, "loop")} if program else {}


def consumers(room, programs):
    """{name: the words that start it}"""
    rows = {"classic": (programs / "consumer_lnq", "classic"),
            "classic again": (programs / "consumer_lnq", "classic"),
            "nfbind in C": (programs / "consumer_nfbind", "coalesced"),
            "python": (sys.executable, HERE / "binding_nfbind.py", "loop")}
    for lua in LUAS:
        if shutil.which(lua) and tried(lua, "-e", "require 'nfbind'"):
            rows[lua] = (lua, HERE / "binding_nfbind.lua", "loop")
    if shutil.which("go"):
        program = peers.go_program(room / "go-nfbind", (*GO_FRAME, "binding_nfbind.go"))
        if program:
            rows["go"] = (program, "loop")
        rows |= go_nfqueue(room)
    return rows | netfilterqueue(room)


def tables(room, programs):
    luas = [lua for lua in LUAS if shutil.which(lua) and tried(lua, "-e", "require 'nfbind'")]
    return binding_tables.programs(room, programs, luas)


class Timed(harness.Child):
    """All are timed here: plain Lua has no clock for it."""

    def tell(self, line):
        self.began = time.monotonic_ns()
        super().tell(line)

    def hear(self, *seconds):
        report = super().hear(*seconds)
        if "packets" in report:
            report["wall_ns"] = time.monotonic_ns() - self.began
        return report


class Bench(queue_bench.Bench):
    def __init__(self, options, rows):
        super().__init__(options)
        self.rows = rows
        self.peers = dict.fromkeys(rows)

    def consumer(self, peer, *options):
        # Options that only C's frame knows are left out for the others.
        known = [o for o in options if "consumer_" in str(self.rows[peer][0])
                 or o.split("=")[0] in ("queue", "receive_buffer", "max_length")]
        return Timed(*self.rows[peer], *known)


def section_bindings(bench):
    for number, size in enumerate(queue_bench.SIZES):
        section = f"drain {size} B"
        measures = {name: lambda name=name: queue_bench.drain(bench, name, size) for name in bench.peers}
        queue_bench.check_same_fields(section, bench.interleave(section, measures))
        queue_bench.print_drain(bench, section)
        for name, bounds in GOALS.items():
            if name in bench.peers:
                bench.promise_rate(section, f"{name} {size} B", bounds[number], name, "classic")


def main():
    parser = harness.argument_parser("Benchmark the languages.", "packets")
    parser.add_argument("--only", choices=("packets", "tables"), help="one of the two parts")
    options = parser.parse_args()
    room = options.output.resolve() / "peers"
    room.mkdir(parents=True, exist_ok=True)
    rows = consumers(room, options.programs.resolve()) if options.only != "tables" else {}
    lists = tables(room, options.programs.resolve()) if options.only != "packets" else {}
    harness.enter_namespace()
    bench = Bench(options, rows)
    machine = queue_bench.describe(bench)
    try:
        if lists:
            listed = binding_tables.measure(options, lists)
            bench.samples |= listed.samples
            bench.goals += listed.goals
        if rows:
            queue_bench.prepare_namespace(bench)
            section_bindings(bench)
    except (harness.BenchError, subprocess.TimeoutExpired) as error:
        sys.exit(f"benchmark of the languages: {error}")
    return queue_bench.conclude(bench, machine, "bindings")


if __name__ == "__main__":
    sys.exit(main())
