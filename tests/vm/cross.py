# SPDX-License-Identifier: MIT
# A build of the library and its tests for another architecture, below the host's build folder, and its unit
# tests under qemu's emulation of one program: what they say of byte order, alignment and the width of a long
# costs no guest. The emulation knows no netlink of the packet filter, so the live tests wait for a kernel.

import importlib.util
import os
import shutil
import subprocess

import sysroot
from debian import Unavailable, text_of

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def write_if_new(path, text):
    """Whether the file has another content now."""
    if os.path.exists(path):
        with open(path) as source:
            if source.read() == text:
                return False
    with open(path, "w") as out:
        out.write(text)
    return True


def need_programs(arch):
    for program, package in sysroot.programs(arch):
        if not shutil.which(program):
            raise Unavailable("no program %s here: install %s" % (program, package))


def build(arch, parent):
    """The folder of a finished build for this architecture: parent/vm/ARCH."""
    need_programs(arch)
    folder = os.path.join(parent, "vm", arch)
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    cross = folder + ".cross"
    # Another sysroot has other headers and libraries: what was built with the old one is worth nothing.
    if write_if_new(cross, sysroot.cross_file(arch)):
        shutil.rmtree(folder, ignore_errors=True)
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        text_of(["meson", "setup", "--cross-file", cross, folder, TOP])
    text_of(["meson", "compile", "-C", folder])
    return folder


def sums():
    """.ci/report.py, which knows how to count what meson's log says."""
    place = importlib.util.spec_from_file_location("report", os.path.join(TOP, ".ci", "report.py"))
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


def unit_tests(folder):
    """((passed, failed, skipped), lines) of this build's unit tests; the lines are of failures and skips."""
    log = os.path.join(folder, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.unlink(log)
    # a failed test makes this fail: the log says it better
    subprocess.run(["meson", "test", "-C", folder, "--no-rebuild", "--suite", "unit", "--timeout-multiplier", "10"],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if not os.path.exists(log):
        raise Unavailable("meson test in %s left no log" % folder)
    report = sums().read_log(log)
    lines = ["%s: FAILED" % sentence for sentence in report.failures]
    # one word in front, as where a guest's program was skipped
    lines += ["%s: skipped: %s" % (what.replace(": ", "/"), reason) for what, reason in report.skips]
    return (report.passed, len(report.failures), len(report.skips)), lines
