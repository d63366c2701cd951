# SPDX-License-Identifier: MIT
"""
A network namespace of its own for a test, which is run again in there, from its beginning.
"""

import os
import shutil
import subprocess
import sys
import tempfile

INSIDE = "NFBIND_OWN_NAMESPACE"


def is_skipped(reason):
    print(reason)
    sys.exit(77)


def enter(*rules, skip=is_skipped):
    """Where lo is up, and these rules of iptables hold; `skip` is told why that cannot be."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if os.environ.get(INSIDE) != "1":
        os.environ[INSIDE] = "1"
        flags = "-n" if os.getuid() == 0 else "-Urn"
        if not shutil.which("unshare") or subprocess.call(["unshare", flags, "true"]) != 0:
            skip("no namespace can be made here")
        os.execvp("unshare", ["unshare", flags, sys.executable, "-P"] + sys.argv)
    with tempfile.NamedTemporaryFile() as lock:
        os.environ["XTABLES_LOCKFILE"] = lock.name
        try:
            for command in ["ip link set lo up"] + [f"iptables {rule}" for rule in rules]:
                subprocess.run(command.split(), check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            skip(f"no rule can be made here: {error}")
