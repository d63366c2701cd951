# SPDX-License-Identifier: MIT
# Boots one kernel in qemu, without hardware help, and reads what its tests said.
# The guest writes its result to a second serial line that lands in a file. Only a result that ends with
# "@done" counts: a panic, a hang, a kernel without the needed drivers all look the same, no result, and
# that is a failure. Counting knows three kinds of program: libcheck's summary line, TAP, and plain exit status.

import dataclasses
import os
import re
import shutil
import subprocess
import tarfile

OUT_BYTES = 256 << 20
SKIPPED = 77


@dataclasses.dataclass(frozen=True)
class Machine:
    qemu: list          # the program and what makes it this machine
    console: str        # the guest's name of the first serial line
    result: str         # and of the second, as a shell pattern
    result_line: list   # how qemu is told of it; %s is the file it lands in
    disk: str           # how a disk is attached
    slowness: int       # how many times longer than a host's its tests may take; a limit, no measure
    modules: str = ""   # what the guest must load for the second line
    append: str = ""


VIRTIO_LINE = ["-chardev", "file,id=result,path=%s", "-device", "virtserialport,chardev=result"]
MACHINES = {
    "amd64": Machine(["qemu-system-x86_64", "-accel", "tcg", "-cpu", "qemu64"], "ttyS0", "/dev/ttyS1",
                     ["-serial", "file:%s"], "virtio-blk-pci", 4, append="mitigations=off nokaslr tsc=reliable"),
    "s390x": Machine(["qemu-system-s390x", "-accel", "tcg"], "ttysclp0", "/dev/vport*p1",
                     ["-device", "virtio-serial-ccw"] + VIRTIO_LINE, "virtio-blk-ccw", 12, "virtio_console"),
    "armhf": Machine(["qemu-system-arm", "-M", "virt,highmem=off", "-cpu", "cortex-a15"], "ttyAMA0", "/dev/vport*p1",
                     ["-device", "virtio-serial-device"] + VIRTIO_LINE, "virtio-blk-device",
                     12, "virtio_mmio virtio_console"),
}
# SELinux without a policy forbids nothing, but makes security contexts that a queue can deliver.
APPEND = "quiet panic=-1 oops=panic random.trust_cpu=on security=selinux selinux=1"


@dataclasses.dataclass
class Test:
    path: str
    began: float
    status: int = -1
    ended: float = 0.0
    lines: list = dataclasses.field(default_factory=list)

    @property
    def name(self):
        return os.path.basename(self.path)

    def counts(self):
        """(passed, failed, skipped); a program that prints no counts is one test."""
        passed, failed, skipped = printed_counts(self.lines)
        if self.status == SKIPPED:
            return passed, failed, skipped + 1
        if self.status != 0 and failed == 0:
            failed = 1
        if self.status == 0 and passed + failed + skipped == 0:
            passed = 1
        return passed, failed, skipped

    def skip_reasons(self):
        reasons = [line.partition("# SKIP")[2].strip() for line in self.lines if re.match(r"ok\b.*# SKIP", line)]
        said = [line for line in self.lines if line.strip()]
        return reasons + ([said[-1] if said else "no reason given"] if self.status == SKIPPED else [])


def printed_counts(lines):
    passed = failed = skipped = 0
    for line in lines:
        libcheck = re.match(r"\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", line)
        if libcheck:
            checks, failures, errors = map(int, libcheck.groups())
            passed += checks - failures - errors
            failed += failures + errors
        elif re.match(r"not ok\b", line):
            failed += 1
        elif re.match(r"ok\b.*# SKIP", line):
            skipped += 1
        elif re.match(r"ok \d+\b", line):
            passed += 1
    return passed, failed, skipped


@dataclasses.dataclass
class Report:
    tests: list
    problems: list      # sentences about the guest itself
    uptime: float

    def counts(self):
        sums = [sum(column) for column in zip(*(test.counts() for test in self.tests))] or [0, 0, 0]
        return sums[0], sums[1] + len(self.problems), sums[2]


def parse(text):
    """A Report of what the guest wrote; a test or a guest without an end is a failed one."""
    tests, problems, uptime = [], [], None
    for line in text.replace("\r", "").split("\n"):
        words = line.split()
        if line.startswith("@begin "):
            tests.append(Test(words[1], float(words[2])))
        elif line.startswith("@end ") and tests:
            tests[-1].status, tests[-1].ended = int(words[1]), float(words[2])
        elif line.startswith("@warning "):
            problems.append(line.partition(" ")[2])
        elif line.startswith("@done "):
            uptime = float(words[1])
        elif tests and tests[-1].ended == 0.0:
            tests[-1].lines.append(line)
    if uptime is None:
        problems.append("the guest gave no complete result")
    return Report(tests, problems, uptime or 0.0)


def command_line(machine, kernel, initrd, console, result, out, append):
    words = machine.qemu + [
        "-m", "1024", "-smp", "1", "-nodefaults", "-display", "none", "-no-reboot", "-kernel", kernel,
        "-initrd", initrd, "-append", "console=%s %s %s %s" % (machine.console, APPEND, machine.append, append),
        "-serial", "file:" + console]
    words += [word.replace("%s", result) for word in machine.result_line]
    if out:
        words += ["-drive", "file=%s,format=raw,if=none,id=out" % out, "-device", machine.disk + ",drive=out"]
    return words


RUNNING = set()


def stop_all():
    """For a runner that is told to end: its guests would otherwise run on alone."""
    for process in list(RUNNING):
        process.kill()


def run_qemu(words, seconds):
    """None, or a sentence that says how it ended badly."""
    if not shutil.which(words[0]):
        return "no program %s here" % words[0]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True)
    RUNNING.add(process)
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return "no end after %d s" % seconds
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        RUNNING.discard(process)
    if process.returncode != 0:
        return "qemu ended with status %d: %s" % (process.returncode, said.strip())
    return None


def make_out_image(path):
    with open(path, "wb") as image:
        image.truncate(OUT_BYTES)


def take_files(image, folder):
    """Unpack the plain files of the guest's archive, wherever their names point, below folder."""
    os.makedirs(folder, exist_ok=True)
    with tarfile.open(image) as archive:
        for member in archive:
            inside = os.path.normpath(member.name)
            if not member.isfile() or inside.startswith(("..", "/")):
                continue
            target = os.path.join(folder, inside)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as out:
                out.write(archive.extractfile(member).read())


def read_text(path):
    with open(path, errors="replace") as source:
        return source.read()


def boot(arch, kernel, initrd, folder, seconds, out=None, append=""):
    """Run the guest; console.txt and result.txt stay in folder. Returns a Report."""
    console, result, image = (os.path.join(folder, name) for name in ("console.txt", "result.txt", "out.img"))
    for path in (console, result):
        open(path, "w").close()
    if out:
        make_out_image(image)
    machine = MACHINES[arch]
    bad_end = run_qemu(command_line(machine, kernel, initrd, console, result, out and image, append), seconds)
    report = parse(read_text(result))
    if bad_end:
        report.problems.append(bad_end)
    if out:
        if "\n@out" in read_text(result):
            take_files(image, out)
        else:
            report.problems.append("no files came back")
        os.unlink(image)
    return report
