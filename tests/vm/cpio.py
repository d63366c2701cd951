# SPDX-License-Identifier: MIT
# Writes the "newc" cpio archives that a kernel unpacks as its first file system.
# Made here rather than by the cpio program so that device nodes need no root, so that a file may stand
# in the guest elsewhere than on the host, and so that the same input gives the same bytes. A kernel
# accepts several archives one after the other: modules, programs and tests are each made when they change.

import os
import stat


class Archive:
    def __init__(self):
        self.entries = {}

    def add(self, path, mode, content=b"", device=(0, 0)):
        path = path.strip("/")
        if path in self.entries:
            return
        if os.path.dirname(path):
            self.add(os.path.dirname(path), stat.S_IFDIR | 0o755)
        self.entries[path] = (mode, content, device)

    def add_folder(self, path, mode=0o755):
        self.add(path, stat.S_IFDIR | mode)

    def add_bytes(self, path, content, mode=0o644):
        self.add(path, stat.S_IFREG | mode, content)

    def add_link(self, path, target):
        self.add(path, stat.S_IFLNK | 0o777, target.encode())

    def add_device(self, path, major, minor):
        self.add(path, stat.S_IFCHR | 0o600, device=(major, minor))

    def add_file(self, source, path=None):
        """One file, its links followed, at the same place in the guest unless path says otherwise."""
        with open(source, "rb") as content:
            self.add(path or source, stat.S_IFREG | (os.stat(source).st_mode & 0o755), content.read())

    def add_tree(self, source, path=None):
        path = path or source
        self.add_folder(path)
        for folder, _, names in sorted(os.walk(source)):
            for name in sorted(names):
                inside = os.path.join(folder, name)
                self.add_file(inside, os.path.join(path, os.path.relpath(inside, source)))

    def write(self, target):
        part = "%s.%d" % (target, os.getpid())
        with open(part, "wb") as out:
            for number, (path, entry) in enumerate(self.entries.items(), 1):
                write_entry(out, number, path, *entry)
            write_entry(out, 0, "TRAILER!!!", 0, b"", (0, 0))
        os.rename(part, target)


def write_entry(out, number, path, mode, content, device):
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (number, mode, 0, 0, links, 0, len(content), 0, 0, device[0], device[1], len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    out.write(header + b"\0" * (-len(header) % 4) + content + b"\0" * (-len(content) % 4))
