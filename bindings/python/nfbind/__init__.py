# SPDX-License-Identifier: MIT
"""
nfbind for Python: packets from NFQUEUE and verdicts back, connections, expectations,
events, and helpers of connection tracking.

    with nfbind.Queue(5, fail_open=True) as queue:
        for packet in queue:
            packet.accept()

The types and their methods are generated from the C headers; this file adds what
is Python's own: keyword options, iteration, asyncio, `with`, and enums. Fields are
attributes (`packet.mark`) and items (`packet["ip-src"]`); an absent one is None.
Where an object with fields is wanted, a dictionary of them will do.
"""

import asyncio
import contextlib
import errno
import keyword

from . import _nfbind
from ._nfbind import *
from .enums import *

__version__ = version()

# What a wait ends with when somebody closes the session, or wakes it.
_ENDS = (errno.ESHUTDOWN, errno.ECANCELED)
_CONNECTION = EventKind.CT_NEW | EventKind.CT_UPDATE | EventKind.CT_DESTROY
_EXPECTATION = EventKind.EXP_NEW | EventKind.EXP_DESTROY
# Plain numbers: an enum's members take as long to find and join as a verdict takes.
_ACCEPT, _DROP, _REPEAT = int(Verdict.ACCEPT), int(Verdict.DROP), int(Verdict.REPEAT)
# Waits in event loops, by the id of their session: (loop, future, descriptor).
_waits = {}


def _add_to(*kinds):
    """
    What a class below has is added to generated types, so that an object is the same
    whoever made it. A method that it replaces there stays, with _ before its name.
    """
    def add(source):
        for kind in kinds:
            for one in reversed(source.__mro__[:-1]):
                for name, value in vars(one).items():
                    if name in ("__module__", "__dict__", "__weakref__", "__doc__"):
                        continue
                    if name in vars(kind) and not name.startswith("_"):
                        setattr(kind, "_" + name, vars(kind)[name])
                    setattr(kind, name, value)
        return source
    return add


class _Fields:
    """Fields as keywords, and as a mapping: dict(ct)."""

    def __init__(self, fields=(), /, **values):
        for name, value in {**dict(fields), **values}.items():
            try:
                self[name] = value
            except KeyError:
                raise TypeError(f"there is no field or option {name!r}") from None

    def keys(self):
        """The names of the fields that are present."""
        fields = self.fields()
        return [fields.get_name(n) for n in range(fields.count()) if self[n] is not None]

    def __iter__(self):
        return iter(self.keys())

    def __contains__(self, name):
        return self[name] is not None


class _Session:
    """It is open when it is made, by options of any name, and closed behind a `with`."""

    def __init__(self, **options):
        self.open(options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class _Waiting(_Session):
    """A session with a descriptor that something is waited for at."""

    def wake(self):
        self._wake()
        self._end_waits()

    def close(self):
        # A wait that began meanwhile would last: nothing comes at a closed descriptor.
        self._end_waits()
        self._close()
        self._end_waits()

    def _rounds(self):
        while True:
            try:
                got = self.receive()
            except Error as error:
                if error.errno in _ENDS:
                    return
                raise
            if got is not None:
                yield got

    async def _async_rounds(self):
        while True:
            try:
                got = self.receive(0)
                if got is None:
                    got = await self._readable()
            except Error as error:
                if error.errno in _ENDS:
                    return
                raise
            if got is not None:
                yield got

    async def _readable(self):
        """Waits. What came since the last look is returned: another thread does not wait for us."""
        loop = asyncio.get_running_loop()
        wait = loop, loop.create_future(), self.get_fd()
        deadline = self.get_deadline()
        _waits.setdefault(id(self), set()).add(wait)
        try:
            # A descriptor that was closed meanwhile is refused; what comes next says why.
            with contextlib.suppress(OSError):
                loop.add_reader(wait[2], _end_wait, *wait)
            got = self.receive(0)
            if got is not None:
                return got
            await asyncio.wait([wait[1]], timeout=None if deadline is None else deadline / 1000)
        finally:
            _end_wait(*wait)
            _waits[id(self)].discard(wait)
            if not _waits[id(self)]:
                del _waits[id(self)]

    def _end_waits(self):
        for loop, future, descriptor in tuple(_waits.get(id(self), ())):
            if loop is asyncio._get_running_loop():
                _end_wait(loop, future, descriptor)
            else:
                # A loop that has ended meanwhile waits for nothing.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(_end_wait, loop, future, descriptor)


def _end_wait(loop, future, descriptor):
    if not future.done():
        loop.remove_reader(descriptor)
        future.set_result(None)


@_add_to(Queue)
class _Queue(_Waiting):
    def __init__(self, *numbers, **values):
        """A session with the given queues bound, and options for both."""
        self.open(values)
        try:
            for number in numbers:
                self.bind(number, **values)
        except BaseException:
            self.close()
            raise

    def bind(self, number, **values):
        self._bind(number, values)

    def change(self, number, **values):
        self._change(number, values)

    def notices(self):
        """What happened beside the packets since the last time."""
        while (notice := self.take_notice()) is not None:
            yield notice

    def batches(self):
        """Batches until the queue is closed or woken."""
        return filter(len, self._rounds())

    def __iter__(self):
        for batch in self._rounds():
            yield from batch

    async def async_batches(self):
        """As batches(), in an asyncio loop."""
        async for batch in self._async_rounds():
            if batch:
                yield batch

    async def __aiter__(self):
        async for batch in self._async_rounds():
            for packet in batch:
                yield packet


@_add_to(Events)
class _Events(_Waiting):
    def __init__(self, *filters, **options):
        """A session for what one of the filters lets through: all events where none is given."""
        for one in filters:
            self.add_filter(one)
        self.open(options)

    def taken(self):
        """What was received: (event, its connection or expectation or None)."""
        while (item := self.next()) is not None:
            event, ct, exp = item
            yield event, ct if event.kind & _CONNECTION else exp if event.kind & _EXPECTATION else None

    def __iter__(self):
        for _ in self._rounds():
            yield from self.taken()

    async def __aiter__(self):
        async for _ in self._async_rounds():
            for item in self.taken():
                yield item


@_add_to(Helper)
class _Helper(_Session):
    def __init__(self, record, **options):
        """Run the helper that the record describes; its packets come from `queue`."""
        self.open(record, options)

    queue = property(Helper.get_queue, doc="The queue session that its packets come from.")


@_add_to(Conntrack)
class _Conntrack(_Session):
    def connections(self, filter=None, kind=ListKind.TABLE, flags=0):
        """The connections that a filter lets through."""
        return _entries(self.list_ct(filter, kind, flags).next_ct)

    def expectations(self, master=None):
        """All expectations, or those of one master."""
        return _entries(self.list_exp(master).next_exp)

    def helpers(self):
        """The records of all helpers in user space."""
        return _entries(self.list_cthelper().next_cthelper)


def _entries(get_next):
    while (entry := get_next()) is not None:
        yield entry


@_add_to(Bulk)
class _Bulk:
    def __init__(self):
        pass

    def failures(self):
        """What was not done: (index, errno, sentence)."""
        index = 0
        while (index := self.find_failure(index)) is not None:
            yield index, -self.get_result(index), self.get_message(index)
            index += 1

    def __len__(self):
        return self.count()


@_add_to(Labels)
class _Labels:
    def __init__(self):
        pass


_add_to(Injector)(_Session)
_add_to(Options, Ct, Exp, Filter, Cthelper)(_Fields)


@_add_to(Packet)
class _Packet:
    keys = _Fields.keys
    __iter__ = _Fields.__iter__
    __contains__ = _Fields.__contains__

    def accept(self, flags=0):
        """Let the packet go on."""
        self.verdict(_ACCEPT | flags)

    def drop(self, flags=0):
        """Throw the packet away."""
        self.verdict(_DROP | flags)

    def repeat(self, flags=0):
        """Send it through the hook again."""
        self.verdict(_REPEAT | flags)

    def to_queue(self, number, bypass=False):
        """Hand it to another queue."""
        self.verdict(verdict_to_queue(number, bypass))

    def __str__(self):
        return self.print(PacketFormat.LINE)


@_add_to(Ct, Exp, Cthelper)
class _Comparable:
    def __eq__(self, other):
        return self.equal(other) if type(self) is type(other) else NotImplemented


@_add_to(Filter, Cthelper)
class _Printed:
    def __str__(self):
        return self.print()


@_add_to(Ct, Exp)
class _Formatted:
    def __str__(self):
        return self.print(Format.FIELDS)


@_add_to(Packet, Ct, Exp, Filter, Cthelper)
class _Shown:
    def __repr__(self):
        try:
            return f"<nfbind.{type(self).__name__} {self}>"
        except Error as error:
            return f"<nfbind.{type(self).__name__}: {error.strerror}>"


# A field whose name is a word of the language: exp.class_
for _kind in (Options, Packet, Ct, Exp, Filter, Cthelper):
    for _name in filter(keyword.iskeyword, list(vars(_kind))):
        setattr(_kind, _name + "_", vars(_kind)[_name])
