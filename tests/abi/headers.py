#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Each public header stands alone, in C99, C11 and C++11, for gcc and clang, without
a single warning; and it gets along with the system's headers in whatever order a
program includes them. A companion that does not compile by itself, on a C library
that forbids the combination, is skipped with that reason. Prints TAP.
"""

import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LANGUAGES = [("c99", "gcc"), ("c99", "clang"), ("c11", "gcc"), ("c11", "clang"),
             ("c++11", "g++"), ("c++11", "clang++")]
# Beside companions these see each header, the others the one that includes all.
THOROUGH = [("c99", "gcc"), ("c++11", "clang++")]
STRICT = ["-pedantic", "-Wall", "-Wextra", "-Werror"]
COMPANIONS = [
    [],
    ["netinet/in.h"],
    ["linux/in.h"],
    ["netinet/in.h", "linux/in.h"],
    ["netinet/in.h", "linux/in6.h"],
    ["linux/netfilter.h"],
    ["linux/netfilter/nfnetlink_queue.h"],
    ["linux/netfilter/nfnetlink_conntrack.h"],
    ["libmnl/libmnl.h"],
    ["libnetfilter_queue/libnetfilter_queue.h"],
]


def public_headers():
    folder = os.path.join(ROOT, "include", "nfbind")
    return ["nfbind/" + name for name in sorted(os.listdir(folder)) if name.endswith(".h")]


def compile_error(compiler, standard, includes):
    """What the compiler says about a program of these includes; '' when all is well."""
    text = "".join(f"#include <{name}>\n" for name in includes) + "int main(void) { return 0; }\n"
    language = "c++" if "++" in standard else "c"
    command = [compiler, f"-std={standard}", "-D_DEFAULT_SOURCE", *STRICT, "-fsyntax-only",
               "-I", os.path.join(ROOT, "include"), "-x", language, "-"]
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return result.stderr if result.returncode else ""


def orders(header, companions):
    """The header at every place among its companions."""
    return [companions[:i] + [header] + companions[i:] for i in range(len(companions) + 1)]


def run_case(case):
    """(skip reason, lines that explain a failure)"""
    standard, compiler, companions = case
    if not shutil.which(compiler):
        return f"{compiler} is not installed", []
    for name in companions:
        if re.search(f"fatal error: '?{name}", compile_error(compiler, standard, [name])):
            return f"<{name}> is not installed", []
    if companions and compile_error(compiler, standard, companions):
        return f"{' + '.join(companions)} does not compile by itself", []
    lines = []
    every = not companions or (standard, compiler) in THOROUGH
    for header in public_headers() if every else ["nfbind/nfbind.h"]:
        for includes in orders(header, companions):
            error = compile_error(compiler, standard, includes)
            if error:
                lines += [" then ".join(includes), *error.splitlines()]
    return "", lines


def title(case):
    standard, compiler, companions = case
    return f"{standard} {compiler} " + (" and ".join(companions) or "alone")


def main():
    cases = [(standard, compiler, companions)
             for companions in COMPANIONS for standard, compiler in LANGUAGES]
    print(f"1..{len(cases)}")
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for number, (case, (skip, lines)) in enumerate(zip(cases, pool.map(run_case, cases)), 1):
            failed += bool(lines)
            print(f"{'not ok' if lines else 'ok'} {number} - {title(case)}"
                  + (f" # SKIP {skip}" if skip else ""))
            print("".join(f"# {line}\n" for line in lines), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
