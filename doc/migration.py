#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
`migration.py`: doc/migration.md names every call and name of the other libraries'
installed headers, and nothing of ours that is not there. Prints TAP; a library that
is not installed is skipped.
"""

import json
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HERE = os.path.join(ROOT, "doc", "migration.md")

# section: headers, and the prefixes of what belongs to the library
LIBRARIES = {
    "libnetfilter_queue": (
        ["libnetfilter_queue/libnetfilter_queue.h", "libnetfilter_queue/pktbuff.h",
         "libnetfilter_queue/libnetfilter_queue_ipv4.h",
         "libnetfilter_queue/libnetfilter_queue_ipv6.h",
         "libnetfilter_queue/libnetfilter_queue_tcp.h",
         "libnetfilter_queue/libnetfilter_queue_udp.h",
         "libnetfilter_queue/libnetfilter_queue_icmp.h"],
        ("nfq_", "pktb_", "NFQ_")),
    "libnetfilter_conntrack": (
        ["libnetfilter_conntrack/libnetfilter_conntrack.h"],
        ("nfct_", "nfexp_", "ATTR_", "NFCT_")),
    "libnetfilter_cthelper": (
        ["libnetfilter_cthelper/libnetfilter_cthelper.h"],
        ("nfct_", "NFCTH_ATTR_")),
}
# Ends of lists, and bits whose value has a name of its own.
NOT_NAMES = re.compile(r"(_MAX|_BIT)$")


def installed(header):
    return os.path.exists(os.path.join("/usr/include", header))


def declared(headers, prefixes):
    """The functions and enumerators of headers that begin with a prefix."""
    source = "".join(f"#include <{header}>\n" for header in
                     ["stdio.h", "stdint.h", "stdbool.h", "sys/socket.h", *headers])
    tree = subprocess.run(["clang", "-x", "c", "-fsyntax-only", "-w", "-Xclang", "-ast-dump=json", "-"],
                          input=source, capture_output=True, text=True, check=True).stdout
    names = []
    todo = [json.loads(tree)]
    while todo:
        node = todo.pop()
        todo.extend(node.get("inner", []))
        if node.get("kind") in ("FunctionDecl", "EnumConstantDecl"):
            names.append(node["name"])
    return {name for name in names if name.startswith(prefixes) and not NOT_NAMES.search(name)}


def sections(text):
    parts = re.split(r"^## (.+)$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def quoted(text):
    return set(re.findall(r"`(\w+)(?:\(\))?`", text))


def field_names():
    """What attributes are called that have the same name here."""
    with open(os.path.join(ROOT, "bindings", "api.json"), encoding="utf-8") as file:
        fields = json.load(file)["fields"]["ct"]
    return {"ATTR_" + field["name"].upper().replace("-", "_") for field in fields}


def our_names():
    names = set()
    folder = os.path.join(ROOT, "include", "nfbind")
    for name in os.listdir(folder):
        if name.endswith(".h"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                names.update(re.findall(r"\bnfbind_\w+|\bNFBIND_\w+", file.read()))
    return names


def cases(text):
    """(title, names that are missing or None to skip)"""
    ours = {name for name in quoted(text) | set(re.findall(r"`enum (\w+)`", text))
            if name.lower().startswith("nfbind_")}
    yield "what is named here is in the headers", sorted(ours - our_names())
    found = sections(text)
    same = field_names()
    for library, (headers, prefixes) in LIBRARIES.items():
        headers = [header for header in headers if installed(header)]
        if not headers or not shutil.which("clang"):
            yield library, None
            continue
        yield library, sorted(declared(headers, prefixes) - quoted(found[library]) - same)


def main():
    with open(HERE, encoding="utf-8") as file:
        results = list(cases(file.read()))
    print(f"1..{len(results)}")
    failed = 0
    for number, (title, missing) in enumerate(results, 1):
        if missing is None:
            print(f"ok {number} - {title} # SKIP not installed here")
        elif missing:
            failed += 1
            print(f"not ok {number} - {title}\n# missing: {' '.join(missing)}")
        else:
            print(f"ok {number} - {title}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
