#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Doxygen's input filter: the tags of the headers become commands that it knows, line
by line so that its messages keep their line numbers, and the comment that opens a
header becomes the description of that file.
"""

import re
import sys

sys.dont_write_bytecode = True

BARE = {"owned": "- **Owned**: free the result when it is no longer used.",
        "immortal": "- The result lives as long as the program.",
        "blocks": "- It may block.",
        "signal-safe": "- A signal handler may call it.",
        "c-only": "- For C only: other languages have their own way."}
THREADS = {"any": "- Any thread may call it at any time.",
           "receive": "- One thread at a time may call it: the receiving one.",
           "owner": "- The object belongs to one thread at a time."}


def borrowed(text):
    param, _, verbs = text.partition(" until ")
    return f"- **Borrowed** from `{param}` until the next {' or '.join(verbs.split())}."


def returns(text):
    kind, _, enum = text.partition(" ")
    what = {"bool": "1 for yes, 0 for no", "enum": f"a value of enum {enum}",
            "flags": f"a set of enum {enum}", "length": "the full length of the text",
            "count": "how many", "index": "the index", "number": "the number"}
    return f"@return {what.get(kind, text)}"


def values(text):
    param, _, enum = text.partition(" ")
    return f"- `{param}`: enum {enum}."


def reason(text):
    param, _, more = text.partition(" ")
    return f"- `{param}` says why it failed{', or more about the result' if more else ''}."


def side(text):
    if text == "none":
        return "- The last message says nothing of its errors."
    return f"- The last message of the side {text.upper()} explains its errors."


TAGS = {"borrowed": borrowed, "returns": returns, "enum": values, "flags": values,
        "nullable": lambda text: f"- `{text or 'the result'}` may be NULL.",
        "thread": lambda text: THREADS.get(text, ""),
        "none": lambda text: f"- {text} means that there is nothing.",
        "element": lambda text: "- `{}` are of size `{}`.".format(*text.split()[:2]),
        "output": lambda text: f"- `{text}` is written only.",
        "inout": lambda text: f"- `{text}` is read, and written back.",
        "reason": reason, "side": side,
        "error": lambda text: "@retval -" + text}


def replace(match):
    lead, name, text = match[1], match[2], match[3].strip()
    if name in BARE:
        return lead + BARE[name]
    if name in TAGS:
        return lead + TAGS[name](text)
    return match[0]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"^(\s*\* )@([a-z-]+)(.*)$", replace, text, flags=re.M)
    # It knows no struct without a definition: an object gets an empty one, with its comment.
    text = re.sub(r"\*/\nstruct (nfbind_\w+);", r"*/\nstruct \1 {};", text)
    sys.stdout.write(re.sub(r"\A(/\*.*\*/\n)/\*\n \*", r"\1/** @file\n *", text))


if __name__ == "__main__":
    main()
