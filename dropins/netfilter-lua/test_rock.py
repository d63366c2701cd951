#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
`test_rock.py LUA VERSION LIBDIR`: luarocks builds nfbind and then the modules of
netfilter-lua into a tree of its own, and from there they work, with nothing else to be found.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
FOLDERS = (os.path.join(TOP, "bindings", "lua"), HERE)


def variable(name):
    """Its name for this version, which goes before the plain one."""
    return name if VERSION == "5.1" else f"{name}_{VERSION.replace('.', '_')}"


class Rock(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.tree = os.path.join(cls.folder, "tree")
        for number, folder in enumerate(FOLDERS):
            copy = os.path.join(cls.folder, str(number))
            os.mkdir(copy)
            for name in os.listdir(folder):
                if os.path.isfile(os.path.join(folder, name)):
                    shutil.copy(os.path.join(folder, name), copy)
            # Nothing is fetched: the second one finds the first one in the tree.
            subprocess.run(["luarocks", "--lua-version", VERSION, "--tree", cls.tree, "make", "--deps-mode", "one",
                            f"NFBIND_INCDIR={TOP}/include", f"NFBIND_LIBDIR={LIBDIR}"],
                           cwd=copy, check=True, capture_output=True, text=True,
                           env=os.environ | {"HOME": cls.folder, "LD_PRELOAD": ""})

    def run_lua(self, *arguments, path=""):
        share, lib = (os.path.join(self.tree, kind, "lua", VERSION) for kind in ("share", "lib"))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LUA_")}
        environment |= {variable("LUA_PATH"): f"{share}/?.lua{path}", variable("LUA_CPATH"): f"{lib}/?.so"}
        done = subprocess.run([LUA, *arguments], cwd="/", env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_both_modules_are_from_the_tree(self):
        for name in ("nfq", "nfct"):
            text = self.run_lua("-e", f"require '{name}' print(debug.getinfo({name}.open).source)")
            self.assertEqual(text, f"@{self.tree}/share/lua/{VERSION}/{name}.lua\n")

    def test_what_was_installed_works(self):
        # The tests share a module that is not installed.
        text = self.run_lua(os.path.join(HERE, "test_nfct_objects.lua"), path=f";{FOLDERS[0]}/?.lua")
        self.assertRegex(text, r"(?m)^1\.\.\d+$")


if __name__ == "__main__":
    LUA, VERSION, LIBDIR = sys.argv[1:4]
    unittest.main(argv=sys.argv[:1])
