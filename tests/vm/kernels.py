# SPDX-License-Identifier: MIT
# Which kernels the vm suite runs on, and how one of them gets from a Debian archive onto this disk.
# Kernels are rows of a table; a new one is a new row. What is kept of its packages is small: the kernel
# image and one cpio archive with the modules the tests need, in a folder named by the hash of the
# packages, so a stale unpacking is never mistaken for a new one.

import dataclasses
import fnmatch
import glob
import hashlib
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile

import cpio
from debian import PrivateApt, Unavailable, cache_folder, text_of


@dataclasses.dataclass(frozen=True)
class Kernel:
    name: str       # what the user types
    arch: str       # Debian's name of the architecture
    archive: str    # label of the archive: Debian or Debian-Security
    suite: str
    release: str    # regular expression for the text after "linux-image-"
    default: bool = False

    @property
    def label(self):
        return self.name if self.arch == "amd64" else "%s-%s" % (self.name, self.arch)


KERNELS = [
    Kernel("5.10", "amd64", "Debian-Security", "bullseye-security", r"5\.10\.\d+-\d+-cloud-amd64"),
    Kernel("6.1", "amd64", "Debian-Security", "bookworm-security", r"6\.1\.\d+-\d+-cloud-amd64", default=True),
    Kernel("6.12", "amd64", "Debian-Security", "bookworm-security", r"6\.12\.\d+\+deb12-cloud-amd64", default=True),
    Kernel("6.18", "amd64", "Debian", "trixie-backports", r"6\.18\.\d+\+deb13-cloud-amd64"),
    Kernel("7.x", "amd64", "Debian", "sid", r"7\.\d+\.\d+\+deb14-cloud-amd64"),
    Kernel("6.1", "s390x", "Debian", "bookworm", r"6\.1\.\d+-\d+-s390x"),
    Kernel("6.1", "armhf", "Debian", "bookworm", r"6\.1\.\d+-\d+-armmp-lpae"),
]

# Patterns below lib/modules/RELEASE/kernel, without the .ko and its compression; dependencies come along.
MODULES = """
net/netfilter/* net/ipv4/netfilter/* net/ipv6/netfilter/* net/bridge/* net/bridge/netfilter/*
net/8021q/* net/sctp/sctp net/packet/* net/netlink/* net/ipv4/*_diag net/sched/cls_cgroup net/sched/sch_prio
net/sched/sch_netem net/sched/act_ct drivers/net/veth drivers/net/dummy drivers/net/ifb drivers/net/tun drivers/net/vrf
drivers/block/virtio_blk drivers/virtio/virtio_pci drivers/virtio/virtio_mmio drivers/s390/virtio/virtio_ccw
drivers/char/virtio_console crypto/crc32c* arch/*/crypto/crc32* arch/*/lib/crc32* lib/libcrc32c lib/crc/* lib/ts_*
""".split()

# Since 7.x the image package only depends on the others; before, it holds everything.
PACKAGES = ["linux-image-", "linux-base-", "linux-binary-", "linux-modules-"]


def numbers(text):
    return [int(word) for word in re.findall(r"\d+", text)]


def newest(apt, kernel):
    prefix = "linux-image-"
    pattern = re.compile(prefix + "(" + kernel.release + ")$")
    releases = [found.group(1) for found in map(pattern.match, apt.names(prefix)) if found]
    for release in sorted(releases, key=numbers, reverse=True):
        packages = apt.describe([name + release for name in PACKAGES])
        if packages:
            return release, packages
    raise Unavailable("suite %s has no package any more that matches linux-image-%s" % (kernel.suite, kernel.release))


def module_name(path):
    return re.sub(r"\.ko(\.[a-z]+)?$", "", path)


def wanted_modules(modules):
    """Paths of the modules in MODULES and of everything they depend on, by the modules.dep found there."""
    depends = {}
    with open(os.path.join(modules, "modules.dep")) as rows:
        for row in rows:
            path, _, needs = row.partition(":")
            depends[path] = needs.split()

    def matches(path):
        name = module_name(path.partition("kernel/")[2])
        # fnmatch's star crosses folders, which here would pull in ipvs and ipset
        return any(fnmatch.fnmatch(name, pattern) and name.count("/") == pattern.count("/") for pattern in MODULES)

    chosen = {path for path in depends if matches(path)}
    return sorted(chosen.union(*(depends[path] for path in chosen)))


def plain_module(path):
    """The bytes of a module, unpacked: busybox loads no compressed ones."""
    with open(path, "rb") as source:
        content = source.read()
    if path.endswith(".xz"):
        return lzma.decompress(content)
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-dc"], input=content, stdout=subprocess.PIPE, check=True).stdout
    return content


def write_modules(tree, release, target):
    """Write the wanted modules below tree as a cpio archive, with fresh indexes for modprobe."""
    if not os.path.isdir(os.path.join(tree, "lib/modules")):
        os.symlink("usr/lib", os.path.join(tree, "lib"))   # packages since 6.18; depmod looks in lib
    text_of(["depmod", "-b", tree, release])
    modules = os.path.join(tree, "lib/modules", release)
    with tempfile.TemporaryDirectory() as stage:
        base = os.path.join(stage, "lib/modules", release)
        for path in wanted_modules(modules):
            copy = os.path.join(base, module_name(path) + ".ko")
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            with open(copy, "wb") as out:
                out.write(plain_module(os.path.join(modules, path)))
        for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
            shutil.copy(os.path.join(modules, name), base)
        text_of(["depmod", "-b", stage, release])
        archive = cpio.Archive()
        # below /usr: an archive that has lib as a folder would replace the guest's link
        archive.add_tree(base, "/usr/lib/modules/" + release)
        archive.write(target)


def one_of(tree, *patterns):
    for pattern in patterns:
        for path in glob.glob(os.path.join(tree, pattern)):
            return path
    raise Unavailable("the packages hold no " + " nor ".join(patterns))


def unpack_kernel(apt, release, packages, folder):
    with tempfile.TemporaryDirectory(dir=apt.folder) as tree:
        apt.unpack(packages, tree)
        part = folder + ".part"
        shutil.rmtree(part, ignore_errors=True)
        os.makedirs(part)
        for name in ("vmlinuz", "config"):
            shutil.copy(one_of(tree, "boot/%s-*" % name, "usr/lib/modules/*/" + name), os.path.join(part, name))
        write_modules(tree, release, os.path.join(part, "modules.cpio"))
        os.rename(part, folder)


def rules_hash():
    with open(__file__, "rb") as rules:
        return hashlib.sha256(rules.read()).hexdigest()


def read_json(path):
    if not os.path.exists(path):
        return {}
    with open(path) as source:
        return json.load(source)


def fetch_newest(kernel, apt):
    release, packages = newest(apt, kernel)
    parts = " ".join([row[2] for row in packages] + [rules_hash()])
    folder = os.path.join(cache_folder(), "kernels", hashlib.sha256(parts.encode()).hexdigest()[:24])
    if not os.path.isdir(folder):
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        unpack_kernel(apt, release, packages, folder)
    return {"folder": folder, "version": packages[0][1], "rules": rules_hash()}


def fetch(kernel, update=False, strict=False):
    """The folder with vmlinuz and modules.cpio, and the exact version; Unavailable if it cannot be had.
    Without strict, an archive that does not answer is fine as long as an earlier fetch left a kernel."""
    known = os.path.join(cache_folder(), "kernels", "%s-%s.json" % (kernel.name, kernel.arch))
    found = read_json(known)
    usable = bool(found) and os.path.isdir(found["folder"])
    apt = PrivateApt(kernel.archive, kernel.suite, kernel.arch)
    if usable and found.get("rules") == rules_hash() and apt.is_fresh() and not update:
        return found["folder"], found["version"]
    try:
        if update or not apt.is_fresh():
            apt.update()
        found = fetch_newest(kernel, apt)
        with open(known, "w") as out:
            json.dump(found, out)
    except Unavailable as reason:
        if strict or not usable:
            raise
        print("%s: %s; the one fetched before is used" % (kernel.label, reason), file=sys.stderr)
    return found["folder"], found["version"]
