# SPDX-License-Identifier: MIT
"""
nfbind for Python: packets from NFQUEUE, and verdicts back.

    with nfbind.Queue(5, fail_open=True) as queue:
        for packet in queue:
            packet.accept()

The types and their methods are generated from the C headers; this file adds what
is Python's own: keyword options, iteration, asyncio, `with`, and enums. Fields are
attributes (`packet.mark`) and items (`packet["ip-src"]`); an absent one is None.
"""

import asyncio
import errno
import keyword
import math

from . import _nfbind
from ._nfbind import *
from .enums import *

__version__ = version()


def _milliseconds(seconds):
    return -1 if seconds is None else min(math.ceil(seconds * 1000), 0x7fffffff)


class _Open:
    """What all sessions share here: they are open when they are made, by options of any name."""

    def __new__(cls, *_, **__):
        return super().__new__(cls)

    def __init__(self, **options):
        self.open(options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Conntrack(_Open, _nfbind.Conntrack):
    """A request session."""

    def connections(self, filter=None, kind=ListKind.TABLE, flags=0):
        """The connections that a filter (or a dictionary of its fields) lets through."""
        return iter(self.list_ct(filter, kind, flags).next_ct, None)

    def expectations(self, master=None):
        return iter(self.list_exp(master).next_exp, None)


class Injector(_Open, _nfbind.Injector):
    """A raw socket that takes whole packets."""


class Queue(_Open, _nfbind.Queue):
    """A session with the given queues bound, and options for both."""

    def __init__(self, *numbers, **values):
        super().__init__(**values)
        try:
            for number in numbers:
                super().bind(number, values)
        except BaseException:
            self.close()
            raise

    def bind(self, number, **values):
        super().bind(number, values)

    def change(self, number, **values):
        super().change(number, values)

    def receive(self, timeout=None):
        """The next batch, or None when nothing comes within `timeout` seconds."""
        return super().receive(_milliseconds(timeout))

    def notices(self):
        """What happened beside the packets since the last time."""
        while (notice := self.take_notice()) is not None:
            yield notice

    def batches(self):
        """Batches until the queue is closed or woken."""
        while True:
            try:
                batch = self.receive()
            except Error as error:
                if error.errno in (errno.ESHUTDOWN, errno.ECANCELED):
                    return
                raise
            if batch:
                yield batch

    def __iter__(self):
        for batch in self.batches():
            yield from batch

    async def _readable(self):
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        descriptor = self.get_fd()
        deadline = self.get_deadline()
        loop.add_reader(descriptor, lambda: future.done() or future.set_result(None))
        try:
            await asyncio.wait([future], timeout=None if deadline is None else deadline / 1000)
        finally:
            loop.remove_reader(descriptor)

    async def async_batches(self):
        """As batches(), in an asyncio loop."""
        while True:
            try:
                batch = self.receive(0)
                if batch is None:
                    await self._readable()
            except Error as error:
                if error.errno in (errno.ESHUTDOWN, errno.ECANCELED):
                    return
                raise
            if batch:
                yield batch

    async def __aiter__(self):
        async for batch in self.async_batches():
            for packet in batch:
                yield packet


def _decision(value, sentence):
    def decide(self, flags=0):
        self.verdict(value | flags)
    decide.__doc__ = sentence
    return decide


def _extend():
    """What the generated types get beside their methods."""
    Packet.accept = _decision(int(Verdict.ACCEPT), "Let the packet go on.")
    Packet.drop = _decision(int(Verdict.DROP), "Throw the packet away.")
    Packet.repeat = _decision(int(Verdict.REPEAT), "Send it through the hook again.")
    Packet.to_queue = lambda self, number, bypass=False: self.verdict(
        verdict_to_queue(number, bypass))
    Packet.__str__ = lambda self: self.print(PacketFormat.LINE)
    Ct.__str__ = lambda self: self.print(Format.FIELDS, 0)
    Exp.__str__ = lambda self: self.print(Format.FIELDS)
    Filter.__str__ = Filter.print
    Cthelper.__str__ = Cthelper.print
    for kind in (Ct, Exp, Cthelper):
        kind.__eq__ = lambda self, other: (self.equal(other) if type(self) is type(other)
                                           else NotImplemented)
        kind.__hash__ = None
    # A field whose name is a word of the language: exp.class_
    for kind in (Options, Packet, Ct, Exp, Filter, Cthelper):
        for name in list(vars(kind)):
            if keyword.iskeyword(name):
                setattr(kind, name + "_", vars(kind)[name])


_extend()
