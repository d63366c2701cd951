# SPDX-License-Identifier: MIT
# What a guest finds in its file system besides modules: the system's programs and the tests.
# Everything stands at the path it has on the host, so run paths, configured folders and paths compiled
# into a test need no thought; what a program links to comes along, found as its loader will find it.
# For another architecture the programs are taken from a sysroot of that one (see sysroot.py) and the
# tests from a build folder made for it. The programs' archive is kept until one of them changes.

import glob
import hashlib
import os
import re
import stat
import subprocess
import time

import cpio

# The host's sh, since busybox's own prefers its applets to the real ip and ping.
NEEDED = "sh iptables ip6tables nft ip conntrack".split()
WELCOME = """iptables-save ip6tables-save iptables-restore ip6tables-restore iptables-nft ip6tables-nft iptables-legacy
ip6tables-legacy ebtables ebtables-nft arptables tc bridge ss ping socat nfct ethtool sysctl setpriv capsh strace
prlimit lua5.4 lua5.3""".split()
# What Debian's alternatives would choose; in the guest it is the same whatever this host has chosen.
CHOSEN = {"sh": "dash", "iptables": "iptables-nft", "ip6tables": "ip6tables-nft",
          "iptables-save": "iptables-nft-save", "ip6tables-save": "ip6tables-nft-save",
          "iptables-restore": "iptables-nft-restore", "ip6tables-restore": "ip6tables-nft-restore",
          "ebtables": "ebtables-nft", "arptables": "arptables-nft"}
DATA = """/etc/protocols /etc/services /etc/passwd /etc/group /etc/nsswitch.conf /etc/ethertypes /etc/iproute2/*
/etc/xtables/* /usr/share/xtables/* /usr/lib/*/xtables/*.so""".split()
FOLDERS = "proc sys tmp run dev root out etc var/run sys/fs/cgroup".split()
PROGRAM_FOLDERS = "/usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin".split()
LIBRARY_FOLDERS = "/usr/local/lib /usr/lib/{triplet} /lib/{triplet} /usr/lib64 /lib64 /usr/lib /lib".split()
TRIPLETS = {"amd64": "x86_64-linux-gnu", "s390x": "s390x-linux-gnu", "armhf": "arm-linux-gnueabihf"}
KEEP_UNUSED = 7 * 24 * 3600


class Missing(Exception):
    """The host lacks something; the text says which package has it."""


def is_elf(path):
    with open(path, "rb") as source:
        return source.read(4) == b"\x7fELF"


def linked(paths):
    """{path: (loader, [library], [run path])} of programs and libraries; readelf reads any architecture."""
    paths = [path for path in paths if is_elf(path)]
    if not paths:
        return {}
    # with one file alone readelf does not say which it is, so one is given twice
    text = subprocess.run(["readelf", "-W", "-l", "-d"] + paths + paths[:1], capture_output=True, text=True,
                          env=dict(os.environ, LC_ALL="C")).stdout
    found = {}
    for part in text.split("\nFile: ")[1:]:
        path, _, rest = part.partition("\n")
        loader = re.findall(r"program interpreter: (\S+?)\]", rest)
        run_path = ":".join(re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", rest))
        found[path] = loader, re.findall(r"\(NEEDED\).*\[(.*)\]", rest), run_path.split(":") if run_path else []
    return found


def merged(path):
    """Debian merges /bin, /sbin and /lib into /usr; the guest has the links, so files go below /usr."""
    return "/usr" + path if re.match(r"/(bin|sbin|lib|lib32|lib64)/", path) else path


class Content:
    """Files that go into an archive, each once, with what they link to. Paths are the guest's; what the
    sysroot has comes from there, everything else from the same path of the host, or else from the spare folder."""

    def __init__(self, arch, root="", spare=""):
        self.arch, self.root, self.spare = arch, root, spare
        self.files = {}     # path in the guest -> path on the host
        self.links = {}

    def on_host(self, path):
        inside = self.root + path
        if os.path.lexists(inside) or os.path.lexists(path) or not self.spare:
            return inside if os.path.lexists(inside) else path
        return self.spare + path

    def add(self, path):
        """The path itself and, where it is a link, what it leads to; libraries are added by close()."""
        if path in self.files or path in self.links:
            return
        host = self.on_host(path)
        if os.path.islink(host):
            self.links[path] = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(host)))
            self.add(self.links[path])
        else:
            self.files[path] = host

    def add_tree(self, folder):
        for parent, _, names in sorted(os.walk(os.path.abspath(folder))):
            for name in sorted(names):
                self.add(os.path.join(parent, name))

    def program(self, name):
        """The path of a program as the guest will have it, or None. A foreign one comes from the sysroot only."""
        for folder in PROGRAM_FOLDERS:
            path = os.path.join(folder, name)
            if os.path.lexists(self.root + path) or self.spare and os.path.lexists(self.spare + path):
                return path
        return None

    def library(self, name, program, run_path):
        own = [folder.replace("$ORIGIN", os.path.dirname(program)) for folder in run_path]
        system = [folder.format(triplet=TRIPLETS[self.arch]) for folder in LIBRARY_FOLDERS]
        for path in [os.path.normpath(os.path.join(folder, name)) for folder in own + system]:
            if os.path.exists(self.on_host(path)):
                return path
        raise Missing("%s needs %s, which is not here" % (program, name))

    def close(self):
        """Add the libraries of everything added so far, and theirs."""
        seen = set()
        while set(self.files) - seen:
            fresh = {self.files[path]: path for path in sorted(set(self.files) - seen)}
            seen.update(fresh.values())
            for host, (loader, names, run_path) in linked(sorted(fresh)).items():
                for path in loader + [self.library(name, fresh[host], run_path) for name in names]:
                    self.add(path)

    def stamp(self):
        rows = ["%s %d %d" % (path, os.stat(path).st_size, os.stat(path).st_mtime_ns)
                for path in sorted(self.files.values())]
        return hash_of("\n".join(rows + sorted(self.links)))

    def pour(self, archive):
        for guest, host in sorted(self.files.items()):
            archive.add_file(host, merged(guest))
        for link, target in sorted(self.links.items()):
            archive.add_link(merged(link), merged(target))


def hash_of(text):
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def system_content(arch, root):
    content = Content(arch, root)
    for name in NEEDED + WELCOME:
        path = content.program(CHOSEN.get(name, name)) or content.program(name)
        if path:
            content.add(path)
            content.links.setdefault("/usr/bin/" + name, path)
        elif name in NEEDED:
            raise Missing("no program %s here: install iptables, nftables, iproute2, conntrack" % name)
    for pattern in DATA:
        for path in filter(os.path.isfile, glob.glob(root + pattern) or glob.glob(pattern)):
            content.add(path[len(root):] if path.startswith(root) else path)
    content.close()
    return content


def add_busybox(archive, content):
    path = content.program("busybox")
    if not path or linked([content.on_host(path)]).get(content.on_host(path), ([], [], []))[1]:
        raise Missing("no static busybox here: install busybox-static")
    archive.add_file(content.on_host(path), "/usr/bin/busybox")
    # of this host's busybox, if the guest's cannot run here: the applets are much the same
    applets = subprocess.run([Content(content.arch).program("busybox"), "--list"], capture_output=True, text=True,
                             check=True).stdout.split()
    for name in applets:
        # an entry that exists stays: the real programs were added before
        if not any("usr/%s/%s" % (folder, name) in archive.entries for folder in ("bin", "sbin")):
            archive.add_link("/usr/bin/" + name, "/usr/bin/busybox")
    # the kernel calls this very path to load what it misses
    archive.add_link("/usr/sbin/modprobe", "/usr/bin/busybox")


def write_system(cache, arch, root=""):
    """The archive with the programs; made again only when one of them has changed."""
    content = system_content(arch, root)
    with open(__file__) as rules:
        target = os.path.join(cache, "system-%s-%s.cpio" % (arch, hash_of(content.stamp() + rules.read())))
    if os.path.exists(target):
        os.utime(target)
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
    add_busybox(archive, content)
    archive.write(target)
    return target


def asked_for(test):
    """What a test asks for: a script says so in a line "# programs: curl /path/to/another /folder/with/modules"."""
    if is_elf(test):
        return []
    with open(test) as script:
        return [name for line in script if line.startswith("# programs:") for name in line.split()[2:]]


def add_asked_for(content, name):
    if os.path.isdir(name):
        for file in sorted(os.listdir(name)):
            if file.endswith((".lua", ".py", ".so")):
                content.add(os.path.join(name, file))
        return
    path = name if os.path.isabs(name) else content.program(name)
    if not path:
        raise Missing("no program %s here" % name)
    content.add(path)


def write_tests(target, arch, root, tests, data, settings, spare):
    """The archive with init, the tests, their data, what they ask for and what they link to."""
    here = os.path.dirname(os.path.abspath(__file__))
    programs = sorted({name for test in tests for name in asked_for(test)})
    content = Content(arch, root, spare() if programs and not root else "")
    for test in tests:
        content.add(test)
    for name in programs:
        add_asked_for(content, name)
    for folder in data:
        content.add_tree(folder)
    content.close()
    archive = cpio.Archive()
    with open(os.path.join(here, "init"), "rb") as init:
        archive.add("init", stat.S_IFREG | 0o755, init.read())
    archive.add_bytes("/run/tests", "".join(test + "\n" for test in tests).encode())
    archive.add_bytes("/run/settings", settings.encode())
    content.pour(archive)
    archive.write(target)
