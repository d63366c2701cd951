#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# The library's own numbers of the kernel against the headers of other kernels than this machine's: the
# headers of the oldest and the newest suite are unpacked beside the system's, and src/uapi_check.c, which
# asserts every number, is compiled with them. What a suite's headers have is found as the build finds it,
# so a number that is there is really asserted.
#
#   tests/vm/headers.py [SUITE...]
import os
import subprocess
import sys
import tempfile

from debian import PrivateApt, Unavailable

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITES = ["bookworm", "sid"]
NEWER = {"nfnetlink_queue.h": ["NFQA_PRIORITY", "NFQA_CGROUP_CLASSID"],
         "nfnetlink_conntrack.h": ["CTA_STATUS_MASK", "CTA_TIMESTAMP_EVENT"]}


def unpacked(suite):
    apt = PrivateApt("Debian", suite, "amd64")
    if not apt.is_fresh():
        apt.update()
    package = apt.describe(["linux-libc-dev"])[0]
    folder = apt.path("headers-" + package[1])
    if not os.path.isdir(folder):
        apt.unpack([package], folder + ".part")
        os.rename(folder + ".part", folder)
    return package[1], folder


def compiler(folder):
    include = os.path.join(folder, "usr", "include")
    return ["cc", "-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-isystem", include,
            "-isystem", os.path.join(include, "x86_64-linux-gnu")]


def has(folder, header, name):
    with tempfile.NamedTemporaryFile("w", suffix=".c") as source:
        source.write("#include <linux/netfilter/%s>\nint x = %s;\n" % (header, name))
        source.flush()
        return subprocess.run(compiler(folder) + [source.name], capture_output=True).returncode == 0


def check(suite):
    version, folder = unpacked(suite)
    found = [name for header, names in NEWER.items() for name in names if has(folder, header, name)]
    words = ["-DHAVE_" + name for name in found] + [os.path.join(ROOT, "src", "uapi_check.c")]
    done = subprocess.run(compiler(folder) + words, capture_output=True, text=True)
    print("%sok - headers of %s (%s), with %s" % ("" if done.returncode == 0 else "not ", version, suite,
                                                  " ".join(found) or "none of the newer numbers"))
    sys.stdout.write("".join("# %s\n" % line for line in done.stderr.splitlines()))
    return done.returncode == 0


def main():
    suites = sys.argv[1:] or SUITES
    print("1..%d" % len(suites))
    try:
        results = [check(suite) for suite in suites]
    except (Unavailable, IndexError) as error:
        print("Bail out! %s" % error)
        return 1
    return 0 if all(results) else 1


sys.exit(main())
