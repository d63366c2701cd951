# SPDX-License-Identifier: MIT
"""What the scenarios in Python share."""

import nfbind


def say(*words):
    print(*words, flush=True)


def refused(what, call, *arguments):
    """Say what an operation came to: done, or the name of the error."""
    try:
        call(*arguments)
        say(what + ":", "done")
    except nfbind.Error as error:
        say(what + ":", nfbind.error_name(error.errno))


def show_expectations(conntrack):
    for entry in conntrack.expectations():
        say("expected:", entry.expected_src, ">", f"{entry.expected_dst}:{entry.expected_port_dst}",
            "master", f"{entry.master_src}:{entry.master_port_src}", "helper", entry.helper_name)
