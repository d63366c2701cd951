#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
One scenario, once in each language: a probe, packets that are accepted, dropped,
changed, marked and kept, connections that are added, changed, listed, watched and
removed, an expectation, and texts. The programs take the same steps and print the
same bytes, which are those of expected.txt.

`run.py COMMAND...` runs one of them in a network namespace of its own. A line that
starts with "> " asks for traffic: "> send A B" sends these texts to a port whose
packets are queued, "> receive" shows what arrived. `--update` keeps what was printed.
"""

import difflib
import itertools
import os
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.dirname(HERE))
import own_namespace

EXPECTED = os.path.join(HERE, "expected.txt")
PORT, FROM, QUEUE = 9000, 9001, 5
PATIENCE = 20  # seconds: against hangs
RULES = [
    f"-A OUTPUT -p udp --dport {PORT} -j NFQUEUE --queue-num {QUEUE}",
    # Shows that the mark came with the verdict.
    "-t mangle -A POSTROUTING -m mark --mark 7 -j DROP",
    # Makes the kernel track connections.
    "-A INPUT -m conntrack --ctstate RELATED -j ACCEPT",
]
# What stands there instead where the kernel has no helper for FTP.
NO_HELPER = "expectation: this kernel has no helper for ftp"
HELPED = ("expect: ", "expected: ", "unexpect: ", "unexpect again: ", "remove: ")


def arrivals():
    """For each of the expected "> receive", how many texts arrive."""
    with open(EXPECTED, encoding="utf-8") as file:
        parts = file.read().split("> receive\n")[1:]
    return [len(list(itertools.takewhile(lambda line: line.startswith("< "), part.splitlines())))
            for part in parts]


class Traffic:
    def __init__(self):
        self.arrivals = iter(arrivals())
        self.receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.receiver.bind(("127.0.0.1", PORT))
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sender.bind(("127.0.0.1", FROM))

    def do(self, request):
        """The lines that the request answers with."""
        words = request.split()
        if words[0] == "send":
            for text in words[1:]:
                self.sender.sendto(text.encode(), ("127.0.0.1", PORT))
        if words[0] == "receive":
            yield from self.receive(next(self.arrivals, 0))

    def receive(self, count):
        """So many are waited for, and what else is there."""
        for number in itertools.count():
            self.receiver.settimeout(PATIENCE if number < count else 0.3)
            try:
                yield "< " + self.receiver.recv(65536).decode()
            except TimeoutError:
                return


def run(command):
    traffic = Traffic()
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("> "):
                lines += traffic.do(line[2:])
    if process.returncode != 0:
        sys.exit(f"the program ended with {process.returncode}, behind: {lines[-1:]}")
    return lines


def expected(lines):
    with open(EXPECTED, encoding="utf-8") as file:
        wanted = file.read().splitlines()
    if NO_HELPER not in lines:
        return wanted
    start = next(n for n, line in enumerate(wanted) if line.startswith("expect: "))
    end = start
    while wanted[end].startswith(HELPED):
        end += 1
    return wanted[:start] + [NO_HELPER] + wanted[end:]


def main():
    own_namespace.enter(*RULES)
    arguments = sys.argv[1:]
    update = arguments[:1] == ["--update"]
    lines = run(arguments[1:] if update else arguments)
    if update:
        with open(EXPECTED, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    difference = list(difflib.unified_diff(expected(lines), lines, "expected", "printed", lineterm=""))
    print("\n".join(difference))
    sys.exit(1 if difference else 0)


if __name__ == "__main__":
    main()
