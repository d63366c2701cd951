#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
`languages.py SUFFIX INTERPRETER...`: the programs of this suffix in the documents run, in
a network namespace with traffic, until they show what the line above them says:
<!-- run: NAME.SUFFIX shows TEXT -->, with "needs MODULE" behind it where that may be
missing. Prints TAP.
"""

import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(ROOT, "tests"))
import own_namespace

DOCUMENTS = ["README.md", "doc/languages.md"]
PROGRAM = r"^<!-- run: (\w+)\.{0} shows (.*?)(?: needs (\w+))? -->\n```\w+\n(.*?)^```"
PORT, SECONDS = 9000, 10
RULES = [f"-A OUTPUT -p udp --dport {PORT} -j NFQUEUE --queue-num 5 --queue-bypass",
         "-A INPUT -m conntrack --ctstate RELATED -j ACCEPT"]


def programs(suffix):
    """(name, what it shows, module that it needs or "", text)"""
    for document in DOCUMENTS:
        with open(os.path.join(ROOT, document), encoding="utf-8") as file:
            yield from re.findall(PROGRAM.format(suffix), file.read(), re.M | re.S)


def skip_all(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def watch(process, shows):
    """What was printed, until it shows the text or the time is over; packets are sent meanwhile."""
    printed = ""
    end = time.monotonic() + SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        while time.monotonic() < end and shows not in printed:
            sender.sendto(b"one", ("127.0.0.1", PORT))
            if select.select([process.stdout], [], [], 0.1)[0]:
                part = os.read(process.stdout.fileno(), 65536)
                if not part:
                    break
                printed += part.decode(errors="replace")
    return printed


def run(path, interpreter, shows):
    """What is wrong; "" when all is well."""
    # Lua keeps what it prints for a pipe, where nobody tells it otherwise.
    unbuffered = ["-e", "io.stdout:setvbuf 'no'"] if path.endswith(".lua") else ["-u", "-P"]
    with subprocess.Popen([*interpreter, *unbuffered, path], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        printed = watch(process, shows)
        process.kill()
    return "" if shows in printed else f"it does not show {shows!r} but {printed[-1500:]!r}"


def is_missing(module, interpreter):
    return module and subprocess.run([*interpreter, "-c", f"import {module}"], capture_output=True,
                                     check=False).returncode != 0


def main(suffix, *interpreter):
    own_namespace.enter(*RULES, skip=skip_all)
    found = list(programs(suffix))
    failed = 0
    print(f"1..{len(found)}")
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, shows, module, text) in enumerate(found, 1):
            if is_missing(module, interpreter):
                print(f"ok {number} - {name}.{suffix} # SKIP no module {module} here")
                continue
            # Not the name of a module that the program asks for.
            path = os.path.join(folder, f"run_{name}.{suffix}")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            error = run(path, interpreter, shows)
            failed += bool(error)
            print(f"{'not ok' if error else 'ok'} {number} - {name}.{suffix}")
            print("".join(f"# {line}\n" for line in error.splitlines()), end="", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
