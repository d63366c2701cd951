# SPDX-License-Identifier: MIT
#
# The other half of the benchmark of the languages: the connection table listed from each,
# against what each language has today (pyroute2 from PyPI, vishvananda/netlink from Go's
# proxy), with libnetfilter_conntrack in C beside them. All read addresses, ports, protocol,
# mark and timeout of each entry. Memory is the whole program's.
import shutil
import sys

import conntrack as table_bench
import harness
import peers

HERE = harness.ROOT / "tests" / "bench" / "languages"  # away from queue.py
C_PROGRAMS = {"nfct_query in C": "table_nfct", "nfct_query in C again": "table_nfct",
              "nfbind in C": "table_nfbind"}
# Nobody promised figures here: a language may not be slower than what it has today.
PEERS = {"python": "pyroute2", "go": "vishvananda/netlink"}
GO_FRAME = ("common.go", "table_common.go")


def in_go(room):
    own = peers.go_program(room / "go-table", (*GO_FRAME, "table_nfbind.go"))
    peer = peers.go_with(room / "netlink", "github.com/vishvananda/netlink", (*GO_FRAME, "table_netlink.go"))
    return {name: (program,) for name, program in (("go", own), ("vishvananda/netlink", peer)) if program}


def programs(room, built, luas):
    """{name: the words that start it}"""
    rows = {name: (built / program,) for name, program in C_PROGRAMS.items() if (built / program).exists()}
    rows["python"] = (sys.executable, HERE / "table_nfbind.py")
    python = peers.python_with(room / "pyroute2", "pyroute2", "pyroute2")
    if python:
        rows["pyroute2"] = (python, HERE / "table_pyroute2.py")
    rows |= {lua: (lua, HERE / "table_nfbind.lua") for lua in luas}
    if shutil.which("go"):
        rows |= in_go(room)
    return rows


class Bench(table_bench.Bench):
    def __init__(self, options, rows):
        super().__init__(options)
        self.count = min(self.count, int(int(table_bench.LIMIT.read_text()) * 0.9))
        self.rows = rows
        self.digests = {}

    def program(self, name, mode, count, receive_buffer=0):
        if name in self.rows:
            return harness.Child(*self.rows[name], mode, count)
        return super().program(name, mode, count, receive_buffer)


def dump(bench, name):
    sample = table_bench.undisturbed(bench, lambda: table_bench.once(bench, name, "dump", bench.count, bench.count))
    # A length stands for an address where addresses are text: the sums of two languages differ.
    base = next((peer for peer, own in (*PEERS.items(), *C_PROGRAMS.items()) if name in (peer, own)), name)
    if bench.digests.setdefault(base, sample["digest"]) != sample["digest"]:
        raise harness.BenchError(f"{name} read other values than {base} did")
    return sample


def measure(options, rows):
    """The goals that came of it; the samples go to `bench.samples`."""
    bench = Bench(options, rows)
    table_bench.prepare_namespace()
    table_bench.fill(bench, bench.count)
    section = f"list {bench.count}"
    bench.interleave(section, {name: lambda name=name: dump(bench, name) for name in rows})
    table_bench.empty(bench, bench.count)
    table_bench.print_samples(bench, section, f"{bench.count} connections listed, eleven values of each read",
                              "nfct_query in C" if "nfct_query in C" in rows else "nfbind in C")
    for name, peer in PEERS.items():
        if name in rows and peer in rows:
            bench.promise_rate(section, f"{name}: {section}", 1.0, name, peer)
    return bench
