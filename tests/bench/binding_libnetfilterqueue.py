# SPDX-License-Identifier: MIT
"""libnetfilterqueue as its description says to use it: the caller reads, the module parses."""

import socket
import sys

import libnetfilterqueue
from binding_common import serve, tune


class Consumer:
    def __init__(self, options):
        self.seen = self.fields = self.size = 0
        self.handle = libnetfilterqueue.open()
        queue = self.handle.create_queue(options["queue"], self.see)
        queue.set_mode(libnetfilterqueue.NFQNL_COPY_PACKET, 0xffff)
        if options.get("max_length"):
            queue.set_maxlen(options["max_length"])
        self.own = socket.fromfd(self.handle.fd(), socket.AF_NETLINK, socket.SOCK_RAW)
        self.own.setblocking(True)
        self.buffer = options.get("receive_buffer")

    def socket(self):
        return tune(self.own, self.buffer), self.own.getsockname()[0]

    def see(self, data):
        # It tells neither id nor hook nor protocol.
        self.fields += data.get_nfmark()
        self.size += len(data.get_payload())
        data.set_verdict(libnetfilterqueue.NF_ACCEPT)
        self.seen += 1

    def loop(self, count):
        self.seen = self.fields = self.size = 0
        while self.seen < count:
            self.handle.handle_packet(self.own.recv(4096))
        return self.seen, self.fields, self.size

    def run(self):
        while True:
            self.handle.handle_packet(self.own.recv(4096))


if __name__ == "__main__":
    serve(sys.argv, Consumer)
