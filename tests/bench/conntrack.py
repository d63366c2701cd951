#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# The conntrack benchmark: nfbind against libnetfilter_conntrack (as its users write
# it, and as an expert would), conntrack(8), and a raw socket loop, which is the limit.
# All peers run interleaved, the first round is thrown away, ratios are ratios of
# medians. Absolute figures belong to the machine; the ratios are the result.
#
# As root in the first network namespace it raises the limit of the table for as long
# as it runs, and says so. Everything else happens in a namespace of its own.
#
#   tests/bench/conntrack.py [--quick] [--only SECTION[,SECTION]] [--strict]
import sys

# A neighbour of this file is named like a module of the standard library.
sys.path.append(sys.path.pop(0))
sys.dont_write_bytecode = True

import contextlib
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import harness
from harness import BenchError, Child, median

PROC = pathlib.Path("/proc/sys/net/netfilter")
LIMIT = PROC / "nf_conntrack_max"
SO_RCVBUFFORCE = 33
NETLINK_NETFILTER = 12
BUSY = 0.9
PROCESSOR = 1  # where the programs of this benchmark stay

# name: program, and the mode for each thing to do.
DUMPERS = {
    "nfct_query": ("table_nfct", "dump"),
    "nfct_query again": ("table_nfct", "dump"),
    "raw": ("table_raw", "dump"),
    "nfbind": ("table_nfbind", "dump"),
}
WRITERS = {
    "nfct_query": ("table_nfct", ""),
    "nfct_query again": ("table_nfct", ""),
    "nfct expert": ("table_nfct", "expert-"),
    "raw": ("table_raw", ""),
    "raw single": ("table_raw", "one-"),
    "nfbind bulk": ("table_nfbind", ""),
    "nfbind single": ("table_nfbind", "one-"),
}
CATCHERS = {
    "nfct_catch": ("table_nfct", "events"),
    "nfct_catch again": ("table_nfct", "events"),
    "raw": ("table_raw", "events"),
    "nfbind": ("table_nfbind", "events"),
}
WRITES = ("create", "change", "remove")
BULK_GOALS = {"create": 3.0, "change": 4.8, "remove": 3.5}
RESTORED = 20000  # lines for conntrack -R, which takes 30 MB for them


class Bench(harness.Bench):
    RATE = "kps"

    def __init__(self, options):
        super().__init__(options)
        self.count = 30000 if options.quick else 100000
        self.large = 0 if options.quick else large_count(self.count)
        self.tries = 1 if options.quick else 2
        self.has_peer = (self.programs / "table_nfct").exists()
        self.has_tool = shutil.which("conntrack") is not None
        self.digest = None

    def peers(self, table):
        return {name: peer for name, peer in table.items()
                if self.has_peer or peer[0] != "table_nfct"}

    def program(self, name, mode, count, receive_buffer=0):
        return Child(self.programs / name, mode, count, receive_buffer)


# --- the table -------------------------------------------------------------------


def large_count(count):
    """500000 entries, or as many as the limit allows; 0 where that is no more than `count`."""
    wanted = 500000 if os.geteuid() == 0 and not os.environ.get("NFBIND_BENCH_PLAIN") else 200000
    allowed = int(int(LIMIT.read_text()) * 0.9)
    large = min(wanted, allowed)
    return large if large >= 1.5 * count else 0


def entries():
    return int((PROC / "nf_conntrack_count").read_text())


def check_entries(wanted, who):
    there = entries()
    if there != wanted:
        raise BenchError(f"{who}: {there} entries in the table, not {wanted}")


def sample_of(report, ops):
    return {
        "kps": report["ops"] * 1e6 / report["wall_ns"] if report["ops"] else 0.0,
        "cpu_ns": report["cpu_ns"] / max(ops, 1),
        "wall_ms": report["wall_ns"] / 1e6,
        "busy": report["cpu_ns"] / report["wall_ns"],
        "rss_kb": report["rss_kb"],
        "digest": report["digest"],
    }


def ask(child, who, ops):
    """Let a program do its work: a batch that fails would be fast."""
    child.hear()
    return finish(child, who, ops)


def finish(child, who, ops):
    child.tell("go")
    report = child.hear(180)  # of the slowest peer's
    if report["ops"] != ops or report["errors"]:
        raise BenchError(f"{who}: wanted {ops} without an error, got {report}")
    return sample_of(report, ops)


def once(bench, peer, mode, count, ops):
    with bench.program(peer, mode, count) as child:
        return ask(child, f"{peer} {mode}", ops)


def fill(bench, count):
    once(bench, "table_raw", "create", count, count)
    check_entries(count, "fill")


def empty(bench, count):
    once(bench, "table_raw", "remove", count, count)
    check_entries(0, "empty")


def undisturbed(bench, measure):
    """Nothing here waits: a program that was not busy shared its processor."""
    best = measure()
    for _ in range(bench.tries - 1):
        if best["busy"] >= BUSY:
            break
        best = max(best, measure(), key=lambda sample: sample["busy"])
    bench.disturbed += best["busy"] < BUSY
    return best


def print_samples(bench, section, title, base):
    rows = []
    for name, samples in bench.samples[section].items():
        ratio, by_cpu = (bench.ratio(section, "kps", name, base), bench.ratio(section, "cpu_ns", base, name))
        peak = max(sample["rss_kb"] for sample in samples)
        rows.append([name, f"{median(samples, 'kps'):.0f}",
                     harness.spread([sample["kps"] for sample in samples]),
                     f"{ratio:.2f}" if ratio else "-", f"{median(samples, 'cpu_ns'):.0f}",
                     f"{by_cpu:.2f}" if by_cpu else "-",
                     f"{peak / 1024:.1f}" if peak else "-"])
    print(title)
    harness.print_table(["who", "k/s", "min-max", f"x {base}", "cpu ns each", "by cpu", "MB"], rows)


# --- conntrack(8) ------------------------------------------------------------------


def pin():
    os.sched_setaffinity(0, {PROCESSOR % os.cpu_count()})


def run_tool(arguments, ops, **files):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic_ns()
    done = subprocess.run(["conntrack", *arguments], stderr=subprocess.PIPE, text=True, timeout=60,
                          check=False, preexec_fn=pin, **files)
    wall_ns = time.monotonic_ns() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise BenchError(f"conntrack {' '.join(arguments)}: {done.stderr.strip()}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sample = sample_of({"ops": ops, "wall_ns": wall_ns, "cpu_ns": cpu * 1e9, "rss_kb": 0,
                        "digest": 0}, ops)
    return sample, done.stderr


def list_by_tool(count):
    sample, said = run_tool(["-L"], count, stdout=subprocess.DEVNULL)
    shown = re.search(r"(\d+) flow entries", said)
    if not shown or int(shown.group(1)) != count:
        raise BenchError(f"conntrack -L: {said.strip()}")
    return sample


def save_table(count):
    """The lines of so many entries, as conntrack -R reads them."""
    file = tempfile.NamedTemporaryFile("w+", suffix=".save")
    run_tool(["-L", "-o", "save"], count, stdout=file)
    return file


def restore_by_tool(bench, saved):
    sample, _ = run_tool(["-R", saved.name], RESTORED, stdout=subprocess.DEVNULL)
    check_entries(RESTORED, "conntrack -R")
    empty(bench, RESTORED)
    return sample


# --- reading -----------------------------------------------------------------------


def dump(bench, peer, count):
    sample = undisturbed(bench, lambda: once(bench, peer[0], peer[1], count, count))
    if bench.digest not in (None, sample["digest"]):
        raise BenchError(f"{peer[0]} read other values than the others did")
    bench.digest = sample["digest"]
    return sample


def measure_dumps(bench, count):
    section = f"dump {count}"
    fill(bench, count)
    bench.digest = None
    measures = {name: lambda peer=peer: dump(bench, peer, count)
                for name, peer in bench.peers(DUMPERS).items()}
    if bench.has_tool:
        measures["conntrack -L"] = lambda: undisturbed(bench, lambda: list_by_tool(count))
    bench.interleave(section, measures)
    print_samples(bench, section, f"{count} entries listed, all of each decoded and read",
                  "nfct_query" if bench.has_peer else "raw")
    return section


def promise_dumps(bench, section, bound):
    count = section.split()[1]
    bench.promise_rate(section, f"list of {count}", bound, "nfbind", "nfct_query")
    bench.promise_rate(section, f"list of {count}", 0.97, "nfbind", "raw")


def measure_filtered(bench):
    section = "filtered"
    peers = {name: peer for name, peer in bench.peers(DUMPERS).items() if "again" not in name}
    bench.interleave(section, {
        name: lambda peer=peer: undisturbed(bench, lambda: once(bench, peer[0], "filtered", 0, 0))
        for name, peer in peers.items()})
    all_of_it = bench.samples[f"dump {bench.count}"]["nfbind"]
    full = median(all_of_it, "wall_ms")
    rows = [[name, f"{median(samples, 'wall_ms'):.1f}"]
            for name, samples in bench.samples[section].items()]
    print(f"a filter by mark that nothing of {bench.count} entries passes")
    harness.print_table(["who", "ms"], [*rows, ["nfbind, all entries", f"{full:.1f}"]])
    none = bench.samples[section]["nfbind"]
    bench.promise("list with no match, times faster than a full one", 10,
                  full / median(none, "wall_ms"),
                  by_cpu=median(all_of_it, "cpu_ns") * bench.count / median(none, "cpu_ns"))


def section_dump(bench):
    small = measure_dumps(bench, bench.count)
    measure_filtered(bench)
    empty(bench, bench.count)
    promise_dumps(bench, small, 1.41)
    if not bench.large:
        return
    large = measure_dumps(bench, bench.large)
    empty(bench, bench.large)
    promise_dumps(bench, large, 1.38)
    grown = (max(sample["rss_kb"] for sample in bench.samples[large]["nfbind"]) -
             max(sample["rss_kb"] for sample in bench.samples[small]["nfbind"]))
    bench.promise(f"memory for {bench.large} more than for {bench.count}, MB", 0.5, grown / 1024,
                  at_most=True)


# --- writing -----------------------------------------------------------------------


def check_digest(bench, who):
    """What was created and changed by whom is the same in the end."""
    sample = once(bench, "table_raw", "dump", bench.count, bench.count)
    if bench.digest not in (None, sample["digest"]):
        raise BenchError(f"{who} made other entries than the others did")
    bench.digest = sample["digest"]


def write_once(bench, peer, name):
    """Fill the table, change all of it, empty it: three samples."""
    program, prefix = peer
    samples = {}
    for what in WRITES:
        samples[what] = once(bench, program, prefix + what, bench.count, bench.count)
        check_entries(0 if what == "remove" else bench.count, f"{name} {what}")
        if what == "change":
            check_digest(bench, name)
    return samples


def write(bench, peer, name):
    best = write_once(bench, peer, name)
    for _ in range(bench.tries - 1):
        if min(sample["busy"] for sample in best.values()) >= BUSY:
            return best
        again = write_once(bench, peer, name)
        best = {what: max(best[what], again[what], key=lambda sample: sample["busy"])
                for what in WRITES}
    bench.disturbed += sum(sample["busy"] < BUSY for sample in best.values())
    return best


def measure_restore(bench):
    fill(bench, RESTORED)
    with save_table(RESTORED) as saved:
        empty(bench, RESTORED)
        bench.samples["create"]["conntrack -R"] = [restore_by_tool(bench, saved)
                                                   for _ in range(bench.rounds)]


def section_write(bench):
    bench.digest = None
    bench.interleave("write", {name: lambda name=name, peer=peer: write(bench, peer, name)
                               for name, peer in bench.peers(WRITERS).items()})
    written = bench.samples.pop("write")
    for what in WRITES:
        bench.samples[what] = {name: [sample[what] for sample in samples]
                               for name, samples in written.items()}
    if bench.has_tool:
        measure_restore(bench)
    for what in WRITES:
        print_samples(bench, what, f"{what} {bench.count} connections",
                      "nfct_query" if bench.has_peer else "raw")
    for what in WRITES:
        bench.promise_rate(what, f"{what} in bulk", BULK_GOALS[what], "nfbind bulk", "nfct_query")
        bench.promise_rate(what, f"{what} in bulk", 0.95, "nfbind bulk", "raw")
        bench.promise_rate(what, f"{what} one by one", 1.1, "nfbind single", "nfct_query")


# --- events ------------------------------------------------------------------------


def can_force_buffers():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)
        except OSError:
            return False
    return True


def check_drops():
    """Of all netfilter sockets of this namespace."""
    with open("/proc/net/netlink", encoding="ascii") as table:
        drops = [int(line.split()[8]) for line in list(table)[1:]
                 if line.split()[1] == str(NETLINK_NETFILTER)]
    if any(drops):
        raise BenchError(f"events were lost before anybody read them: {drops}")


def catch(bench, peer):
    """All events wait in the socket before the clock starts."""
    events = 2 * bench.count
    with bench.program(peer[0], peer[1], events, harness.HUGE_BUFFER) as child:
        child.hear()
        fill(bench, bench.count)
        empty(bench, bench.count)
        check_drops()
        return finish(child, peer[0], events)


def section_events(bench):
    if not can_force_buffers():
        print("note: no room for events without root in the first user namespace: left out\n")
        return
    announce(True)
    bench.interleave("events", {name: lambda peer=peer: undisturbed(bench, lambda: catch(bench, peer))
                                for name, peer in bench.peers(CATCHERS).items()})
    announce(False)
    base = "nfct_catch" if bench.has_peer else "raw"
    print_samples(bench, "events", f"{2 * bench.count} events that wait in the socket", base)
    bench.promise_rate("events", "events drained", 2.0, "nfbind", "nfct_catch")
    bench.promise_rate("events", "events drained", 0.95, "nfbind", "raw")


# --- instructions ------------------------------------------------------------------


def count_instructions(bench, program, mode, count):
    with tempfile.NamedTemporaryFile() as file:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={file.name}",
             str(bench.programs / program), mode, str(count)],
            input="go\n", capture_output=True, text=True, timeout=60, check=False)
        found = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
    if done.returncode or not found:
        raise BenchError(f"valgrind {program} {mode}: {done.stderr.strip()[-500:]}")
    return int(found.group(1))


def count_all(bench, peer, count):
    """The instructions of one peer, by what it does to a table of so many entries."""
    program, prefix = peer
    counted = {"create": count_instructions(bench, program, prefix + "create", count)}
    check_entries(count, f"{program} {prefix}create")
    if not prefix:
        for mode in ("decode", "dump"):
            counted[mode] = count_instructions(bench, program, mode, count)
    for mode in ("change", "remove"):
        counted[mode] = count_instructions(bench, program, prefix + mode, count)
    check_entries(0, f"{program} {prefix}remove")
    return counted


def section_instructions(bench):
    """Two tables of different size: their difference has no start and no end in it."""
    if not shutil.which("valgrind"):
        print("note: valgrind is not installed: instructions are not counted\n")
        return
    small, large = 1000, 3000
    each = {}
    for name, peer in bench.peers(WRITERS).items():
        if "again" in name:
            continue
        few, many = count_all(bench, peer, small), count_all(bench, peer, large)
        each[name] = {mode: (many[mode] - few[mode]) / (large - small) for mode in many}
    bench.samples["instructions"] = {name: [counted] for name, counted in each.items()}
    print("instructions of the program for each entry (of a list: decoded, and 17 values read of it)")
    modes = ("decode", "dump", *WRITES)
    harness.print_table(["who", "decoded", "read", *WRITES],
                        [[name, *(f"{counted[mode]:.0f}" if mode in counted else "-"
                                  for mode in modes)] for name, counted in each.items()])
    bench.promise("instructions to decode, of nfct_query's", 1 / 8,
                  each["nfbind bulk"]["decode"] / each["nfct_query"]["decode"]
                  if bench.has_peer else None, at_most=True)


# --- the run -----------------------------------------------------------------------

SECTIONS = {
    "instructions": section_instructions,
    "dump": section_dump,
    "write": section_write,
    "events": section_events,
}


@contextlib.contextmanager
def raised_limit(wanted):
    """The table's limit belongs to the machine: raised aloud, and put back whatever happens."""
    before = int(LIMIT.read_text())
    raised = False
    try:
        if before < wanted:
            LIMIT.write_text(str(wanted))
            raised = True
            print(f"nf_conntrack_max: raised from {before} to {wanted} while this runs", flush=True)
    except OSError:
        print(f"note: nf_conntrack_max stays {before}: only root in the first namespace may raise it")
    try:
        yield
    finally:
        if raised:
            LIMIT.write_text(str(before))
            print(f"nf_conntrack_max: {before} again")


def run_inside(options):
    """This very program in a network namespace of its own, and the limit around it."""
    os.environ[harness.INSIDE] = "1"
    flags = ["-n"] if os.geteuid() == 0 else ["-U", "-r", "-n"]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("conntrack benchmark: ended"))
    if os.geteuid() != 0:
        os.environ["NFBIND_BENCH_PLAIN"] = "1"
    with raised_limit(0 if options.quick or os.geteuid() != 0 else 600000):
        inside = subprocess.Popen(["unshare", "--kill-child", *flags, sys.executable, *sys.argv])
        try:
            return inside.wait()
        finally:
            inside.kill()  # unshare itself lets no milder signal end it
            inside.wait()


def describe(bench):
    return harness.describe(bench, "libnetfilter_conntrack") | {
        "buckets": int((PROC / "nf_conntrack_buckets").read_text()),
        "count": bench.count, "large": bench.large, "rounds": bench.rounds,
    }


def warn(bench, machine):
    harness.warn(machine)
    if not bench.has_peer:
        print("note: libnetfilter_conntrack is missing; only nfbind and the raw loop are measured")
    if not bench.has_tool:
        print("note: conntrack(8) is missing, and not measured")
    print(flush=True)


def announce(is_on):
    """Whether changes become events: a listener in any namespace would slow down all of them."""
    with contextlib.suppress(FileNotFoundError):
        (PROC / "nf_conntrack_events").write_text("1" if is_on else "0")


def prepare_namespace():
    """Counters, as most machines keep them; without a rule nothing is tracked but what is added."""
    try:
        (PROC / "nf_conntrack_acct").write_text("1")
    except OSError as error:
        harness.skip(f"connections cannot be counted here: {error}")
    announce(False)
    if entries() != 0:
        raise BenchError("the namespace is not empty")


def measure(options):
    bench = Bench(options)
    machine = describe(bench)
    try:
        prepare_namespace()
        warn(bench, machine)
        for section in options.sections:
            SECTIONS[section](bench)
    except (BenchError, subprocess.TimeoutExpired) as error:
        sys.exit(f"conntrack benchmark: {error}")
    if bench.disturbed:
        print(f"note: {bench.disturbed} samples were disturbed by other programs; "
              "look at the cpu times rather than at the rates")
    return harness.conclude(bench, machine, "conntrack")


def main():
    options = harness.parse_sections(harness.argument_parser("Benchmark the connection tracking table.", "entries"),
                                     SECTIONS)
    if not (options.programs / "table_nfbind").exists():
        harness.skip("the programs are not built: meson compile -C build bench-programs")
    if not LIMIT.exists():
        harness.skip("this kernel has no connection tracking")
    return measure(options) if os.environ.get(harness.INSIDE) else run_inside(options)


if __name__ == "__main__":
    sys.exit(main())
