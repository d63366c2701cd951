#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Sums up what tests said, by single checks where they print them: TAP, libcheck's
summary, or the exit status. `report.py testlog.json` reads meson's log, `--text`
the output of tests/vm/run, `--tap` that of one program that prints TAP. With `--strict` a skip is a failure unless its reason
is in allowed-skips. The last line is "N passed, N failed, N skipped".
"""

import argparse
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BAD = {"FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS"}


class Report:
    def __init__(self):
        self.passed = 0
        self.failures = []  # sentences
        self.skips = []     # (what, reason)

    def line(self):
        return f"{self.passed} passed, {len(self.failures)} failed, {len(self.skips)} skipped"

    def judge_skips(self, allowed):
        """A skip whose reason is not allowed here is a failure."""
        refused = [(what, reason) for what, reason in self.skips
                   if not any(pattern.search(reason) for pattern in allowed)]
        self.skips = [skip for skip in self.skips if skip not in refused]
        self.failures += [f"{what}: skipped, and this machine can run it: {reason}"
                          for what, reason in refused]


def read_allowed():
    path = os.path.join(HERE, "allowed-skips")
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    return [re.compile(line) for line in lines if line and not line.startswith("#")]


def add_tap(report, name, text):
    """The checks that TAP lists, and one failure for those that never came."""
    plan = re.search(r"^1\.\.(\d+)(?:\s*# SKIP\s*(.*))?", text, re.M | re.I)
    if int(plan[1]) == 0:
        report.skips.append((name, plan[2] or "no reason given"))
    results = re.findall(r"^(not ok|ok)\b *\d* *(?:- )?(.*)$", text, re.M)
    for result, title in results:
        title, _, directive = title.partition("#")
        skip = re.match(r"\s*skip\S*\s*(.*)", directive, re.I)
        what = f"{name}: {title.strip()}"
        if skip:
            report.skips.append((what, skip[1] or "no reason given"))
        elif result == "ok":
            report.passed += 1
        else:
            report.failures.append(what)
    if len(results) < int(plan[1]):
        report.failures.append(f"{name}: ended after {len(results)} of {plan[1]} checks")


def add_check(report, name, text):
    """Libcheck's own summary and its lines of failures."""
    for total, failed, errors in re.findall(r"Checks: (\d+), Failures: (\d+), Errors: (\d+)", text):
        bad = int(failed) + int(errors)
        report.passed += int(total) - bad
        report.failures += [f"{name}: {bad} checks failed"] * min(bad, 1)
        report.failures += [f"{name}: and another"] * (bad - 1)


def skip_reason(text):
    lines = [line for line in text.splitlines() if line.strip()]
    reason = lines[-1].strip() if lines else "no reason given"
    return re.sub(r"^(skip\w*|77)\b:?\s*", "", reason, flags=re.I)


def add_status(report, name, entry, text):
    if entry["result"] == "SKIP":
        report.skips.append((name, skip_reason(text)))
    elif entry["result"] not in BAD:
        report.passed += 1


def add_entry(report, entry):
    """One test of meson's log."""
    name = re.split(r" / | - ", entry["name"])[-1].rsplit(":", 1)[-1]
    text = entry.get("stdout") or ""
    before = len(report.failures)
    if re.search(r"^1\.\.\d+", text, re.M):
        add_tap(report, name, text)
    elif "Checks: " in text and entry["result"] != "SKIP":
        add_check(report, name, text)
    else:
        add_status(report, name, entry, text or entry.get("stderr") or "")
    if entry["result"] in BAD and len(report.failures) == before:
        report.failures.append(f"{name}: {entry['result'].lower()}, status {entry['returncode']}")


def read_log(path):
    report = Report()
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            add_entry(report, json.loads(line))
    return report


def read_text(path):
    """Output whose last line has the sums, with lines "NAME: skipped: REASON" above."""
    report = Report()
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    sums = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", text, re.M)
    if not sums:
        report.failures.append("no sums at the end of the output")
        return report
    passed, failed, skipped = map(int, sums[-1])
    report.passed = passed
    report.failures = ["see above"] * failed
    report.skips = re.findall(r"^\s*(\S+): skipped: (.*)$", text, re.M)
    report.skips += [("", "no reason given")] * (skipped - len(report.skips))
    return report


def read_tap(path):
    report = Report()
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    if re.search(r"^1\.\.\d+", text, re.M):
        add_tap(report, os.path.basename(path), text)
    else:
        report.failures.append("no plan in the output")
    return report


def read(options):
    if not os.path.exists(options.log):
        report = Report()
        report.failures.append(f"{options.log} is not there: no test ran")
        return report
    if options.tap:
        return read_tap(options.log)
    return read_text(options.log) if options.text else read_log(options.log)


def tell(report):
    for sentence in report.failures:
        print(f"failed: {sentence}")
    for what, reason in sorted(set(report.skips)):
        print(f"skipped: {what}: {reason}")
    print(report.line())


def write_tally(path, report):
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"{report.passed} {len(report.failures)} {len(report.skips)}\n")


def main():
    parser = argparse.ArgumentParser(description="Sum up what tests said.")
    parser.add_argument("log")
    parser.add_argument("--text", action="store_true", help="the log is plain output")
    parser.add_argument("--tap", action="store_true", help="the log is TAP")
    parser.add_argument("--strict", action="store_true", help="judge the skips by allowed-skips")
    parser.add_argument("--tally", metavar="FILE", help="append the three sums to it")
    options = parser.parse_args()
    report = read(options)
    if options.strict:
        report.judge_skips(read_allowed())
    tell(report)
    if options.tally:
        write_tally(options.tally, report)
    return 1 if report.failures or report.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
