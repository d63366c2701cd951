#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
`install.py MESON BUILD`: what `meson install` puts somewhere is complete. A program
compiles and runs with what pkg-config says, the interpreters that have a module load it
from there, api.json lies where the variable says, and each function has its page.
The tree itself serves pkg-config as well. Prints TAP.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

PROGRAM = """
#include <nfbind/nfbind.h>
#include <stdio.h>
int main(void) { puts(nfbind_version()); return 0; }
"""


def run(*command, **env):
    done = subprocess.run([str(c) for c in command], env={**os.environ, **env}, capture_output=True,
                          text=True, check=False, timeout=120)
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


class Installed:
    def __init__(self, meson, build, room):
        self.room, self.build = room, build
        self.version = json.loads(run(meson, "introspect", "--projectinfo", build))["version"]
        run(meson, "install", "-C", build, "--no-rebuild", "--quiet", DESTDIR=room)
        self.library = self.only("**/libnfbind.so")
        self.env = {"LD_LIBRARY_PATH": os.path.dirname(self.library)}

    def found(self, pattern):
        return sorted(glob.glob(os.path.join(self.room, pattern), recursive=True))

    def only(self, pattern):
        found = self.found(pattern)
        assert len(found) == 1, f"{pattern}: {found}"
        return found[0]

    def pkg_config(self, *words):
        """As if it were installed in earnest, whatever the prefix."""
        folder = os.path.dirname(self.only("**/nfbind.pc"))
        return run("pkg-config", *words, "nfbind", PKG_CONFIG_SYSROOT_DIR=self.room,
                   PKG_CONFIG_PATH=folder).split()

    def compiles(self, name, flags, **env):
        source = os.path.join(self.room, "program.c")
        with open(source, "w", encoding="ascii") as file:
            file.write(PROGRAM)
        program = os.path.join(self.room, name)
        run("cc", "-Werror", source, "-o", program, *flags)
        assert run(program, **env) == self.version


def check_program(installed):
    installed.compiles("installed", installed.pkg_config("--cflags", "--libs"), **installed.env)


def check_tree(installed):
    folder = os.path.join(installed.build, "meson-uninstalled")
    flags = run("pkg-config", "--cflags", "--libs", "nfbind", PKG_CONFIG_PATH=folder).split()
    installed.compiles("uninstalled", flags,
                       LD_LIBRARY_PATH=os.path.join(installed.build, "src"))


def check_api(installed):
    path = installed.pkg_config("--variable=api_json")[0]
    if not path.startswith(installed.room):  # not all of them put the root before variables
        path = installed.room + path
    with open(path, encoding="utf-8") as file:
        names = json.dumps(json.load(file))
    assert "nfbind_queue_receive" in names


def check_pages(installed):
    """Made where clang is; then all of them."""
    pages = {os.path.basename(page)[:-2] for page in installed.found("**/man3/*.3")}
    functions = set()
    for header in installed.found("**/include/nfbind/*.h"):
        with open(header, encoding="utf-8") as file:
            functions |= set(re.findall(r"^NFBIND_API .*?\b(nfbind_\w+)\(", file.read(), re.M))
    assert len(functions) > 100
    assert not shutil.which("clang") or functions <= pages, sorted(functions - pages)


def check_lua(installed):
    for script in installed.found("**/lua/*/nfbind.lua"):
        number = os.path.basename(os.path.dirname(script))
        module = installed.only(f"**/lua/{number}/nfbind/core.so")
        lua = shutil.which("lua" + number)
        if lua:
            path = {"LUA_PATH": os.path.dirname(script) + "/?.lua", "LUA_CPATH": os.path.dirname(os.path.dirname(module)) + "/?.so"}
            suffix = "" if number == "5.1" else "_" + number.replace(".", "_")
            path |= {key + suffix: value for key, value in path.items()}
            said = run(lua, "-e", "print(require('nfbind').version())", **path, **installed.env)
            assert said == installed.version, f"lua{number}: {said}"
            # Both are where this Lua looks by itself, or none is.
            places = run(lua, "-e", "print(package.path .. ';' .. package.cpath)").split(";")
            ours = [path[len(installed.room):] in places for path in (path["LUA_PATH"], path["LUA_CPATH"])]
            assert ours[0] == ours[1], f"lua{number}: {places}"


def check_python(installed):
    for module in installed.found("**/nfbind/__init__.py"):
        folder = os.path.dirname(os.path.dirname(module))
        said = run(sys.executable, "-c", "import nfbind; print(nfbind.version())", PYTHONPATH=folder,
                   PYTHONDONTWRITEBYTECODE="1", **installed.env)
        assert said == installed.version, said


CHECKS = [("a program uses the installed library", check_program),
          ("a program uses the tree", check_tree),
          ("api.json lies where pkg-config says", check_api),
          ("each function has a page of the manual", check_pages),
          ("Lua loads the installed modules", check_lua),
          ("Python imports the installed package", check_python)]


def main():
    print(f"1..{len(CHECKS)}")
    failed = 0
    with tempfile.TemporaryDirectory() as room:
        installed = Installed(sys.argv[1], sys.argv[2], room)
        for number, (title, check) in enumerate(CHECKS, 1):
            try:
                check(installed)
                print(f"ok {number} - {title}")
            except AssertionError as error:
                failed += 1
                print(f"not ok {number} - {title}")
                print("".join(f"# {line}\n" for line in str(error).splitlines()), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
