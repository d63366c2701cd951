# SPDX-License-Identifier: MIT
"""
The header reader: clang tells the declarations (as JSON), the files themselves
tell the comments, because clang's own comment tree loses the tags that it does
not know. The result is a model (model.py) without any judgement; what is wrong
with a header is for lint.py to say.
"""

import json
import os
import re
import subprocess

import roles
from model import (Doc, Enum, Enumerator, Function, Header, Member, Model, Other, Param, Problem,
                   Struct, Tag)

CLANG = os.environ.get("CLANG", "clang")


class HeaderError(Exception):
    """The compiler does not accept the header."""

    def __init__(self, problems):
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems


def run_clang(path, include):
    ours = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "include")
    command = [CLANG, "-x", "c", "-std=c99", "-I", include, "-I", ours, "-fsyntax-only", "-w",
               "-Xclang", "-ast-dump=json", path]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return json.loads(result.stdout)
    found = re.findall(r"^(.+?):(\d+):\d+: (?:fatal )?error: (.*)$", result.stderr, re.M)
    problems = [Problem(name, int(line), text) for name, line, text in found]
    raise HeaderError(problems or [Problem(path, 1, result.stderr.strip())])


# Comments


def parse_tag(line, number):
    match = re.match(r"@([a-z-]*)\s*(.*)$", line)
    return Tag(match[1], match[2].split(), match[2], number)


def parse_doc(raw, first_line):
    """The text between the comment marks, as paragraphs and tags."""
    doc = Doc(first_line)
    paragraph = []
    for number, line in enumerate(raw.split("\n"), first_line):
        line = re.sub(r"^\s*\*? ?", "", line).rstrip()
        if line.startswith("@"):
            doc.tags.append(parse_tag(line, number))
        elif line and doc.tags:
            doc.stray = doc.stray or number
        elif line:
            paragraph.append(line.strip())
        if not line or line.startswith("@"):
            if paragraph:
                doc.paragraphs.append(" ".join(paragraph))
            paragraph = []
    if paragraph:
        doc.paragraphs.append(" ".join(paragraph))
    return doc


class Source:
    """One header's bytes, and the comment in front of an offset."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()

    def line_of(self, offset):
        return self.data.count(b"\n", 0, offset) + 1

    def doc_before(self, offset):
        head = self.data[:offset].rstrip()
        start = head.rfind(b"/*")
        if not head.endswith(b"*/") or head[start:start + 3] != b"/**":
            return None
        raw = head[start + 3:-2].decode("utf-8", "replace")
        return parse_doc(raw, self.line_of(start))


# Declarations


class Places:
    """
    Clang prints a file name only where it differs from the one printed before.
    This walks the tree in the order of printing and writes the name to each place.
    """

    def __init__(self):
        self.file = ""

    def fill(self, node):
        if isinstance(node, list):
            for child in node:
                self.fill(child)
        elif isinstance(node, dict):
            if "offset" in node:
                self.file = node["file"] = node.get("file", self.file)
            for key, child in node.items():
                if key != "includedFrom":
                    self.fill(child)


def place_of(loc):
    loc = loc.get("expansionLoc", loc)
    return loc.get("file", ""), loc.get("offset", 0)


def constant(node):
    """The value of an expression; older clangs tell it of the literal only."""
    if "value" in node:
        return node["value"]
    return next(filter(None, map(constant, node.get("inner", []))), None)


class Reader:
    def __init__(self, directory, root):
        self.directory = directory
        self.root = root
        self.model = Model()
        self.sources = {}

    def label(self, path):
        """How messages name a file: relative to the tree where it lies inside."""
        name = os.path.relpath(path, self.root)
        return path if name.startswith("..") else name

    def source(self, path):
        if path not in self.sources:
            self.sources[path] = Source(path)
        return self.sources[path]

    def place(self, node):
        """(path, line, doc) of a declaration."""
        path, start = place_of(node["range"]["begin"])
        _, offset = place_of(node["loc"])
        source = self.source(path)
        return path, source.line_of(max(start, offset)), source.doc_before(start)

    def is_ours(self, node):
        path, _ = place_of(node.get("range", {}).get("begin", {}))
        return path != "" and os.path.dirname(os.path.abspath(path)) == self.directory

    def read(self, tree):
        Places().fill(tree)
        readers = {"FunctionDecl": self.read_function, "RecordDecl": self.read_struct,
                   "EnumDecl": self.read_enum}
        for node in tree["inner"]:
            if self.is_ours(node) and not node.get("isImplicit"):
                readers.get(node["kind"], self.read_other)(node)

    def read_function(self, node):
        path, line, doc = self.place(node)
        inner = node.get("inner", [])
        kinds = [child["kind"] for child in inner]
        params = [Param(child.get("name", ""), child["type"]["qualType"])
                  for child in inner if child["kind"] == "ParmVarDecl"]
        self.model.functions.append(Function(
            node["name"], self.label(path), line, node["type"]["qualType"].split("(")[0].strip(),
            params, doc,
            is_exported="VisibilityAttr" in kinds,
            is_inline=bool(node.get("inline")) or "CompoundStmt" in kinds,
            is_variadic=bool(node.get("variadic")),
            is_static=node.get("storageClass") == "static"))

    def read_struct(self, node):
        name = node.get("name", "")
        path, line, doc = self.place(node)
        if node.get("tagUsed") != "struct" or not name:
            self.read_other(node)
            return
        known = self.model.structs.setdefault(name, Struct(name, self.label(path), line))
        if doc:
            known.docs.append(doc)
            known.file, known.line = self.label(path), line
        if node.get("completeDefinition"):
            known.members = [self.read_member(child) for child in node.get("inner", [])
                             if child["kind"] == "FieldDecl"]
            known.file, known.line = self.label(path), line

    def read_member(self, node):
        _, line, doc = self.place(node)
        # Older clangs write "uint8_t [8]".
        kind = node["type"]["qualType"].replace(" [", "[")
        return Member(node.get("name", ""), kind, line, doc,
                      bool(node.get("isBitfield")))

    def read_enum(self, node):
        path, line, doc = self.place(node)
        enumerators = []
        for child in node.get("inner", []):
            if child["kind"] == "EnumConstantDecl":
                before = enumerators[-1].value if enumerators else -1
                enumerators.append(self.read_enumerator(child, before + 1))
        name = node.get("name", "")
        self.model.enums[name] = Enum(name, self.label(path), line, enumerators, doc)

    def read_enumerator(self, node, implied):
        _, line, doc = self.place(node)
        value = next((constant(child) for child in node.get("inner", [])
                      if child["kind"] == "ConstantExpr"), None)
        explicit = value is not None
        return Enumerator(node["name"], int(value) if explicit else implied, line, explicit, doc)

    def read_other(self, node):
        path, line, _ = self.place(node)
        what = {"TypedefDecl": "typedef", "VarDecl": "variable", "RecordDecl": "union",
                "StaticAssertDecl": "assertion"}
        self.model.others.append(Other(what.get(node["kind"], node["kind"]),
                                       node.get("name", ""), self.label(path), line))


def read_header_file(path, label):
    """What the preprocessor eats, and the comment that says the header's idea."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    header = Header(label, first_line=text.split("\n", 1)[0])
    comment = re.search(r"/\*(?!\*)((?:(?!SPDX|\*/)[\s\S])+)\*/", text)
    if comment:
        header.idea = parse_doc(comment[1], 1).text
    for number, line in enumerate(text.split("\n"), 1):
        include = re.match(r"\s*#\s*include\s*[<\"]([^>\"]+)", line)
        macro = re.match(r"\s*#\s*define\s+(\w+)(\(?)", line)
        if include:
            header.includes.append((include[1], number))
        if macro:
            header.macros.append((macro[1], macro[2] != "", number))
    return header


def read(path, root="."):
    """Read a header and all that it includes from its own directory."""
    path = os.path.abspath(path)
    directory = os.path.dirname(path)
    reader = Reader(directory, os.path.abspath(root))
    reader.read(run_clang(path, os.path.dirname(directory)))
    files = {path} | set(reader.sources)
    for name in sorted(files):
        label = reader.label(name)
        reader.model.headers[label] = read_header_file(name, label)
    roles.assign(reader.model)
    return reader.model
