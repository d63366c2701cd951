# SPDX-License-Identifier: MIT
"""NetfilterQueue as its description says to use it: the peer, or the module of that name on nfbind."""

import os
import socket
import sys

import netfilterqueue
from binding_common import serve, tune


class Consumer:
    def __init__(self, options):
        self.seen = self.fields = self.size = 0
        self.peer = netfilterqueue.NetfilterQueue()
        given = {"max_len": options.get("max_length"), "sock_len": options.get("receive_buffer")}
        self.peer.bind(options["queue"], self.see, **{name: value for name, value in given.items() if value})
        self.own = socket.socket(fileno=os.dup(self.peer.get_fd()))
        self.own.setblocking(True)

    def socket(self):
        return tune(self.own, None), self.own.getsockname()[0]

    def see(self, packet):
        self.fields += packet.id + packet.hw_protocol + packet.hook + packet.get_mark()
        self.size += len(packet.get_payload())
        packet.accept()
        self.seen += 1

    def loop(self, count):
        self.seen = self.fields = self.size = 0
        while self.seen < count:
            self.peer.run(block=False)
        return self.seen, self.fields, self.size

    def run(self):
        self.peer.run()


if __name__ == "__main__":
    serve(sys.argv, Consumer)
