# SPDX-License-Identifier: MIT
"""
Prints the other CPythons of this machine, one path each, which are as new as this one or
newer: what is compiled for this one with the limited API runs on them. Free-threaded ones
have another ABI.
"""

import glob
import os
import subprocess
import sys

QUESTION = ("import sys, sysconfig; print(*sys.version_info[:2], sys.implementation.name, "
            "sysconfig.get_config_var('Py_GIL_DISABLED') or 0)")


def folders():
    yield from os.environ.get("PATH", "").split(os.pathsep)
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    yield from sorted(glob.glob(os.path.join(root, "versions", "3.*", "bin")))


def main():
    found = {sys.version_info.minor}
    for folder in folders():
        for path in sorted(glob.glob(os.path.join(folder, "python3.[1-9][0-9]"))):
            minor = int(path.rsplit(".", 1)[1])
            if minor in found or minor < sys.version_info.minor:
                continue
            # A shim may be there without its Python.
            said = subprocess.run([path, "-c", QUESTION], capture_output=True, text=True, check=False).stdout
            if said.split() == ["3", str(minor), "cpython", "0"]:
                found.add(minor)
                print(path)


if __name__ == "__main__":
    main()
