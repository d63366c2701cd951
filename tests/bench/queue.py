#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# The queue benchmark: nfbind against libnetfilter_queue (as its users write it,
# and as an expert would) and against a raw socket loop, which is the limit.
# All peers run interleaved, the first round is thrown away, ratios are ratios of
# medians. Absolute figures belong to the machine; the ratios are the result.
#
#   tests/bench/queue.py [--quick] [--only SECTION[,SECTION]] [--strict]
import sys

# This file is named like a module of the standard library: look there first.
sys.path.append(sys.path.pop(0))
sys.dont_write_bytecode = True

import os
import socket
import subprocess
import time

import harness
from harness import BenchError, Child, ask, iptables, median, run

SIZES = (64, 1400)
PORT, SECOND_PORT, CHECK_PORT, PING_PORT, TCP_PORT = 9000, 9001, 9002, 9003, 9004
QUEUE, SECOND_QUEUE, LIVE_QUEUE = 0, 1, 2

# Room for the whole preload, the same for every library.
TUNED = (f"receive_buffer={harness.HUGE_BUFFER}", "max_length=65536")

# name: program, mode. Rows of one kind of verdict are compared with each other.
PEERS = {
    "classic": ("consumer_lnq", "classic"),
    "classic again": ("consumer_lnq", "classic"),
    "modern": ("consumer_lnq", "modern"),
    "expert packed": ("consumer_lnq", "expert"),
    "classic rewrite": ("consumer_lnq", "rewrite"),
    "raw single": ("consumer_raw", "single"),
    "raw one by one": ("consumer_raw", "one"),
    "raw packed": ("consumer_raw", "packed"),
    "raw coalesced": ("consumer_raw", "coalesced"),
    "raw rewrite": ("consumer_raw", "rewrite"),
    "nfbind single": ("consumer_nfbind", "single"),
    "nfbind one by one": ("consumer_nfbind", "one"),
    "nfbind individual": ("consumer_nfbind", "individual"),
    "nfbind coalesced": ("consumer_nfbind", "coalesced"),
    "nfbind rewrite": ("consumer_nfbind", "rewrite"),
    "nfbind exported": ("consumer_nfbind", "exported"),
}

# nfbind's row: the peer, the raw loop of the same kind, goals at 64 and 1400 bytes.
DRAIN_GOALS = {
    "nfbind individual": ("classic", "raw packed", (1.78, 1.74)),
    "nfbind coalesced": ("classic", "raw coalesced", (1.98, 1.92)),
    "nfbind rewrite": ("classic rewrite", "raw rewrite", (1.72, 1.70)),
    "nfbind single": ("classic", "raw single", (1.05, 1.05)),
}
OF_THE_RAW_LOOP = 0.97

# The part of its time that an undisturbed consumer really runs.
BUSY = 0.9


class Bench(harness.Bench):
    RATE = "kpps"

    def __init__(self, options):
        super().__init__(options)
        self.packets = 25000 if options.quick else 60000
        self.peers = {name: peer for name, peer in PEERS.items() if self.has(peer[0])}
        self.limits = {}

    def has(self, program):
        return (self.programs / program).exists()

    def program(self, name):
        return self.programs / name

    def consumer(self, peer, *options):
        program, mode = self.peers[peer]
        return Child(self.program(program), mode, *options)


# --- the drain -----------------------------------------------------------------


def flood(bench, packets, size, port):
    command = [bench.program("bench_traffic"), "flood", packets, size, port]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=harness.WAIT_SECONDS)
    if done.returncode:
        raise BenchError(done.stderr.strip())


def check_report(report, packets):
    """Everybody must have read the same: ids 1..N or later, IPv4, OUTPUT hook."""
    if report["packets"] != packets or report["errors"] or report["overruns"]:
        raise BenchError(f"wanted {packets} packets, consumer says {report}")


def drain_round(bench, child, ready, size, ports):
    """Preload every queue, look that all is there, let the consumer go."""
    total = harness.fitting(bench.packets, ready, size)
    packets = total // len(ports)
    bench.limits[str(size)] = total
    for number, port in enumerate(ports):
        flood(bench, packets, size, port)
        harness.verify_preload(QUEUE + number, packets, ready["port_ids"][number])
    child.tell(f"go {packets}")
    report = child.hear()
    check_report(report, packets * len(ports))
    return report


def add_reports(sums, report):
    for key in ("packets", "wall_ns", "cpu_ns", "syscalls", "fields"):
        sums[key] = sums.get(key, 0) + report[key]
    sums["rss_kb"] = report["rss_kb"]


def drain_once(bench, peer, size, ports):
    """One sample: as many rounds as it takes where the buffer is small."""
    options = [f"queue={QUEUE}", f"threads={len(ports)}", f"cpu={len(ports) % 2}", *TUNED]
    sums = {}
    with bench.consumer(peer, *options) as child:
        ready = child.hear()
        bench.limits["forced"] = ready["forced"]
        while sums.get("packets", 0) < bench.packets * 0.9:
            add_reports(sums, drain_round(bench, child, ready, size, ports))
    return {
        "kpps": sums["packets"] * 1e6 / sums["wall_ns"],
        "cpu_ns": sums["cpu_ns"] / sums["packets"],
        "busy": sums["cpu_ns"] / sums["wall_ns"] / len(ports),
        "syscalls": sums["syscalls"] / sums["packets"],
        "rss_kb": sums["rss_kb"],
        "fields": sums["fields"],
    }


def drain(bench, peer, size, ports=(PORT,)):
    """A drain never waits; a consumer that was not busy shared its processor."""
    best = {"busy": 0}
    for _ in range(1 if bench.options.quick else 3):
        sample = drain_once(bench, peer, size, ports)
        best = max(best, sample, key=lambda sample: sample["busy"])
        if best["busy"] >= BUSY:
            return best
    bench.disturbed += 1
    return best


def print_drain(bench, section, base="classic"):
    rows = []
    for name, samples in bench.samples[section].items():
        rates = [sample["kpps"] for sample in samples]
        ratio = bench.ratio(section, "kpps", name, base)
        rows.append([name, f"{median(samples, 'kpps'):.1f}", harness.spread(rates),
                     f"{ratio:.2f}" if ratio else "-", f"{median(samples, 'cpu_ns'):.0f}",
                     f"{median(samples, 'syscalls'):.3f}", f"{median(samples, 'rss_kb'):.0f}"])
    print(section)
    harness.print_table(["consumer", "kpps", "min-max", f"x {base}", "cpu ns/packet",
                         "syscalls/packet", "peak RSS kB"], rows)


def check_same_fields(section, results):
    """Peers that read other ids, hooks or protocols would not be comparable."""
    seen = {sample["fields"] for samples in results.values() for sample in samples}
    if len(seen) != 1:
        raise BenchError(f"{section}: the consumers did not read the same fields: {seen}")


def section_drain(bench):
    for number, size in enumerate(SIZES):
        section = f"drain {size} B"
        measures = {name: lambda name=name: drain(bench, name, size) for name in bench.peers}
        check_same_fields(section, bench.interleave(section, measures))
        print_drain(bench, section)
        for name, (peer, limit, bounds) in DRAIN_GOALS.items():
            bench.promise_rate(section, f"{name} {size} B", bounds[number], name, peer)
            bench.promise_rate(section, f"{name} {size} B", OF_THE_RAW_LOOP, name, limit)
    promise_syscalls(bench, f"drain {SIZES[0]} B")


def promise_syscalls(bench, section):
    for name in ("nfbind individual", "nfbind coalesced"):
        samples = bench.samples[section].get(name)
        reached = median(samples, "syscalls") if samples else None
        bench.promise(f"{name}, syscalls per packet", 0.04, reached, at_most=True)


# --- a rewrite must be right before it may be fast -------------------------------


def expect_rewritten(bench, peer):
    """The kernel verifies the repaired checksum, this function the payload."""
    sent, wanted = b"a" * 64, b"A" * 16 + b"a" * 48
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", CHECK_PORT))
        receiver.settimeout(3)
        with bench.consumer(peer, f"queue={QUEUE}", *TUNED) as child:
            child.hear()
            child.tell("run")
            receiver.sendto(sent, ("127.0.0.1", CHECK_PORT))
            got = receiver.recv(4096)
            child.tell("stop")
            child.hear()
    if got != wanted:
        raise BenchError(f"{peer}: the packet arrived as {got!r}")


def section_check(bench):
    for peer in bench.peers:
        if peer.endswith("rewrite"):
            expect_rewritten(bench, peer)


# --- two queues ------------------------------------------------------------------


def section_threads(bench):
    section = "one queue or two, 64 B"
    measures = {}
    for name in ("raw packed", "nfbind individual", "nfbind coalesced"):
        if name in bench.peers:
            measures[f"{name}, 1 thread"] = lambda name=name: drain(bench, name, 64)
            measures[f"{name}, 2 threads"] = (
                lambda name=name: drain(bench, name, 64, (PORT, SECOND_PORT)))
    bench.interleave(section, measures)
    print_drain(bench, section, "raw packed, 1 thread")
    for name in ("nfbind individual", "nfbind coalesced"):
        bench.promise(f"{name}, 2 queues and threads, x 1", 1.9,
                      bench.ratio(section, "kpps", f"{name}, 2 threads", f"{name}, 1 thread"))


# --- open and close --------------------------------------------------------------

LIFECYCLE_PEERS = {"classic": "classic", "modern (no acks)": "modern",
                   "raw": "raw packed", "nfbind": "nfbind coalesced"}


def lifecycle(bench, peer):
    program, mode = bench.peers[peer]
    count = 1000 if bench.options.quick else 3000
    return ask(bench.program(program), mode, f"queue={LIVE_QUEUE}", f"lifecycle={count}")


def section_lifecycle(bench):
    section = "open and bind, close"
    measures = {label: lambda peer=peer: lifecycle(bench, peer)
                for label, peer in LIFECYCLE_PEERS.items() if peer in bench.peers}
    results = bench.interleave(section, measures, 3)
    rows = [[name, f"{median(samples, 'open_ns') / 1e3:.2f}",
             f"{median(samples, 'close_ns') / 1e3:.2f}",
             f"{bench.ratio(section, 'open_ns', name, 'classic'):.2f}",
             f"{bench.ratio(section, 'close_ns', name, 'classic'):.2f}"]
            for name, samples in results.items()]
    print(section)
    harness.print_table(["library", "open us", "close us", "x classic", "x classic"], rows)
    for key, what, bound in (("open_ns", "open and bind", 0.65), ("close_ns", "close", 0.55)):
        bench.promise(f"nfbind {what}, x classic", bound,
                      bench.ratio(section, key, "nfbind", "classic"), at_most=True)


# --- round trip ------------------------------------------------------------------

LIVE_PEERS = {"classic": ("classic",), "classic again": ("classic again",),
              "modern": ("modern",), "raw": ("raw packed",), "nfbind": ("nfbind coalesced",)}


def while_running(bench, peer, options, measure):
    """Let a consumer run with its defaults while something else is measured."""
    with bench.consumer(peer, f"queue={LIVE_QUEUE}", *options) as child:
        child.hear()
        child.tell("run")
        result = measure()
        child.tell("stop")
        report = child.hear()
    result["consumer_cpu_ns"] = report["cpu_ns"]
    result["packets"] = report["packets"]
    result["overruns"] = report["overruns"]
    return result


def round_trip(bench, peer, *options):
    count = 2000 if bench.options.quick else 10000
    command = (bench.program("bench_traffic"), "ping", count, PING_PORT)
    return while_running(bench, peer, options, lambda: ask(*command))


def section_roundtrip(bench):
    section = "round trip through the queue"
    measures = {label: lambda live=live: round_trip(bench, *live)
                for label, live in LIVE_PEERS.items() if live[0] in bench.peers}
    results = bench.interleave(section, measures, 3)
    rows = [[name, f"{median(samples, 'p50_ns') / 1e3:.1f}",
             f"{median(samples, 'p99_ns') / 1e3:.1f}",
             f"{bench.ratio(section, 'p50_ns', name, 'classic'):.2f}"]
            for name, samples in results.items()]
    print(section)
    harness.print_table(["consumer", "p50 us", "p99 us", "x classic"], rows)
    bench.promise("nfbind round trip p50, x classic", 1.10,
                  bench.ratio(section, "p50_ns", "nfbind", "classic"), at_most=True)


# --- bulk TCP --------------------------------------------------------------------

TCP_PEERS = {"classic, defaults": ("classic",), "classic, GSO": ("classic", "gso=1"),
             "nfbind, defaults": ("nfbind coalesced",)}


class Neighbour:
    """A second namespace at the other end of a veth pair with mtu 1500."""

    ADDRESS, OWN_ADDRESS = "10.9.8.2", "10.9.8.1"

    def __enter__(self):
        # It ends with the pipe, so also when the driver is killed.
        self.holder = subprocess.Popen(["unshare", "-n", "cat"], stdin=subprocess.PIPE)
        try:
            self.connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.holder.stdin.close()
        self.holder.wait(harness.WAIT_SECONDS)

    def connect(self):
        self.wait_for_namespace()
        run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far")
        run("ip", "link", "set", "far", "netns", str(self.holder.pid))
        run("ip", "address", "add", self.OWN_ADDRESS + "/24", "dev", "near")
        run("ip", "link", "set", "near", "mtu", "1500", "up")
        run(*self.inside("ip", "address", "add", self.ADDRESS + "/24", "dev", "far"))
        run(*self.inside("ip", "link", "set", "far", "mtu", "1500", "up"))

    def wait_for_namespace(self):
        own = os.readlink("/proc/self/ns/net")
        for _ in range(200):
            if os.readlink(f"/proc/{self.holder.pid}/ns/net") != own:
                return
            time.sleep(0.01)
        raise BenchError("the second namespace did not appear")

    def inside(self, *command):
        return ("nsenter", "-t", str(self.holder.pid), "-n", *command)


def transfer(bench, neighbour):
    milliseconds = 500 if bench.options.quick else 1500
    traffic = bench.program("bench_traffic")
    with Child(*neighbour.inside(traffic, "sink", TCP_PORT)) as sink:
        sink.hear()
        run(str(traffic), "source", neighbour.ADDRESS, str(TCP_PORT), str(milliseconds))
        result = sink.hear()
    result["mb_per_s"] = result["bytes"] * 1e3 / result["wall_ns"]
    return result


def section_tcp(bench):
    section = "bulk TCP, mtu 1500"
    with Neighbour() as neighbour:
        measures = {
            label: lambda peer=peer, options=options: while_running(
                bench, peer, options, lambda: transfer(bench, neighbour))
            for label, (peer, *options) in TCP_PEERS.items() if peer in bench.peers}
        results = bench.interleave(section, measures)
    rows = [[name, f"{median(samples, 'mb_per_s'):.0f}",
             harness.spread([sample["mb_per_s"] for sample in samples]),
             f"{median(samples, 'packets') / 1e3:.0f}",
             f"{bench.ratio(section, 'mb_per_s', name, 'classic, defaults'):.2f}"]
            for name, samples in results.items()]
    print(section)
    harness.print_table(["consumer", "MB/s", "min-max", "k packets", "x classic"], rows)
    for base, bound in (("classic, defaults", 12), ("classic, GSO", 0.9)):
        bench.promise(f"nfbind bulk TCP with defaults, x {base}", bound,
                      bench.ratio(section, "mb_per_s", "nfbind, defaults", base))


# --- the run ---------------------------------------------------------------------

SECTIONS = {
    "drain": section_drain,
    "threads": section_threads,
    "lifecycle": section_lifecycle,
    "roundtrip": section_roundtrip,
    "tcp": section_tcp,
}


def prepare_namespace(bench):
    """Queued packets come back over lo and end there: no receiver, no ICMP."""
    bench.options.output.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("XTABLES_LOCKFILE", str(bench.options.output / "xtables.lock"))
    run("ip", "link", "set", "lo", "up")
    for port, queue in ((PORT, QUEUE), (SECOND_PORT, SECOND_QUEUE), (CHECK_PORT, QUEUE),
                        (PING_PORT, LIVE_QUEUE)):
        iptables("-A", "OUTPUT", "-p", "udp", "--dport", str(port),
                 "-j", "NFQUEUE", "--queue-num", str(queue))
    iptables("-A", "OUTPUT", "-p", "tcp", "--dport", str(TCP_PORT),
             "-j", "NFQUEUE", "--queue-num", str(LIVE_QUEUE))
    iptables("-t", "raw", "-A", "PREROUTING", "-p", "udp",
             "--dport", f"{PORT}:{SECOND_PORT}", "-j", "DROP")


def describe(bench):
    return harness.describe(bench, "libnetfilter_queue") | {"packets": bench.packets, "rounds": bench.rounds}


def warn(bench, machine):
    harness.warn(machine)
    if "nfbind coalesced" not in bench.peers:
        print("note: consumer_nfbind is not built; only the peers are measured")


def print_limits(bench):
    if bench.disturbed:
        print(f"note: {bench.disturbed} drains were disturbed by other programs; "
              "look at cpu ns/packet rather than at kpps")
    for size, packets in bench.limits.items():
        if size != "forced" and packets < bench.packets:
            print(f"note: only {packets} packets of {size} B at a time, the receive buffer "
                  "may not be forced here; the rest in further rounds")


def conclude(bench, machine, name="queue"):
    print_limits(bench)
    return harness.conclude(bench, machine, name, limits=bench.limits)


def main():
    options = harness.parse_sections(harness.argument_parser("Benchmark the packet queue.", "packets"), SECTIONS)
    bench = Bench(options)
    if not (bench.has("consumer_raw") and bench.has("consumer_lnq")):
        harness.skip("the programs are not built: meson compile -C build bench-programs")
    harness.enter_namespace()
    machine = describe(bench)
    try:
        prepare_namespace(bench)
        warn(bench, machine)
        section_check(bench)
        for section in options.sections:
            SECTIONS[section](bench)
    except (BenchError, subprocess.TimeoutExpired) as error:
        sys.exit(f"queue benchmark: {error}")
    return conclude(bench, machine)


if __name__ == "__main__":
    sys.exit(main())
