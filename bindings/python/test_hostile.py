# SPDX-License-Identifier: MIT
"""
Calls that nobody would write: every method of every object, with any argument, in
any order and from several threads. Each ends with a result or an exception; the
process that ends otherwise is the failure. `test_hostile.py SEED CALLS` repeats one.
"""

import os
import random
import shutil
import subprocess
import sys
import threading

import nfbind

EXPECTED = (nfbind.Error, TypeError, OverflowError, ValueError, KeyError, IndexError, BufferError,
            AttributeError)
HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "../../tests/fixtures")
# What would wait, change the machine, or take another process's descriptor.
LEFT_OUT = {"open", "bind"}


INSIDE = "NFBIND_HOSTILE_INSIDE"


def enter_namespace():
    """Where one can be made, sessions are open, in a network that nobody else uses."""
    flags = "-n" if os.getuid() == 0 else "-Urn"
    if os.environ.get(INSIDE) or not shutil.which("unshare") or subprocess.call(
            ["unshare", flags, "true"]) != 0:
        return
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", flags, sys.executable, "-P"] + sys.argv)


def recorded():
    for name in sorted(os.listdir(FIXTURES)):
        if name.startswith("packet-") and name.endswith(".bin"):
            with open(os.path.join(FIXTURES, name), "rb") as file:
                yield file.read()


class Player:
    def __init__(self, seed, datagrams, pool):
        self.random = random.Random(seed)
        self.datagrams = datagrams
        self.pool = pool

    def make(self):
        if os.environ.get(INSIDE) and self.random.randrange(3) == 0:
            return self.random.choice([nfbind.Conntrack, nfbind.Events, nfbind.Queue])()
        kind = self.random.choice([nfbind.Options, nfbind.Ct, nfbind.Exp, nfbind.Queue, nfbind.Filter,
                                   nfbind.Cthelper, nfbind.Bulk, nfbind.Labels, nfbind.Events,
                                   nfbind.Conntrack, nfbind.Helper, nfbind.Injector, "tracker",
                                   "batch", "packet"])
        if kind == "tracker":
            return nfbind.Tracker(self.random.randrange(4))
        if kind == "batch":
            return nfbind.Batch.parse(self.random.choice(self.datagrams))
        if kind == "packet":
            return nfbind.Packet(nfbind.Batch.parse(self.random.choice(self.datagrams))[0].payload)
        return kind.__new__(kind)

    def argument(self):
        choice = self.random.randrange(10)
        if choice < 3:
            return self.random.choice([0, 1, 2, 5, 16, 20, 45, 49, 50, 56, 0xff, 65536, 2 ** 31,
                                       2 ** 32 - 1, 2 ** 63, 2 ** 64, -1, -2 ** 31])
        if choice < 5:
            return self.random.randbytes(self.random.choice([0, 1, 4, 16, 28, 1500, 65531, 70000]))
        if choice < 9:
            return self.random.choice(self.pool)
        return self.random.choice([None, "mark", "", "a\0b", 1.5, [], [(1, 2, 3)], self.datagrams[0],
                                   object(), {}, [[0] * 10] * 3])

    def attribute(self, thing, name):
        choice = self.random.randrange(4)
        if choice == 0:
            setattr(thing, name, self.argument())
        elif choice == 1:
            thing[self.random.choice([name.replace("_", "-"), self.argument()])]
        else:
            self.keep(getattr(thing, name))

    def keep(self, value):
        if type(value).__module__ == "nfbind":
            self.pool[self.random.randrange(len(self.pool))] = value

    def step(self):
        thing = self.random.choice(self.pool)
        names = [n for n in dir(type(thing)) if not n.startswith("_") and n not in LEFT_OUT]
        name = self.random.choice(names)
        if name == "free" and self.random.randrange(4):
            return
        member = getattr(type(thing), name)
        if not callable(member):
            self.attribute(thing, name)
        elif name == "receive":
            self.keep(thing.receive(0))
        elif self.random.randrange(8) == 0 and hasattr(type(thing), "__getitem__"):
            self.keep(thing[self.argument()])
        else:
            count = self.random.choice([0, 1, 1, 2, 2, 3, 4])
            self.keep(getattr(thing, name)(*[self.argument() for _ in range(count)]))

    def play(self, calls):
        for number in range(calls):
            try:
                if number % 20 == 0:
                    self.keep(self.make())
                self.step()
            except EXPECTED:
                pass


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    calls = int(sys.argv[2]) if len(sys.argv) > 2 else 6000
    datagrams = list(recorded())
    first = Player(seed, datagrams, [])
    pool = [first.make() for _ in range(50)]
    players = [Player(seed * 1000 + n, datagrams, pool) for n in range(3)]
    threads = [threading.Thread(target=p.play, args=(calls,)) for p in players]
    sys.setswitchinterval(1e-5)
    print("1..1")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pool.clear()
    print(f"ok 1 - {len(players) * calls} calls that nobody would write (seed {seed})")


if __name__ == "__main__":
    enter_namespace()
    main()
