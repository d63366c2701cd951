# SPDX-License-Identifier: MIT
"""
The program judge, with packets, in a network namespace of its own. `test_judge.py PROGRAM`.
"""

import os
import shutil
import socket
import subprocess
import sys

PORT, QUEUE = 9000, 5


def skip(reason):
    print(reason)
    sys.exit(77)


def enter_namespace():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if os.environ.get("NFBIND_RUST_INSIDE") != "1":
        os.environ["NFBIND_RUST_INSIDE"] = "1"
        flags = "-n" if os.getuid() == 0 else "-Urn"
        if not shutil.which("unshare") or subprocess.call(["unshare", flags, "true"]) != 0:
            skip("no namespace can be made here")
        os.execvp("unshare", ["unshare", flags, sys.executable] + sys.argv)
    lock = os.environ["XTABLES_LOCKFILE"] = f"/tmp/nfbind-rust-{os.getpid()}.lock"
    rule = f"iptables -A OUTPUT -p udp --dport {PORT} -j NFQUEUE --queue-num {QUEUE}"
    try:
        for command in ("ip link set lo up", rule):
            subprocess.run(command.split(), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        skip(f"no rule can be made here: {error}")
    finally:
        if os.path.exists(lock):
            os.remove(lock)


def main():
    enter_namespace()
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
