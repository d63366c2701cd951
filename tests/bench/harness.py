# SPDX-License-Identifier: MIT
#
# What a fair benchmark on this kernel needs, whatever it measures: a private
# network namespace, children that can neither hang nor outlive the driver, a
# preload that is verified before the clock starts, medians, goals, what is
# written down of a run.
#
# The method is "preload-drain": the packets wait in the queue before the
# consumer's clock starts, because live rates of one and the same program differ
# by a third depending on how near to empty the queue happens to run.
import argparse
import json
import os
import pathlib
import platform
import select
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WAIT_SECONDS = 20
INSIDE = "NFBIND_BENCH_INSIDE"

# What one queued packet is charged against the receive buffer (the value read
# back, which is twice the one set): measured; it limits the unforced preload.
CHARGE_SMALL, CHARGE_LARGE = 832, 2304
HUGE_BUFFER = 1 << 30


class BenchError(Exception):
    pass


def enter_namespace():
    """Run this very program again in a network namespace of its own."""
    if os.environ.get(INSIDE):
        return
    os.environ[INSIDE] = "1"
    flags = ["-n"] if os.geteuid() == 0 else ["-U", "-r", "-n"]
    command = ["unshare", *flags, sys.executable, *sys.argv]
    try:
        os.execvp(command[0], command)
    except OSError as error:
        skip(f"unshare: {error}")


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS)
    if check and done.returncode:
        raise BenchError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def iptables(*rule):
    run("iptables", "-w", "5", *rule)


class Child:
    """A program that speaks in JSON lines; every wait for it has an end."""

    def __init__(self, *command):
        self.command = [str(word) for word in command]
        self.pending = b""
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        complaint = self.close()
        if kind is None and self.process.returncode:
            raise BenchError(f"{' '.join(self.command)} ended with "
                             f"{self.process.returncode}: {complaint}")

    def tell(self, line):
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.fail("ended early")

    def hear(self, seconds=WAIT_SECONDS):
        """The next line, decoded."""
        end = time.monotonic() + seconds
        while b"\n" not in self.pending:
            ready, _, _ = select.select([self.process.stdout], [], [], end - time.monotonic())
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not data:
                self.fail("gave no answer")
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return json.loads(line)

    def fail(self, what):
        self.process.kill()
        complaint = self.close()
        raise BenchError(f"{' '.join(self.command)} {what} "
                         f"(status {self.process.returncode}): {complaint}")

    def close(self):
        """The end of its input ends the program; returns what it complained about."""
        try:
            complaint = self.process.communicate(timeout=3)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            complaint = self.process.communicate()[1]
        return complaint.decode().strip()


def ask(*command):
    """One program, one answer."""
    with Child(*command) as child:
        return child.hear()


def queue_state(queue):
    """Queued and dropped packets of a queue; None where only root may look."""
    try:
        with open("/proc/net/netfilter/nfnetlink_queue", encoding="ascii") as table:
            rows = [list(map(int, line.split())) for line in table]
    except PermissionError:
        return None
    for row in rows:
        if row[0] == queue:
            return {"queued": row[2], "dropped": row[5] + row[6]}
    raise BenchError(f"nobody has bound queue {queue}")


def socket_drops(port_id):
    """Messages the kernel could not deliver to a netfilter socket."""
    with open("/proc/net/netlink", encoding="ascii") as table:
        for line in list(table)[1:]:
            words = line.split()
            if (words[1], words[2]) == ("12", str(port_id)):
                return int(words[8])
    raise BenchError(f"no netlink socket with port id {port_id}")


def verify_preload(queue, packets, port_id):
    """A consumer that waits for a lost packet would measure its own timeout."""
    drops = socket_drops(port_id)
    state = queue_state(queue)
    if drops or (state and state != {"queued": packets, "dropped": 0}):
        raise BenchError(f"preload of {packets}: {state}, {drops} lost at the socket")


def fitting(packets, ready, size):
    """How many packets fit in what the kernel granted, with some air."""
    charge = CHARGE_SMALL if size <= 64 else CHARGE_LARGE
    return min(packets, int(ready["receive_buffer"] * 0.85 / charge))


def spread(values):
    return f"{min(values):.1f}-{max(values):.1f}"


def median(samples, key):
    return statistics.median(sample[key] for sample in samples)


def most(samples, key):
    return max(sample[key] for sample in samples)


class Goal:
    """One promise: `reached` is None when its programs were not there. The same ratio by
    processor time stands beside it, and that of each side's fastest sample: they suffer less
    from what else the machine does, and say where a miss is the machine's."""

    def __init__(self, name, bound, reached, at_most=False, by_cpu=None, by_fastest=None):
        self.name, self.bound, self.reached, self.at_most = name, bound, reached, at_most
        self.by_cpu, self.by_fastest = by_cpu, by_fastest

    def verdict(self):
        if self.reached is None:
            return "-"
        good = self.reached <= self.bound if self.at_most else self.reached >= self.bound
        return "ok" if good else "MISS"

    def row(self):
        reached, *others = ("-" if ratio is None else f"{ratio:.3f}"
                            for ratio in (self.reached, self.by_cpu, self.by_fastest))
        sense = "<=" if self.at_most else ">="
        return [self.name, f"{sense} {self.bound:g}", reached, self.verdict(), *others]

    def record(self):
        sense = "at most" if self.at_most else "at least"
        return {"name": self.name, "sense": sense, "goal": self.bound,
                "reached": self.reached, "by cpu time": self.by_cpu, "by fastest": self.by_fastest,
                "verdict": self.verdict()}


class Bench:
    """The settings of one run and everything it measured; `RATE` is the sample's own word for it."""

    def __init__(self, options):
        self.options = options
        self.programs = options.programs
        self.rounds = 3 if options.quick else 5
        self.disturbed = 0
        self.samples = {}
        self.goals = []

    def interleave(self, section, measures, rounds=None):
        """Call each measure once a round; the first round only warms up."""
        results = {name: [] for name in measures}
        for number in range((rounds or self.rounds) + 1):
            for name, measure in measures.items():
                sample = measure()
                if number:
                    results[name].append(sample)
        self.samples[section] = results
        return results

    def ratio(self, section, key, name, base, of=median):
        """The ratio of two medians, or None when one side was not measured."""
        samples = self.samples.get(section, {})
        if not samples.get(name) or not samples.get(base):
            return None
        return of(samples[name], key) / of(samples[base], key)

    def promise(self, *arguments, **keywords):
        self.goals.append(Goal(*arguments, **keywords))

    def promise_rate(self, section, what, bound, name, base):
        """At least so many times the rate of `base`."""
        self.promise(f"{what}, x {base}", bound, self.ratio(section, self.RATE, name, base),
                     by_cpu=self.ratio(section, "cpu_ns", base, name),
                     by_fastest=self.ratio(section, self.RATE, name, base, of=most))


def argument_parser(description, what):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help=f"fewer {what} and rounds")
    parser.add_argument("--strict", action="store_true", help="fail when a goal is missed")
    parser.add_argument("--programs", default=ROOT / "build" / "tests" / "bench", type=pathlib.Path)
    parser.add_argument("--output", default=ROOT / "build" / "bench", type=pathlib.Path)
    return parser


def parse_sections(parser, sections):
    """The options, of which `sections` are those that are wanted."""
    parser.add_argument("--only", help="sections, by comma: " + ", ".join(sections))
    options = parser.parse_args()
    options.sections = options.only.split(",") if options.only else list(sections)
    if set(options.sections) - set(sections):
        parser.error("sections are " + ", ".join(sections))
    return options


def print_table(head, rows):
    rows = [head, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  " + "  ".join(cells))
    print(flush=True)


def print_goals(goals):
    print("goals")
    print_table(["what", "goal", "reached", "", "by cpu time", "by fastest"], [goal.row() for goal in goals])


def processor():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return names[0] if names else platform.machine()


def optimization(programs):
    """How the library under test was compiled, when meson's notes are there."""
    for folder in programs.resolve().parents:
        notes = folder / "meson-info" / "intro-buildoptions.json"
        if notes.exists():
            options = json.loads(notes.read_text())
            return {o["name"]: o["value"] for o in options}.get("optimization")
    return None


def describe(bench, peer):
    """The machine, and the library to measure against."""
    return {
        "date": time.strftime("%Y-%m-%d"), "kernel": platform.release(),
        "processor": processor(), "processors": os.cpu_count(),
        "library optimization": optimization(bench.programs),
        f"peer {peer}": run("pkg-config", "--modversion", peer, check=False).strip(),
    }


def warn(machine):
    if machine["library optimization"] in ("0", "g", "plain"):
        print("warning: the library was compiled without optimisation "
              f"({machine['library optimization']}): no figure here is worth quoting")
    if os.getloadavg()[0] > 0.5:
        print(f"note: the machine is not quiet (load {os.getloadavg()[0]:.1f})")


def conclude(bench, machine, name, **more):
    """Print the goals, write down everything; the program's status."""
    print_goals(bench.goals)
    output = bench.options.output
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{name}.json"
    results = {"machine": machine, **more, "disturbed": bench.disturbed, "samples": bench.samples,
               "goals": [goal.record() for goal in bench.goals]}
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"written: {path}")
    draw(path, output / f"{name}.png")
    missed = any(goal.verdict() == "MISS" for goal in bench.goals)
    return 1 if missed and bench.options.strict else 0


def draw(path, picture):
    """With whichever Python has matplotlib; a picture is a convenience."""
    plot = pathlib.Path(__file__).with_name("plot.py")
    for python in (sys.executable, "/usr/bin/python3"):
        done = subprocess.run([python, plot, path, picture], capture_output=True, timeout=60)
        if done.returncode == 0:
            print(f"written: {picture}")
            return
    print("no picture: matplotlib is not installed")
