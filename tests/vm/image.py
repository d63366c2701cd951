# SPDX-License-Identifier: MIT
# What a guest finds in its file system besides modules: the system's programs and the tests.
# Everything stands at the path it has on the host, so run paths, configured folders and paths compiled
# into a test need no thought; what a program links to comes along by asking ldd. The programs' archive is
# kept and made again only when one of them changes; the tests' archive is made for every run.

import glob
import hashlib
import os
import re
import shutil
import stat
import subprocess
import time

import cpio

# The host's sh, since busybox's own prefers its applets to the real ip and ping.
NEEDED = "sh iptables ip6tables nft ip conntrack".split()
WELCOME = """iptables-save ip6tables-save iptables-restore ip6tables-restore iptables-nft ip6tables-nft iptables-legacy
ip6tables-legacy ebtables ebtables-nft arptables tc bridge ss ping socat nfct ethtool sysctl setpriv capsh strace
prlimit lua5.4 lua5.3""".split()
DATA = """/etc/protocols /etc/services /etc/passwd /etc/group /etc/nsswitch.conf /etc/ethertypes /etc/iproute2/*
/etc/xtables/* /usr/share/xtables/* /usr/lib/*/xtables/*.so /usr/lib/*/gconv/gconv-modules""".split()
FOLDERS = "proc sys tmp run dev root out etc var/run sys/fs/cgroup".split()
KEEP_UNUSED = 7 * 24 * 3600
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Missing(Exception):
    """The host lacks a program; the text says which package has it."""


def find_program(name):
    return shutil.which(name, path=PATH)


def is_elf(path):
    with open(path, "rb") as source:
        return source.read(4) == b"\x7fELF"


def libraries(path):
    """Paths of the shared libraries and the loader of a program; none for a static one or a script."""
    if not is_elf(path):
        return []
    # one unresolved library must not hide the others, so its exit status says nothing
    listed = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", listed)


class Content:
    """Files that go into an archive, each once, with what they link to."""

    def __init__(self):
        self.paths = {}     # path in the guest -> path on the host, or None for a link
        self.links = {}

    def add(self, path):
        path = os.path.abspath(path)
        if path in self.paths or path in self.links:
            return
        real = os.path.realpath(path)
        if real != path:
            self.links[path] = real
            self.add(real)
            return
        self.paths[path] = path
        for library in libraries(path):
            # under the name the loader asks for, whatever links the host has on the way to it
            self.paths.setdefault(library, os.path.realpath(library))

    def add_tree(self, folder):
        for parent, _, names in sorted(os.walk(os.path.abspath(folder))):
            for name in sorted(names):
                self.add(os.path.join(parent, name))

    def stamp(self):
        rows = ["%s %d %d" % (path, os.stat(path).st_size, os.stat(path).st_mtime_ns)
                for path in sorted(self.paths.values())]
        return hashlib.sha256("\n".join(rows + sorted(self.links)).encode()).hexdigest()[:24]

    def pour(self, archive):
        for guest, host in sorted(self.paths.items()):
            archive.add_file(host, merged(guest))
        for link, target in sorted(self.links.items()):
            archive.add_link(merged(link), merged(target))


def merged(path):
    """Debian merges /bin, /sbin and /lib into /usr; the guest has the links, so files go below /usr."""
    return "/usr" + path if re.match(r"/(bin|sbin|lib|lib32|lib64)/", path) else path


def system_content():
    content = Content()
    for name in NEEDED + WELCOME:
        path = find_program(name)
        if path:
            content.add(path)
        elif name in NEEDED:
            raise Missing("no program %s here: install iptables, nftables, iproute2, conntrack" % name)
    for pattern in DATA:
        for path in filter(os.path.isfile, glob.glob(pattern)):
            content.add(path)
    return content


def busybox():
    path = find_program("busybox")
    if not path or libraries(path):
        raise Missing("no static busybox here: install busybox-static")
    return path


def add_busybox(archive):
    archive.add_file(busybox(), "/usr/bin/busybox")
    applets = subprocess.run([busybox(), "--list"], capture_output=True, text=True, check=True).stdout.split()
    for name in applets:
        # an entry that exists stays: the real programs were added before
        if name != "busybox" and not find_in(archive, name):
            archive.add_link("/usr/bin/" + name, "/usr/bin/busybox")
    # the kernel calls this very path to load what it misses
    archive.add_link("/usr/sbin/modprobe", "/usr/bin/busybox")


def find_in(archive, name):
    return any("usr/%s/%s" % (folder, name) in archive.entries for folder in ("bin", "sbin"))


def write_system(cache):
    """The archive with the programs; made again only when one of them has changed."""
    content = system_content()
    with open(__file__, "rb") as rules:
        stamp = hashlib.sha256((content.stamp() + hashlib.sha256(rules.read()).hexdigest()).encode()).hexdigest()[:24]
    target = os.path.join(cache, "system-%s.cpio" % stamp)
    if os.path.exists(target):
        return target
    for old in glob.glob(os.path.join(cache, "system-*.cpio")):
        if time.time() - os.path.getmtime(old) > KEEP_UNUSED:
            os.unlink(old)
    archive = cpio.Archive()
    for folder in FOLDERS:
        archive.add_folder(folder)
    for name in ("bin", "sbin", "lib", "lib64"):
        archive.add_link("/" + name, "usr/" + name)
    archive.add_device("/dev/console", 5, 1)
    content.pour(archive)
    add_busybox(archive)
    archive.write(target)
    return target


def write_tests(target, tests, data, settings):
    """The archive with init, the tests, their data and what they link to. Returns nothing."""
    here = os.path.dirname(os.path.abspath(__file__))
    content = Content()
    for test in tests:
        content.add(test)
    for folder in data:
        content.add_tree(folder)
    archive = cpio.Archive()
    archive.add("init", stat.S_IFREG | 0o755, open(os.path.join(here, "init"), "rb").read())
    archive.add_bytes("/run/tests", "".join(test + "\n" for test in tests).encode())
    archive.add_bytes("/run/settings", settings.encode())
    content.pour(archive)
    archive.write(target)
