#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# The drop-in modules against the bindings whose API they have, which are installed for the
# run: rates of a drain, and the round trip of a single packet, since verdicts that leave
# together may not come later for that. Run by `meson devenv`, where nfbind is found.
#
# Where Go's proxy has no go-nfqueue, its module is compared with the classic use of
# libnetfilter_queue in C. The same for libnetfilterqueue, which is for Python 2: it is
# compared with NetfilterQueue.
#
#   tests/bench/dropins.py [--quick] [--strict]
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True

import bindings
import harness
import peers
from bindings import HERE, queue_bench
from peers import tried

ROOT = harness.ROOT
OURS, OURS_CALLER_READS, OURS_GO = "our netfilterqueue", "our libnetfilterqueue", "our go-nfqueue"
PEER, PEER_GO = "NetfilterQueue", "go-nfqueue"

# ours: against whom, at least so many times the rate, at most so many times the round trip.
GOALS = {OURS: (PEER, 1.6, 1.1), OURS_CALLER_READS: (PEER, 1.0, 1.1), OURS_GO: (PEER_GO, 1.9, 1.1)}
# go-nfqueue 2.0.2 reached 0.40 of the classic rate where it could be measured. What Go's own
# threads cost a round trip, C has not: there nothing stands in for it.
GO_WITHOUT_PEER = ("classic", 1.9 * 0.40, None)
# It tells a program neither id nor hook nor protocol.
TELLS_LESS = (OURS_CALLER_READS,)


def python_module(name, program):
    """The module from the tree in the Python that is here."""
    path = os.pathsep.join(filter(None, [str(ROOT / "dropins" / name), os.environ.get("PYTHONPATH")]))
    words = ("env", f"PYTHONPATH={path}", sys.executable, HERE / program, "loop")
    if tried("env", f"PYTHONPATH={path}", sys.executable, "-c", f"import nfbind, {name}"):
        return {f"our {name}": words}
    return {}


def go_module(room):
    """The peer's program, with another import path."""
    folder = room / "go-dropin"
    folder.mkdir(parents=True, exist_ok=True)
    module = "github.com/nfbind/nfbind/"
    sources = (*bindings.GO_NFQUEUE_FRAME, "tune_dropin.go")
    for name in sources:
        text = (peers.GO / name).read_text()
        (folder / name).write_text(text.replace(bindings.GO_NFQUEUE, module + "dropins/go-nfqueue"))
    lines = ["module example.org/dropin", "go 1.25"]
    for path in ("dropins/go-nfqueue", "bindings/go"):
        lines += [f"require {module}{path} v0.1.0", f"replace {module}{path} => {ROOT / path}"]
    (folder / "go.mod").write_text("\n".join(lines) + "\n")
    if tried("go", "build", "-o", "dropin", *sources, cwd=folder, env=dict(os.environ, GOWORK="off")):
        return {OURS_GO: (folder / "dropin", "loop")}
    return {}


def consumers(room, programs):
    """{name: the words that start it}; who is compared stands side by side, and one stands twice."""
    rows = {"classic": (programs / "consumer_lnq", "classic"),
            "classic again": (programs / "consumer_lnq", "classic")}
    peer = bindings.netfilterqueue(room)
    rows |= peer
    rows |= {name + " again": words for name, words in peer.items()}
    rows |= python_module("netfilterqueue", "binding_netfilterqueue.py")
    rows |= python_module("libnetfilterqueue", "binding_libnetfilterqueue.py")
    if shutil.which("go"):
        rows |= bindings.go_nfqueue(room)
        rows |= go_module(room)
    return rows


def goal(bench, name):
    """Against whom, and the two bounds."""
    if name == OURS_GO and PEER_GO not in bench.peers:
        return GO_WITHOUT_PEER
    return GOALS[name]


def section_drain(bench):
    for size in queue_bench.SIZES:
        section = f"drain {size} B"
        measures = {name: lambda name=name: queue_bench.drain(bench, name, size) for name in bench.peers}
        results = bench.interleave(section, measures, 2 * bench.rounds)
        queue_bench.check_same_fields(section, {name: samples for name, samples in results.items()
                                                if name not in TELLS_LESS})
        queue_bench.print_drain(bench, section)
        for name in GOALS:
            peer, rate, _ = goal(bench, name)
            bench.promise_rate(section, f"{name} {size} B", rate, name, peer)


class Pinned(bindings.Bench):
    """Consumers on the processor that those in C choose, since waking another one takes longest."""

    def consumer(self, peer, *options):
        words = self.rows[peer]
        self.rows[peer] = ("taskset", "-c", str((os.cpu_count() or 1) - 1), *words)
        try:
            return super().consumer(peer, *options)
        finally:
            self.rows[peer] = words


def section_roundtrip(bench):
    section = "round trip through the queue"
    pinned = Pinned(bench.options, bench.rows)
    measures = {name: lambda name=name: queue_bench.round_trip(pinned, name) for name in bench.peers}
    # Some microseconds are the question, and the machine's moods are longer.
    results = bench.interleave(section, measures, 3 * bench.rounds)
    rows = [[name, f"{queue_bench.median(samples, 'p50_ns') / 1e3:.1f}",
             f"{queue_bench.median(samples, 'p99_ns') / 1e3:.1f}",
             f"{bench.ratio(section, 'p50_ns', name, 'classic'):.2f}"] for name, samples in results.items()]
    print(section)
    harness.print_table(["consumer", "p50 us", "p99 us", "x classic"], rows)
    for name in GOALS:
        peer, _, bound = goal(bench, name)
        if bound is None:
            print(f"note: the round trip of {name} has nobody to be compared with here")
            continue
        bench.promise(f"{name} round trip p50, x {peer}", bound,
                      bench.ratio(section, "p50_ns", name, peer), at_most=True)


def main():
    options = harness.argument_parser("Benchmark the drop-in modules.", "packets").parse_args()
    room = options.output.resolve() / "peers"
    room.mkdir(parents=True, exist_ok=True)
    rows = consumers(room, options.programs.resolve())
    harness.enter_namespace()
    bench = bindings.Bench(options, rows)
    machine = queue_bench.describe(bench)
    machine["compared"] = {name: goal(bench, name)[0] for name in GOALS}
    for missing in {PEER, PEER_GO} - set(rows):
        print(f"note: {missing} cannot be had here")
    try:
        queue_bench.prepare_namespace(bench)
        section_drain(bench)
        section_roundtrip(bench)
    except (harness.BenchError, subprocess.TimeoutExpired) as error:
        sys.exit(f"benchmark of the drop-in modules: {error}")
    return queue_bench.conclude(bench, machine, "dropins")


if __name__ == "__main__":
    sys.exit(main())
