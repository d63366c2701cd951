# SPDX-License-Identifier: MIT
"""
What a consumer in Python says to the driver, in the lines that bench_common.h tells of.
"""

import json
import re
import socket
import sys
import threading
import time


def tune(own, size):
    """The receive buffer that the kernel grants, as it counts it."""
    if size:
        own.setsockopt(socket.SOL_SOCKET, 33, size)
    return own.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def say(**words):
    print(json.dumps(words), flush=True)


def peak_kb():
    """ru_maxrss would be the driver's: it survives exec."""
    with open("/proc/self/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s*(\d+)", status.read()).group(1))


def serve(arguments, make):
    mode = arguments[1]
    options = {key: int(value) for key, value in (word.split("=") for word in arguments[2:])}
    consumer = make(options)
    receive_buffer, port_id = consumer.socket()
    say(ready=True, receive_buffer=receive_buffer, forced=False, port_ids=[port_id])
    for line in sys.stdin:
        cpu = time.process_time_ns()
        if line.startswith("go"):
            packets, fields, size = getattr(consumer, mode)(int(line.split()[1]))
        else:
            packets, fields, size = run_until_stopped(consumer)
        cpu = time.process_time_ns() - cpu
        say(packets=packets, fields=fields, bytes=size, cpu_ns=cpu, syscalls=0, errors=0, overruns=0,
            rss_kb=peak_kb())


def run_until_stopped(consumer):
    """As programs run: for ever. The thread ends with the program."""
    threading.Thread(target=consumer.run, daemon=True).start()
    sys.stdin.readline()
    return consumer.seen, consumer.fields, consumer.size
