#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Runs a wheel on every CPython that Debian's newest suite has, without installing one:
they are unpacked in a folder, which is the root of a namespace for each test. Objects,
the hostile calls and the scenario; the last needs no program but the interpreter.

    ./dev wheel && tests/bindings/interpreters.py build/wheel/nfbind-*.whl
"""

import os
import re
import subprocess
import sys
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests/vm"))
import debian

LEAST = (3, 11)


def interpreters(apt):
    for name in apt.names("python3."):
        version = re.fullmatch(r"python3\.(\d+)", name)
        if version and (3, int(version[1])) >= LEAST:
            yield name


def prepare(wheel):
    """The folder with all of them, and their names."""
    apt = debian.PrivateApt("Debian", "sid", "amd64")
    if not apt.is_fresh():
        apt.update()
    names = sorted(interpreters(apt), key=lambda name: int(name.split(".")[1]))
    root = os.path.join(debian.cache_folder(), "interpreters")
    if not all(os.path.exists(f"{root}/usr/bin/{name}") for name in names):
        os.makedirs(root, exist_ok=True)
        apt.unpack(apt.with_dependencies(names), root)
    for name in ("lib", "lib64", "bin"):
        if not os.path.lexists(f"{root}/{name}"):
            os.symlink(f"usr/{name}", f"{root}/{name}")
    for name in ("proc", "dev", "tmp", "nfbind", "opt"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    subprocess.run(["rm", "-rf", f"{root}/opt/wheel"], check=True)
    with zipfile.ZipFile(wheel) as file:
        file.extractall(f"{root}/opt/wheel")
    return root, names


def enter(root, *command):
    """In namespaces already: the folder becomes the root."""
    for source, place in ((TOP, "nfbind"), ("/proc", "proc"), ("/dev", "dev")):
        subprocess.run(["mount", "--rbind", source, f"{root}/{place}"], check=True)
    os.chroot(root)
    os.chdir("/")
    os.execve(command[0], command, {"PYTHONPATH": "/opt/wheel", "HOME": "/tmp"})


def main():
    if sys.argv[1] == "--inside":
        enter(*sys.argv[2:])
    root, names = prepare(sys.argv[1])
    this = [sys.executable, "-P", os.path.abspath(__file__), "--inside", root]
    failed = 0
    for name in names:
        program = f"/usr/bin/{name}"
        version = subprocess.run(["unshare", "-Urnm", *this, program, "--version"],
                                 capture_output=True, text=True, check=True).stdout.strip()
        for what in ("bindings/python/test_objects.py", "bindings/python/test_hostile.py",
                     "tests/scenario/scenario.py"):
            command = [*this, program, "-P", "/nfbind/" + what]
            if "scenario" in what:
                command = [sys.executable, "-P", f"{TOP}/tests/scenario/run.py", "unshare", "-m", *command]
            else:
                command = ["unshare", "-Urnm", *command]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            print("ok" if done.returncode == 0 else "not ok", "-", version, what)
            failed += done.returncode != 0
            if done.returncode != 0:
                print(done.stdout[-2000:], done.stderr[-2000:])
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
