# SPDX-License-Identifier: MIT
# Packages of other suites and architectures than this system's, without touching this system.
# apt runs with sources, lists, status and cache of its own below one cache folder; the system's
# configuration is only read, for the mirror in use here. Works as an ordinary user too.

import glob
import os
import re
import subprocess
import tempfile
import time

LISTS_GOOD_FOR = 24 * 3600
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Unavailable(Exception):
    """This kernel cannot be had now; the text says why."""


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "nfbind-vm")


def text_of(command, **more):
    # an ordinary user's path often lacks the folders that depmod is in
    env = dict(os.environ, LC_ALL="C", PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=env, **more)
    except FileNotFoundError:
        raise Unavailable("no program %s here" % command[0]) from None
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable("%s: %s" % (os.path.basename(command[0]), words[-1] if words else "failed"))
    return done.stdout


def mirror(label):
    """The archive with this label as the system itself is configured, or from the environment."""
    named = os.environ.get("NFBIND_VM_MIRROR_" + label.upper().replace("-", "_"))
    if named:
        return named
    rows = text_of(["apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI)", "Created-By: Packages"])
    for row in rows.splitlines():
        found, _, uri = row.partition("|")
        if found == label:
            return uri
    raise Unavailable("apt knows no archive labelled %s here; set NFBIND_VM_MIRROR_%s to its address"
                      % (label, label.upper().replace("-", "_")))


class PrivateApt:
    """apt with its own sources, lists and cache for one suite and architecture."""

    def __init__(self, label, suite, arch):
        self.label, self.suite, self.arch = label, suite, arch
        self.folder = os.path.join(cache_folder(), "apt", "%s-%s" % (suite, arch))
        for name in ("lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)
        open(self.path("status"), "a").close()

    def path(self, name):
        return os.path.join(self.folder, name)

    def options(self):
        pairs = {"Dir::State": self.folder, "Dir::State::status": self.path("status"),
                 "Dir::State::lists": self.path("lists"), "Dir::Cache": self.path("cache"),
                 "Dir::Etc::sourcelist": self.path("from.sources"), "Dir::Etc::sourceparts": "/dev/null",
                 "Dir::Etc::preferencesparts": "/dev/null", "APT::Architecture": self.arch,
                 "APT::Architectures": self.arch, "Acquire::Languages": "none",
                 "APT::Sandbox::User": "root", "APT::Update::Post-Invoke": "",
                 "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false"}
        return [word for key, value in pairs.items() for word in ("-o", "%s=%s" % (key, value))]

    def run(self, tool, *words, **more):
        return text_of([tool] + self.options() + list(words), **more)

    def is_fresh(self):
        stamp = self.path("updated")
        return os.path.exists(stamp) and time.time() - os.path.getmtime(stamp) < LISTS_GOOD_FOR

    def update(self):
        with open(self.path("from.sources"), "w") as out:
            out.write("Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: %s\n"
                      "Signed-By: %s\n" % (mirror(self.label), self.suite, self.arch, KEYRING))
        self.run("apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "update")
        open(self.path("updated"), "w").close()

    def names(self, prefix):
        return self.run("apt-cache", "pkgnames", prefix).split()

    def describe(self, names):
        """[(package, version, sha256)] of those that exist, in the order of names."""
        shown = subprocess.run(["apt-cache"] + self.options() + ["show", "--no-all-versions"] + names,
                               capture_output=True, text=True).stdout
        rows = {}
        for paragraph in shown.split("\n\n"):
            fields = dict(re.findall(r"^(Package|Version|SHA256): (.*)$", paragraph, re.M))
            if fields:
                rows[fields["Package"]] = (fields["Package"], fields["Version"], fields["SHA256"])
        return [rows[name] for name in names if name in rows]

    def unpack(self, packages, folder):
        with tempfile.TemporaryDirectory(dir=self.folder) as debs:
            self.run("apt-get", "-q", "download", *["%s=%s" % row[:2] for row in packages], cwd=debs)
            for deb in sorted(glob.glob(os.path.join(debs, "*.deb"))):
                text_of(["dpkg", "-x", deb, folder])

    def with_dependencies(self, names):
        """[(package, version, sha256)] of these and everything they need."""
        planned = self.run("apt-get", "-s", "-o", "Debug::NoLocking=true", "--no-install-recommends", "install", *names)
        return self.describe(sorted(set(re.findall(r"^Inst (\S+)", planned, re.M))))
