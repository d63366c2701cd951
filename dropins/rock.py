# SPDX-License-Identifier: MIT
"""
What the tests of rocks share: `test_rock.py LUA VERSION LIBDIR` has luarocks build nfbind and
then the modules of the test's own folder into a tree, and runs what is there, with nothing else
to be found.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINDING = os.path.join(TOP, "bindings", "lua")


class Rock(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.tree = os.path.join(cls.folder, "tree")
        for number, folder in enumerate((BINDING, cls.here)):
            copy = os.path.join(cls.folder, str(number))
            shutil.copytree(folder, copy)
            # Nothing is fetched: the second one finds the first one in the tree.
            subprocess.run(["luarocks", "--lua-version", cls.version, "--tree", cls.tree, "make", "--deps-mode", "one",
                            f"NFBIND_INCDIR={TOP}/include", f"NFBIND_LIBDIR={cls.library}"],
                           cwd=copy, check=True, capture_output=True, text=True,
                           env=os.environ | {"HOME": cls.folder, "LD_PRELOAD": ""})

    def variable(self, name):
        """Its name for this version, which goes before the plain one."""
        return name if self.version == "5.1" else f"{name}_{self.version.replace('.', '_')}"

    def run_in_tree(self, *words, path=""):
        share, lib = (os.path.join(self.tree, kind, "lua", self.version) for kind in ("share", "lib"))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LUA_")}
        environment |= {self.variable("LUA_PATH"): f"{share}/?.lua{path}", self.variable("LUA_CPATH"): f"{lib}/?.so"}
        done = subprocess.run(words, cwd="/", env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def assert_from_tree(self, name):
        text = self.run_in_tree(self.lua, "-e", f"print(debug.getinfo(require '{name}'.open).source)")
        self.assertEqual(text, f"@{self.tree}/share/lua/{self.version}/{name}.lua\n")

    def assert_works(self, test):
        """One of the folder's own tests, which share a module that is not installed."""
        text = self.run_in_tree(self.lua, os.path.join(self.here, test), path=f";{BINDING}/?.lua")
        self.assertRegex(text, r"(?m)^1\.\.\d+$")


def main():
    Rock.here = os.path.dirname(os.path.abspath(sys.argv[0]))
    Rock.lua, Rock.version, Rock.library = sys.argv[1:4]
    unittest.main(argv=sys.argv[:1])
