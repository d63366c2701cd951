# SPDX-License-Identifier: MIT
"""
The program judge, with packets, in a network namespace of its own. `test_judge.py PROGRAM`.
"""

import os
import socket
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests"))
import own_namespace

PORT, QUEUE = 9000, 5


def main():
    own_namespace.enter(f"-A OUTPUT -p udp --dport {PORT} -j NFQUEUE --queue-num {QUEUE}")
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", PORT))
    receiver.settimeout(20)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with subprocess.Popen([sys.argv[1], str(QUEUE), "4"], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout.readline() == "ready\n"
        for text in (b"pass", b"stop", b"change", b"end"):
            sender.sendto(text, ("127.0.0.1", PORT))
        received = [receiver.recv(1000) for _ in range(3)]
        lines = program.stdout.read().splitlines()
    assert received == [b"pass", b"changed at length", b"end"], received
    assert [line.rsplit(" ", 1)[1] for line in lines] == ["pass", "stop", "change", "end"], lines
    assert program.returncode == 0
    print("1..1\nok 1 - packets are judged in Rust")


if __name__ == "__main__":
    main()
