#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
`test_rock.py LUA VERSION LIBDIR`: luarocks builds nfbind and then nflua into a tree of its
own, and from there the modules and the program work, with nothing else to be found.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BINDING = os.path.join(TOP, "bindings", "lua")


def variable(name):
    """Its name for this version, which goes before the plain one."""
    return name if VERSION == "5.1" else f"{name}_{VERSION.replace('.', '_')}"


class Rock(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.tree = os.path.join(cls.folder, "tree")
        for number, folder in enumerate((BINDING, HERE)):
            copy = os.path.join(cls.folder, str(number))
            shutil.copytree(folder, copy)
            # Nothing is fetched: the second one finds the first one in the tree.
            subprocess.run(["luarocks", "--lua-version", VERSION, "--tree", cls.tree, "make", "--deps-mode", "one",
                            f"NFBIND_INCDIR={TOP}/include", f"NFBIND_LIBDIR={LIBDIR}"],
                           cwd=copy, check=True, capture_output=True, text=True,
                           env=os.environ | {"HOME": cls.folder, "LD_PRELOAD": ""})

    def run_in_tree(self, *words, path=""):
        share, lib = (os.path.join(self.tree, kind, "lua", VERSION) for kind in ("share", "lib"))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LUA_")}
        environment |= {variable("LUA_PATH"): f"{share}/?.lua{path}", variable("LUA_CPATH"): f"{lib}/?.so",
                        "LD_LIBRARY_PATH": LIBDIR}
        done = subprocess.run(words, cwd="/", env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_the_module_is_from_the_tree(self):
        text = self.run_in_tree(LUA, "-e", "print(debug.getinfo(require 'nflua'.open).source)")
        self.assertEqual(text, f"@{self.tree}/share/lua/{VERSION}/nflua.lua\n")

    def test_what_was_installed_works(self):
        # The tests share a module that is not installed.
        text = self.run_in_tree(LUA, os.path.join(HERE, "test_words.lua"), path=f";{BINDING}/?.lua")
        self.assertRegex(text, r"(?m)^1\.\.\d+$")

    def test_the_program_is_installed_too(self):
        program = os.path.join(self.tree, "bin", "nflua")
        text = self.run_in_tree(program, "--rules", "INPUT", "--target", "5", "--go-on", "1")
        self.assertEqual(text, "iptables -A INPUT -m mark --mark 0x0/0x1 -j NFQUEUE --queue-num 5\n")


if __name__ == "__main__":
    LUA, VERSION, LIBDIR = sys.argv[1:4]
    unittest.main(argv=sys.argv[:1])
