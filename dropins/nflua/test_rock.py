#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`test_rock.py LUA VERSION LIBDIR`: the modules and the program of nflua from a tree; see rock.py."""

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import rock


class Nflua(rock.Rock):
    def test_the_module_is_from_the_tree(self):
        self.assert_from_tree("nflua")

    def test_what_was_installed_works(self):
        self.assert_works("test_words.lua")

    def test_the_program_is_installed_too(self):
        program = os.path.join(self.tree, "bin", "nflua")
        text = self.run_in_tree(program, "--rules", "INPUT", "--target", "5", "--go-on", "1")
        self.assertEqual(text, "iptables -A INPUT -m mark --mark 0x0/0x1 -j NFQUEUE --queue-num 5\n")


if __name__ == "__main__":
    rock.main()
