#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Values are ABI that no linker sees: the numbers of enumerators and the places of
members in plain structs. doc/abi/values.txt lists those that were promised; here
they are compared with the headers, as bindings/api.json repeats them. `--update`
adds what is new; it never changes or removes a line. Prints TAP.
"""

import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROMISED = os.path.join(ROOT, "doc", "abi", "values.txt")
HEAD = "# Enumerators and their values; members, their offsets and sizes. Append only: see doc/abi.md.\n"


def current():
    with open(os.path.join(ROOT, "bindings", "api.json"), encoding="utf-8") as file:
        api = json.load(file)
    values = {}
    for enum in api["enums"].values():
        values |= {item["name"]: str(item["value"]) for item in enum["values"]}
    for name, struct in api["structs"].items():
        for member in struct["members"]:
            values[f"nfbind_{name}.{member['name']}"] = f"{member['offset']} {member['size']}"
    return values


def promised():
    if not os.path.exists(PROMISED):
        return {}
    with open(PROMISED, encoding="utf-8") as file:
        lines = [line.split(None, 1) for line in file if not line.startswith("#")]
    return {name: value.strip() for name, value in lines}


def update(values):
    with open(PROMISED, "w", encoding="utf-8") as file:
        file.write(HEAD + "".join(f"{name} {values[name]}\n" for name in sorted(values)))


def report(number, title, lines):
    print(f"{'not ok' if lines else 'ok'} {number} - {title}")
    print("".join(f"# {line}\n" for line in lines), end="")
    return bool(lines)


def main():
    now, before = current(), promised()
    if "--update" in sys.argv[1:]:
        update(now | before)
    before = promised()
    print("1..2")
    failed = report(1, "no promised value changed", [
        f"{name}: {now.get(name, 'gone')} instead of {value}"
        for name, value in before.items() if now.get(name) != value])
    failed |= report(2, "new values are promised, with values.py --update", [
        name for name in now if name not in before])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
