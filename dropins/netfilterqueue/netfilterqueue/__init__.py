# SPDX-License-Identifier: MIT
"""
The programs written for NetfilterQueue, on nfbind.

    from netfilterqueue import NetfilterQueue

    def print_and_accept(packet):
        print(packet)
        packet.accept()

    queue = NetfilterQueue()
    queue.bind(1, print_and_accept)
    queue.run()

Names, errors and warnings are NetfilterQueue 1.1's. What differs is said in nfbind's
doc/migration.md: packets are never cut at 4096 bytes, and a verdict that the kernel
does not take is an error of accept(), drop() or repeat().

Packets are received many at a time, and verdicts may leave together. None waits long for
that: a verdict leaves at once when no packet is left or nothing was sent for a while
(nfbind's option send-delay), and a thread sends those that wait while a callback does not
return.
"""

import errno
import operator
import os
import socket
import warnings

import nfbind
from nfbind.late import LateSender

from ._protocols import PROTOCOLS

__all__ = ["COPY_META", "COPY_NONE", "COPY_PACKET", "NetfilterQueue", "PROTOCOLS", "Packet",
           "VERSION"]

VERSION = (1, 1, 0)
COPY_NONE, COPY_META, COPY_PACKET = 0, 1, 2

_DROP, _ACCEPT, _REPEAT = (int(nfbind.Verdict[name]) for name in ("DROP", "ACCEPT", "REPEAT"))
_SO_RCVBUFFORCE = 33
_SEND_DELAY = 100     # the most microseconds that a verdict waits for others
_MOST = 65531         # bytes of a packet that the kernel copies
_ROOM = 4096          # beside the payload in a datagram from the kernel

_UNRETAINED = ("Payload data is no longer available. You must call retain() within the "
               "user_callback in order to copy the payload if you need to expect it after "
               "your callback has returned.")
_NO_PAYLOAD = "Packet has no payload -- perhaps you're using COPY_META mode?"

_REFUSALS = {errno.EALREADY: "Verdict already given for this packet",
             errno.ENODEV: "Parent queue has already been unbound"}


class _Binding:
    """What the packets of one bind() share."""

    def __init__(self):
        self.current = None      # the packet whose callback runs
        self.running = []        # those whose callbacks called run()
        self.is_over = False
        self.lost = ()           # ids of packets whose callbacks ran then
        self.has_marks = False   # some packet was given one
        # Packets of a type of their own know whose they are, at no cost for each of them.
        self.type = type("Packet", (Packet,), {"__slots__": (), "__module__": __name__,
                                               "__init__": _refuse, "_binding": self})

    def end(self):
        """The kernel drops what waits. No more packets are made: an id stays one packet's."""
        self.is_over = True
        self.lost = {id(packet) for packet in (*self.running, self.current)
                     if packet is not None and packet.is_undecided()}


def _refuse(self, *_, **__):
    raise TypeError("only a queue makes packets")


def _number(name, sentence):
    get = getattr(nfbind.Packet, name).__get__
    return property(lambda self: get(self) or 0, doc=sentence)


def _verb(name, verdict, sentence):
    def decide(self):
        try:
            self.verdict(verdict)
        except nfbind.Error as error:
            number = errno.ENODEV if id(self) in self._binding.lost else error.errno
            if number in _REFUSALS:
                raise RuntimeError(_REFUSALS[number]) from None
            raise
    decide.__name__, decide.__qualname__, decide.__doc__ = name, "Packet." + name, sentence
    return decide


class Packet(nfbind.Packet):
    """A packet that waits for a verdict."""

    # Each is there only when it was set: a packet is made without a look at them.
    __slots__ = ("_payload",  # what was retained, or set
                 "_before")   # the mark that it came with, when another was set

    __init__ = _refuse

    def __setattr__(self, name, value):
        if name not in Packet.__slots__:
            raise AttributeError(f"attribute '{name}' of a packet is not writable")
        super().__setattr__(name, value)

    indev = _number("indev", "The index of the interface that it came by; 0: none.")
    outdev = _number("outdev", "The index of the interface that it leaves by; 0: none.")
    physindev = _number("physindev", "The port of a bridge that it came by; 0: none.")
    physoutdev = _number("physoutdev", "The port of a bridge that it leaves by; 0: none.")

    accept = _verb("accept", _ACCEPT, "Let it go on.")
    drop = _verb("drop", _DROP, "Throw it away.")
    repeat = _verb("repeat", _REPEAT, "Let it begin with the hook's first rule again.")

    @property
    def mark(self):
        """The mark that it came with."""
        if self._binding.has_marks:
            try:
                return self._before
            except AttributeError:
                pass
        return _get_mark(self) or 0

    def get_mark(self):
        """The mark that was set, or that it came with."""
        return _get_mark(self) or 0

    def set_mark(self, mark):
        """Give it this mark, with the verdict."""
        mark = operator.index(mark)
        if not 0 <= mark <= 0xffffffff:
            raise OverflowError("value too large to convert to u_int32_t" if mark > 0 else
                                "can't convert negative value to u_int32_t")
        before = self.mark
        try:
            _set_mark(self, mark)
        except nfbind.Error as error:
            if error.errno != errno.EALREADY:
                raise
        else:
            self._before = before
            self._binding.has_marks = True

    def get_hw(self):
        """The sender's hardware address with the padding that the kernel sends; None: unknown."""
        address = self.hwaddr
        return None if address is None else address.ljust(8, b"\0")

    def get_timestamp(self):
        """When it was received, in seconds of Unix time; 0.0: unknown."""
        nanoseconds = self.timestamp
        return 0.0 if nanoseconds is None else nanoseconds // 1000 / 1e6

    def get_payload_len(self):
        """How many bytes of it there are."""
        return len(self._retained() or self.payload or b"")

    def get_payload(self):
        """The bytes of it, from the IP header on."""
        if self._binding.current is not self:
            payload = self._retained()
            if payload is not None:
                return payload
            if not self._is_in_callback():
                raise RuntimeError(_UNRETAINED)
        payload = self.payload
        if payload is None:
            raise RuntimeError(_NO_PAYLOAD)
        return payload

    def _retained(self):
        try:
            return self._payload
        except AttributeError:
            return None

    def _is_in_callback(self):
        binding = self._binding
        return binding.current is self or any(packet is self for packet in binding.running)

    def set_payload(self, payload):
        """Let it have these bytes, with the verdict; b"" and None leave it as it is."""
        if payload is not None and not isinstance(payload, bytes):
            raise TypeError("Argument 'payload' has incorrect type (expected bytes, got "
                            f"{type(payload).__name__})")
        if payload:
            try:
                _set_payload(self, payload)
                self._payload = payload
            except nfbind.Error as error:
                if error.errno != errno.EALREADY:
                    raise

    def retain(self):
        """Keep its bytes for later than the callback."""
        self._payload = self.get_payload()

    def _outlive(self):
        """What is undecided stays so when its batch ends."""
        if not self._binding.is_over:
            try:
                self.swap(self.keep())
            except nfbind.Error as error:
                if error.errno != errno.EALREADY:
                    raise

    def __str__(self):
        length = self.get_payload_len()
        if self._retained() is None and (self.payload is None or not self._is_in_callback()):
            return f"{length} byte packet, contents unretained"
        protocol = PROTOCOLS.get(self.ip_protocol, "Unknown protocol")
        return f"{protocol} packet, {length} bytes"


_get_mark, _set_mark = nfbind.Packet.mark.__get__, nfbind.Packet.mark.__set__
_set_payload = nfbind.Packet.payload.__set__


class NetfilterQueue:
    """One queue, and the callback for its packets."""

    COPY_NONE, COPY_META, COPY_PACKET = COPY_NONE, COPY_META, COPY_PACKET

    def __init__(self, *, af=socket.AF_INET, sockfd=-1):
        self._binding = None     # an object of its own for each bind
        self._number = self._callback = None
        self._packets = []       # that were received last
        self._waiting = iter(())  # those that no callback has seen
        self._range = 0
        self._is_watched = False  # somebody polls the descriptor
        self._queue = _open(af, sockfd)
        self._late = LateSender(self._queue)

    def bind(self, queue_num, user_callback, max_len=1024, mode=COPY_PACKET, range=65535,
             sock_len=None):
        """Bind the queue: its packets go to the callback, in run()."""
        if self._binding is not None:
            raise RuntimeError("A queue is already bound; use unbind() first")
        number = operator.index(queue_num) & 0xffff
        self._range = min(_unsigned(range) or _MOST, _MOST)
        try:
            self._queue.bind(number, maxlen=max(_unsigned(max_len), 1), gso=False,
                             copy_mode=mode or COPY_META, copy_range=self._range)
        except nfbind.Error as error:
            raise OSError(f"Failed to create queue {queue_num}.") from error
        self._binding, self._number = _Binding(), number
        # Where nothing is to be copied, nothing can be asked.
        self._callback = Packet.drop if mode == COPY_NONE else user_callback
        if sock_len is not None:
            self._set_buffer(sock_len)

    def unbind(self):
        """Remove the queue; the packets that wait are dropped."""
        if self._binding is None:
            return
        self._binding.end()
        self._binding = None
        self._queue.unbind(self._number)
        # Which ends the loop over them, too.
        self._packets.clear()

    def get_fd(self):
        """The descriptor, to poll; then call run(False)."""
        self._is_watched = True
        return self._queue.get_fd()

    def run(self, block=True):
        """Hand packets to the callback until it raises, or without block until there are none."""
        block = block and os.get_blocking(self._queue.get_fd())
        receive, timeout = self._queue.receive, None if block else 0
        outer = self._begin()
        try:
            while (binding := self._binding) is not None:
                try:
                    batch = receive(timeout)
                except nfbind.Error as error:
                    if error.errno in (errno.ESHUTDOWN, errno.ECANCELED):
                        return
                    raise
                if batch is None:
                    return
                if binding.is_over:
                    continue
                packets = batch.as_list(binding.type)
                if len(packets) > 1:
                    self._handle(packets, binding)
                    continue
                # The shortest way for one that comes alone: somebody waits for it.
                for one in packets:
                    binding.current = one
                    try:
                        self._callback(one)
                    finally:
                        binding.current = None
                        if one.is_undecided():
                            one._outlive()
        finally:
            _go_on(outer)

    # What tracebacks call it there.
    run.__code__ = run.__code__.replace(co_name="NetfilterQueue.run")

    def run_socket(self, s):
        """Hand packets to the callback that a socket of the descriptor receives."""
        outer = self._begin()
        try:
            while True:
                try:
                    data = s.recv(self._range + _ROOM)
                except OSError as error:
                    if error.errno == errno.ENOBUFS:
                        continue
                    if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK):
                        return
                    raise
                if not isinstance(data, bytes):
                    raise TypeError(f"expected bytes, {type(data).__name__} found")
                self._feed(data)
        finally:
            _go_on(outer)

    def _feed(self, data):
        try:
            batch = self._queue.feed(data)
        except nfbind.Error as error:
            if error.errno != errno.EBADMSG:
                raise
            return
        binding = self._binding
        if binding is not None:
            try:
                self._handle(batch.as_list(binding.type), binding)
            finally:
                _send(self._queue)

    def _begin(self):
        """
        Handle what an exception left. When a callback runs, which may call run() itself, its
        packet waits meanwhile, with those outside of it; to be taken back from the binding.
        """
        binding = self._binding
        if binding is None:
            return None
        outer = None
        if binding.current is not None:
            outer = binding
            outer.running.append(outer.current)
        try:
            rest = list(self._waiting)
            if rest:
                self._handle(rest, binding)
            for packet in binding.running:
                packet._outlive()
        except BaseException:
            _go_on(outer)
            raise
        return outer

    def _handle(self, packets, binding):
        """Each packet once, whatever its callback raises."""
        self._packets, self._waiting = packets, iter(packets)
        callback, raised = self._callback, None
        self._late.begin()
        try:
            for one in self._waiting:
                binding.current = one
                try:
                    callback(one)
                except Exception as error:
                    # The descriptor does not say that others wait: whoever polls it would not come.
                    if not self._is_watched:
                        raise
                    raised = raised or error
                finally:
                    if one.is_undecided():
                        one._outlive()
            if raised:
                raise raised
        finally:
            # And no packet is held: it holds the session.
            binding.current = None
            self._late.end()

    def _set_buffer(self, size):
        with socket.socket(fileno=os.dup(self._queue.get_fd())) as own:
            try:
                own.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
            except PermissionError:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
            limit = own.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        if limit < size:
            warnings.warn(f"Socket rcvbuf limit is now {limit}, requested {size}.",
                          RuntimeWarning, stacklevel=3)


def _go_on(outer):
    """With the callback that called run(), where one did."""
    if outer is not None:
        outer.current = outer.running.pop()


def _send(queue):
    """What the kernel does not take just now goes with what follows."""
    try:
        queue.send()
    except nfbind.Error as error:
        if error.errno != errno.EAGAIN:
            raise


def _unsigned(value):
    if value < 0:
        raise OverflowError("can't convert negative value to u_int32_t")
    return value


def _open(af, sockfd):
    if sockfd >= 0:
        try:
            os.fstat(sockfd)
            return nfbind.Queue(socket_fd=sockfd, send_delay=_SEND_DELAY)
        except OSError as error:
            raise OSError(error.errno, "dup2 failed") from error
    try:
        nfbind.probe()
    except nfbind.Error as error:
        if error.errno == errno.EPERM:
            raise OSError(f"Failed to bind family {int(af)}. Are you root?") from error
        raise OSError("Failed to open NFQueue.") from error
    return nfbind.Queue(send_delay=_SEND_DELAY)
