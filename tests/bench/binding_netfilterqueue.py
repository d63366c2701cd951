# SPDX-License-Identifier: MIT
"""The peer: NetfilterQueue, as its description says to use it."""

import os
import socket
import sys

import netfilterqueue
from binding_common import serve, tune


class Consumer:
    def __init__(self, options):
        self.peer = netfilterqueue.NetfilterQueue()
        self.peer.bind(options["queue"], self.see, max_len=options["max_length"],
                       sock_len=options["receive_buffer"])
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


if __name__ == "__main__":
    serve(sys.argv, Consumer)
