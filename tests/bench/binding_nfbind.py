# SPDX-License-Identifier: MIT
"""nfbind in Python, as anybody would write it."""

import sys

import nfbind
from binding_common import serve


class Consumer:
    def __init__(self, options):
        self.queue = nfbind.Queue(options["queue"], receive_buffer=options["receive_buffer"],
                                  maxlen=options["max_length"], gso=0)
        self.number = options["queue"]

    def socket(self):
        stats = self.queue.read_stats(self.number)
        return stats.receive_buffer, stats.port_id

    def loop(self, count):
        seen = fields = size = 0
        for batch in self.queue.batches():
            for packet in batch:
                fields += packet.id + packet.hw_protocol + packet.hook + (packet.mark or 0)
                size += len(packet.payload)
                packet.accept()
            seen += len(batch)
            if seen >= count:
                self.queue.settle()
                return seen, fields, size


if __name__ == "__main__":
    serve(sys.argv, Consumer)
