#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`test_rock.py LUA VERSION LIBDIR`: the modules of netfilter-lua from a tree; see rock.py."""

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import rock


class NetfilterLua(rock.Rock):
    def test_both_modules_are_from_the_tree(self):
        for name in ("nfq", "nfct"):
            self.assert_from_tree(name)

    def test_what_was_installed_works(self):
        self.assert_works("test_nfct_objects.lua")


if __name__ == "__main__":
    rock.main()
