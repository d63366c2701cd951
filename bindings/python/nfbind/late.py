# SPDX-License-Identifier: MIT
"""
A thread that sends verdicts which wait, while code of other people runs.

    queue = nfbind.Queue(1, send_delay=100)
    late = LateSender(queue)
    while True:
        batch = queue.receive()
        late.begin()
        for packet in batch:
            judge(packet)  # which may sleep between two verdicts
        late.end()

With the option send-delay a verdict waits for the next one, or for the end of its batch;
should neither come for a while, it leaves from here.
"""

import contextlib
import threading
import time
import weakref

from . import Error, Queue

__all__ = ["LateSender"]

_TICK = 2e-3  # seconds between two looks; whatever is there for longer than one is sent
_TICKS = 8    # without anything new, and the thread sleeps until there is


class LateSender:
    """Sends what a queue has staged when it stays between begin() and end() for long."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._round = 0
        self._is_inside = False
        self._awake: threading.Event | None = None

    def begin(self) -> None:
        """Code runs that may not come back soon."""
        self._round += 1
        self._is_inside = True
        if self._awake is None:
            self._start()
        elif not self._awake.is_set():
            self._awake.set()

    def end(self) -> None:
        """It came back."""
        self._is_inside = False

    def _start(self) -> None:
        self._awake = awake = threading.Event()
        awake.set()
        # The thread ends with its owner, which it does not hold.
        owner = weakref.ref(self, lambda _: awake.set())
        threading.Thread(target=_look, args=(owner, awake), daemon=True, name="nfbind late").start()

    def _send(self, seen: int) -> bool:
        """Send where nothing has changed since the last look: whether that is so."""
        if self._round != seen:
            return False
        if self._is_inside:
            # What the kernel does not take stays staged, and the next receive tells why.
            with contextlib.suppress(Error):
                self._queue.send()
        return True

    def _doze(self, awake: threading.Event) -> None:
        seen = self._round
        awake.clear()
        # begin() may have looked before.
        if self._round != seen:
            awake.set()


def _look(owner: weakref.ref[LateSender], awake: threading.Event) -> None:
    seen = still = 0
    while awake.wait():
        time.sleep(_TICK)
        sender = owner()
        if sender is None:
            return
        still = still + 1 if sender._send(seen) else 0
        seen = sender._round
        if still > _TICKS:
            sender._doze(awake)
        del sender
