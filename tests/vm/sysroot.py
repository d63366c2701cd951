# SPDX-License-Identifier: MIT
# Another architecture's programs for a guest, and what a cross compiler needs to build the tests for it.
# A sysroot is Debian's packages unpacked into one folder: nothing is installed, no foreign code runs here.
# It is named by the hash of its packages, so it is made again when one of them changes.

import os
import shutil
import subprocess
import tempfile

import image
from debian import PrivateApt, Unavailable, cache_folder, text_of

SUITE = "bookworm"
PACKAGES = """busybox-static dash iptables nftables iproute2 conntrack iputils-ping socat procps util-linux
libmnl-dev libc6-dev libgcc-s1 libgcc-12-dev linux-libc-dev check netbase""".split()
# What a test may ask for besides; of this machine's own architecture it need not be installed here.
SPARE_PACKAGES = "curl vsftpd".split()
# meson's names of a machine: family, processor, byte order; and the program that runs its binaries here
MACHINES = {"s390x": ("s390x", "s390x", "big", "qemu-s390x-static"),
            "armhf": ("arm", "armv7l", "little", "qemu-arm-static")}
COMPILERS = {"s390x": "gcc-s390x-linux-gnu", "armhf": "gcc-arm-linux-gnueabihf"}
CROSS = """[binaries]
c = '{triplet}-gcc'
ar = '{triplet}-ar'
strip = '{triplet}-strip'
pkg-config = 'pkg-config'
pkgconfig = 'pkg-config'
exe_wrapper = ['{emulator}', '-L', '{root}']

[built-in options]
c_args = ['--sysroot={root}']
c_link_args = ['--sysroot={root}']

[properties]
sys_root = '{root}'
pkg_config_libdir = '{root}/usr/lib/{triplet}/pkgconfig:{root}/usr/share/pkgconfig'

[host_machine]
system = 'linux'
cpu_family = '{family}'
cpu = '{cpu}'
endian = '{endian}'
"""


def programs(arch):
    """[(program, package)] that a build for this architecture and its unit tests need."""
    return [(image.TRIPLETS[arch] + "-gcc", COMPILERS[arch]), (MACHINES[arch][3], "qemu-user-static"),
            ("meson", "meson"), ("pkg-config", "pkg-config")]


def unpack_package(deb, root):
    """Like dpkg -x, but into a tree with /usr merged, whose links must stay links."""
    content = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
    text_of(["tar", "-x", "--keep-directory-symlink", "-C", root], stdin=content.stdout)
    content.stdout.close()
    if content.wait() != 0:
        raise Unavailable("%s cannot be unpacked" % os.path.basename(deb))


def unpack_packages(apt, packages, root):
    with tempfile.TemporaryDirectory(dir=apt.folder) as debs:
        apt.run("apt-get", "-q", "download", *["%s=%s" % row[:2] for row in packages], cwd=debs)
        for deb in sorted(os.listdir(debs)):
            unpack_package(os.path.join(debs, deb), root)


def fetch(arch):
    """The sysroot's folder, with everything below its /usr."""
    return unpacked("sysroot", arch, PACKAGES + SPARE_PACKAGES)


def fetch_spare(arch):
    """A folder with programs that this machine may lack, and with their libraries."""
    return unpacked("spare", arch, SPARE_PACKAGES)


def unpacked(label, arch, names):
    apt = PrivateApt("Debian", SUITE, arch)
    if not apt.is_fresh():
        apt.update()
    packages = apt.with_dependencies(names)
    parts = " ".join([row[2] for row in packages])
    root = os.path.join(cache_folder(), "%s-%s-%s" % (label, arch, image.hash_of(parts)))
    if os.path.isdir(root):
        return root
    part = root + ".part"
    shutil.rmtree(part, ignore_errors=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        os.makedirs(os.path.join(part, "usr", name))
        os.symlink("usr/" + name, os.path.join(part, name))
    unpack_packages(apt, packages, part)
    os.rename(part, root)
    return root


def cross_file(arch):
    """The text of a meson cross file for this sysroot."""
    family, cpu, endian, emulator = MACHINES[arch]
    return CROSS.format(triplet=image.TRIPLETS[arch], root=fetch(arch), family=family, cpu=cpu, endian=endian,
                        emulator=emulator)
