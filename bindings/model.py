# SPDX-License-Identifier: MIT
"""
What the public headers say, as plain data: functions with parameters and their
roles, objects, plain structs, enums, and the doc comment of each. headers.py
fills it, roles.py adds what the grammar of names implies, lint.py judges it and
the emitters print it. Nothing here knows C or clang.
"""

from dataclasses import dataclass, field


@dataclass
class Tag:
    """One line of a doc comment that starts with @."""
    name: str
    words: list
    text: str
    line: int


@dataclass
class Doc:
    """A doc comment: its paragraphs and its tags."""
    line: int
    paragraphs: list = field(default_factory=list)
    tags: list = field(default_factory=list)
    stray: int = 0  # line of text behind a tag, where there is any

    @property
    def text(self):
        return "\n\n".join(self.paragraphs)

    @property
    def sentence(self):
        """All of the text on one line."""
        return " ".join(self.paragraphs)

    def all(self, name):
        return [tag for tag in self.tags if tag.name == name]

    def first(self, name):
        return next(iter(self.all(name)), None)

    def has(self, name):
        return self.first(name) is not None


@dataclass
class Param:
    name: str
    type: str
    role: str = ""          # see roles.py
    of: str = ""            # the parameter that this one measures
    enum: str = ""
    flags: str = ""
    object: str = ""        # the object or plain struct that it points to
    nullable: bool = False
    direction: str = ""     # of an array: in, out, inout
    reason: str = ""        # of text: "only" where it says why a call failed, "also" where it is a result, too


@dataclass
class Function:
    name: str
    file: str
    line: int
    returns: str            # the C type
    params: list
    doc: Doc = None
    is_exported: bool = False
    is_inline: bool = False
    is_variadic: bool = False
    is_static: bool = False
    # Set by roles.py:
    object: str = ""        # class; "" for a function of the module
    verb: str = ""          # method name
    is_method: bool = False # the first parameter is the object
    kind: str = ""          # of the result: status, void, count, bool ...
    kind_enum: str = ""     # with kind enum or flags
    side: str = ""          # whose last_message explains a failure: none, or an enumerator

    def param(self, name):
        return next((p for p in self.params if p.name == name), None)

    def has_tag(self, name):
        return self.doc is not None and self.doc.has(name)

    def tags(self, name):
        return self.doc.all(name) if self.doc else []

    def words(self, name):
        """The words behind the first tag of that name."""
        tag = self.doc.first(name) if self.doc else None
        return tag.words if tag else []


@dataclass
class Member:
    name: str
    type: str
    line: int
    doc: Doc = None
    is_bit_field: bool = False
    offset: int = -1
    size: int = -1


@dataclass
class Struct:
    """`members` is None where the struct is opaque: an object."""
    name: str
    file: str
    line: int
    members: list = None
    docs: list = field(default_factory=list)  # one for each documented declaration
    size: int = -1

    @property
    def doc(self):
        return self.docs[0] if self.docs else None


@dataclass
class Enumerator:
    name: str
    value: int
    line: int
    is_explicit: bool
    doc: Doc = None


@dataclass
class Enum:
    name: str
    file: str
    line: int
    enumerators: list
    doc: Doc = None


@dataclass
class Other:
    """A declaration that the grammar has no place for."""
    what: str
    name: str
    file: str
    line: int


@dataclass
class Header:
    """A file: what the compiler does not tell about it."""
    file: str
    idea: str = ""                                # the comment at its head
    includes: list = field(default_factory=list)  # (name, line)
    macros: list = field(default_factory=list)    # (name, takes arguments, line)
    first_line: str = ""


@dataclass
class Model:
    functions: list = field(default_factory=list)
    structs: dict = field(default_factory=dict)
    enums: dict = field(default_factory=dict)
    others: list = field(default_factory=list)
    headers: dict = field(default_factory=dict)

    def objects(self):
        return [s for s in self.structs.values() if s.members is None]

    def plain_structs(self):
        return [s for s in self.structs.values() if s.members is not None]

    def methods(self, name):
        return [f for f in self.functions if f.object == name]


@dataclass(order=True)
class Problem:
    file: str
    line: int
    sentence: str

    def __str__(self):
        return f"{self.file}:{self.line}: {self.sentence}"
