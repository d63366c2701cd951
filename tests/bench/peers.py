# SPDX-License-Identifier: MIT
#
# What the languages are measured against: other bindings, installed for the run, each in a
# folder of its own. And the programs in Go, which are made of files of go/.
import os
import pathlib
import shutil
import subprocess
import sys

import harness

GO = pathlib.Path(__file__).resolve().parent / "go"
# The program runs itself again in a network namespace, which has no way out.
CAN_INSTALL = not os.environ.get(harness.INSIDE)
# A peer's module stands by itself.
GO_ALONE = dict(os.environ, GOWORK="off", GOFLAGS="-mod=mod")


def tried(*command, **more):
    """What cannot be had here leaves its row out, and says why."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **more)
    if done.returncode:
        print(f"note: {command[0]} {command[1]}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.returncode == 0


def python_with(folder, package, module):
    """A Python that has a package of PyPI's, or None."""
    python = folder / "bin" / "python"
    if not python.exists() and CAN_INSTALL:
        tried(sys.executable, "-m", "venv", folder)
        tried(python, "-m", "pip", "install", "-q", package)
    return python if tried(python, "-c", f"import {module}") else None


def go_program(target, sources):
    """A program on top of nfbind, or None."""
    return target if tried("go", "build", "-o", target, *(GO / name for name in sources)) else None


def go_with(folder, module, sources):
    """A program on top of a module of Go's proxy, or None."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in sources:
        shutil.copy(GO / name, folder)
    if CAN_INSTALL:
        if not (folder / "go.mod").exists():
            tried("go", "mod", "init", "example.org/peer", cwd=folder, env=GO_ALONE)
        if tried("go", "get", module + "@latest", cwd=folder, env=GO_ALONE):
            tried("go", "build", "-o", "peer", *sources, cwd=folder, env=GO_ALONE)
    return folder / "peer" if (folder / "peer").exists() else None
