# SPDX-License-Identifier: MIT
"""A list of the connection table, as anybody would write it in Python."""

import sys

import nfbind
from table_common import serve


def read(entries):
    ops = digest = 0
    for ct in entries:
        digest += (len(ct.orig_src) + len(ct.orig_dst) + len(ct.repl_src) + len(ct.repl_dst)
                   + ct.orig_port_src + ct.orig_port_dst + ct.repl_port_src + ct.repl_port_dst
                   + ct.orig_l4proto + ct.mark * 1000 + (ct.timeout > 0))
        ops += 1
    return ops, digest


if __name__ == "__main__":
    serve(sys.argv, lambda: read(nfbind.Conntrack().connections()))
