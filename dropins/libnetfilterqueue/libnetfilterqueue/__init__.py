# SPDX-License-Identifier: MIT
"""
The programs written for python-libnetfilter-queue, on nfbind: the caller reads the
descriptor, in whatever loop, and handle_packet() calls the queue's callback.

    handle = libnetfilterqueue.open()
    queue = handle.create_queue(1, callback)
    queue.set_mode(libnetfilterqueue.NFQNL_COPY_PACKET, 0xffff)
    own = socket.fromfd(handle.fd(), socket.AF_NETLINK, socket.SOCK_RAW)
    while True:
        handle.handle_packet(own.recv(70000))

What differs from there is said in nfbind's doc/migration.md.

A verdict leaves when the callback returns, or with others: it waits only while the
descriptor has more to read, 0.2 ms at most, and a thread sends it when the caller does
not come back for more.
"""

import errno
import operator
import traceback
import warnings

import nfbind
from nfbind.late import LateSender

NF_DROP, NF_ACCEPT, NF_STOLEN, NF_QUEUE, NF_REPEAT, NF_STOP = range(6)
NFQNL_COPY_NONE, NFQNL_COPY_META, NFQNL_COPY_PACKET = range(3)
NFQA_CFG_F_FAIL_OPEN, NFQA_CFG_F_CONNTRACK, NFQA_CFG_F_GSO = 1, 2, 4
NFQA_CFG_F_UID_GID, NFQA_CFG_F_SECCTX = 8, 16

_FLAGS = {NFQA_CFG_F_FAIL_OPEN: "fail_open", NFQA_CFG_F_CONNTRACK: "conntrack",
          NFQA_CFG_F_GSO: "gso", NFQA_CFG_F_UID_GID: "uid_gid", NFQA_CFG_F_SECCTX: "secctx"}
_MOST = 65531  # bytes of a packet that the kernel copies
_SEND_DELAY = 200  # the most microseconds that a verdict waits while there is more to read


def open():  # pylint: disable=redefined-builtin
    """A handle for queues."""
    return NetfilterQueueHandle()


class NetfilterQueueHandle:
    """A socket that queues are bound on."""

    def __init__(self):
        self._session = nfbind.Queue(send_delay=_SEND_DELAY)
        self._queues = {}
        self._is_waiting = False
        self._late = LateSender(self._session)

    def bind_pf(self, family):
        """Nothing: queues belong to no protocol family since Linux 3.8."""
        operator.index(family)

    def unbind_pf(self, family):
        """Nothing, as bind_pf()."""
        operator.index(family)

    def create_queue(self, number, callback):
        """Bind a queue; its packets go to the callback once set_mode() was called."""
        if not callable(callback):
            raise TypeError("the callback cannot be called")
        self._session.bind(number, copy_mode=NFQNL_COPY_META, gso=False)
        queue = self._queues[number] = NetfilterQueueQueueHandle(self, number, callback)
        return queue

    def handle_packet(self, data):
        """
        Take what was read from the descriptor. An exception of the callback is printed, and
        makes this fail; its packet goes on waiting, as one without a verdict does.
        """
        session, failed = self._session, False
        for packet in session.feed(data).as_list(NetfilterQueueData):
            queue = self._queues.get(packet.queue)
            if queue is None:
                packet.verdict(NF_DROP)
            elif not queue.hand_out(packet):
                failed = True
        # Verdicts leave, or wait a moment for others.
        try:
            is_waiting = session.send_idle()
        except nfbind.Error as error:
            if error.errno != errno.EAGAIN:
                raise
            is_waiting = True
        if is_waiting != self._is_waiting:
            self._is_waiting = is_waiting
            if is_waiting:
                self._late.begin()
            else:
                self._late.end()
        if failed:
            raise OSError("the callback failed")

    def fd(self):
        """The descriptor to read from; it stays the handle's."""
        return self._session.get_fd()

    def close(self):
        """Close the handle and its queues; packets that wait are dropped."""
        self._session.close()
        self._queues.clear()

    def forget(self, number):
        """A queue of it was destroyed."""
        self._session.unbind(number)
        self._queues.pop(number, None)

    def change(self, number, **values):
        """Change options of one of its queues."""
        self._session.change(number, **values)


class NetfilterQueueQueueHandle:
    """A queue that was created."""

    def __init__(self, handle, number, callback):
        self._handle = handle
        self._number = number
        self._callback = callback
        self._undecided = []  # packets that wait as long as the queue is there
        self.mode = NFQNL_COPY_NONE

    def set_mode(self, mode, range):  # pylint: disable=redefined-builtin
        """What the kernel copies of a packet: NFQNL_COPY_*, and at most how many bytes."""
        if mode not in (NFQNL_COPY_NONE, NFQNL_COPY_META, NFQNL_COPY_PACKET):
            raise ValueError(f"{mode!r} is no copy mode")
        if operator.index(range) < 0:
            raise ValueError("the range is negative")
        self._handle.change(self._number, copy_mode=mode or NFQNL_COPY_META,
                            copy_range=min(range or _MOST, _MOST))
        self.mode = mode

    def set_flags(self, mask, flags):
        """Set the flags in the mask, NFQA_CFG_F_*, to those given."""
        unknown = mask & ~sum(_FLAGS)
        if mask < 0 or unknown:
            raise ValueError(f"unknown flags: {unknown:#x}")
        self._handle.change(self._number, **{name: bool(flags & bit)
                                             for bit, name in _FLAGS.items() if mask & bit})

    def set_maxlen(self, queuelen):
        """How many packets may wait in the kernel."""
        self._handle.change(self._number, maxlen=queuelen)

    def destroy(self):
        """Unbind the queue."""
        self._handle.forget(self._number)
        self._undecided.clear()

    def hand_out(self, data):
        """Call the callback and give its verdict: whether it returned."""
        if self.mode == NFQNL_COPY_NONE:
            data.verdict(NF_DROP)
            return True
        data._verdict = None
        try:
            self._callback(data)
        except Exception:  # pylint: disable=broad-exception-caught
            traceback.print_exc()
            self._undecided.append(data.keep())
            return False
        verdict = data._verdict
        if verdict is None or verdict == NF_STOLEN:
            self._undecided.append(data.keep())
        else:
            data.verdict(verdict)
        return True


def _refuse(self, *_, **__):
    raise TypeError("only a queue makes one")


def _field(name, sentence, absent=0):
    read = getattr(nfbind.Packet, name).__get__

    def get(self):
        value = read(self)
        return absent if value is None else value
    get.__doc__ = sentence
    get.__name__ = "get_" + name
    return get


class NetfilterQueueData(nfbind.Packet):
    """A packet in a callback."""

    __slots__ = ("_verdict",)

    __init__ = _refuse

    get_packet_hw = _field("hwaddr", "The sender's hardware address; empty: unknown.", b"")
    get_indev = _field("indev", "The index of the interface it came by; 0: unknown.")
    get_physindev = _field("physindev", "The port of a bridge it came by; 0: unknown.")
    get_outdev = _field("outdev", "The index of the interface it leaves by; 0: unknown.")
    get_physoutdev = _field("physoutdev", "The port of a bridge it leaves by; 0: unknown.")
    get_uid = _field("uid", "The user of the socket that sent it; None: unknown.", None)
    get_gid = _field("gid", "The group of the socket that sent it; None: unknown.", None)

    def get_nfmark(self):
        """The mark."""
        return self.mark or 0

    def get_timestamp(self):
        """When it was received, in seconds and microseconds; (0, 0): unknown."""
        seconds, nanoseconds = divmod(self.timestamp or 0, 1000000000)
        return seconds, nanoseconds // 1000

    def get_payload(self):
        """Its bytes from the IP header on, as many as were read."""
        payload = self.payload or b""
        if self.is_truncated():
            warnings.warn(f"only {len(payload)} bytes of the packet were read or copied",
                          RuntimeWarning, stacklevel=2)
        return payload

    def set_verdict(self, verdict, mark=None):
        """
        What becomes of it when the callback returns: NF_*. NF_STOLEN, which the kernel takes
        from no queue, lets it wait, as no verdict does.
        """
        if verdict & 0xff > NF_STOP:
            raise ValueError(f"{verdict!r} is no verdict")
        if mark is not None:
            if not 0 <= mark <= 0xffffffff:
                raise ValueError(f"{mark!r} is no mark of 32 bits")
            self.mark = mark
        self._verdict = verdict
