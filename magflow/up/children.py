"""The supervisor's children: started, restarted with growing pauses when they die, and ended in good order."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from magflow.up.lifeline import LIFE, LONGEST_NOTE, READY

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
SETTLED_SECONDS: Final = 60.0


@dataclass
class Child:
    """One child process by its module: `magflow.up.web`, `magflow.up.job_worker`."""

    name: str
    module: str
    environment: Mapping[str, str]
    life: int
    inherited: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    ready: bool = False
    note: str = ""
    """What it said when it became ready."""
    failures: int = 0
    started_at: float = 0.0
    start_at: float = 0.0
    _ready_pipe: int = field(default=-1, repr=False)

    def start(self) -> None:
        """Start it. It is in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        self._close_pipe()
        reading, writing = os.pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module],
                env={**self.environment, LIFE: str(self.life), READY: str(writing)},
                pass_fds=[self.life, writing, *self.inherited],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._ready_pipe, self.ready, self.started_at = reading, False, time.monotonic()

    def watch(self, now: float) -> str | None:
        """Look after it: notice that it is ready, or dead; start it again when its pause is over.

        Returns a sentence when there is something to say.
        """
        if self.process is None:
            if now >= self.start_at:
                self.start()
            return None
        self._hear()
        code = self.process.poll()
        if code is None:
            return None
        self.failures = 1 if now - self.started_at > SETTLED_SECONDS else self.failures + 1
        pause = min(FIRST_PAUSE * 2 ** (self.failures - 1), LONGEST_PAUSE)
        self.process, self.start_at = None, now + pause
        ended = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        return f"{self.name} {ended}; it starts again in {pause:g} s"

    def tell(self, what: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(what)

    def await_end(self, patience: float) -> bool:
        """Wait for its end; False when it did not come in time."""
        if self.process is None:
            return True
        try:
            self.process.wait(max(patience, 0))
        except subprocess.TimeoutExpired:
            return False
        self.process = None
        self._close_pipe()
        return True

    def _hear(self) -> None:
        if self._ready_pipe >= 0 and select.select([self._ready_pipe], [], [], 0)[0]:
            said = os.read(self._ready_pipe, LONGEST_NOTE)
            self.ready = self.ready or bool(said)
            self.note = said[1:].decode("utf-8", "replace")
            self._close_pipe()

    def _close_pipe(self) -> None:
        if self._ready_pipe >= 0:
            os.close(self._ready_pipe)
            self._ready_pipe = -1


def stop_all(children: Sequence[Child], *, patience: float, hurried: Callable[[], bool]) -> None:
    """End these children together: asked first, and made to when they do not within `patience` seconds.

    `hurried` tells that the person at the keyboard has asked a second time.
    """
    for child in children:
        child.tell(signal.SIGTERM)
    deadline = time.monotonic() + patience
    waiting = list(children)
    while waiting and time.monotonic() < deadline and not hurried():
        waiting = [child for child in waiting if not child.await_end(0.05)]
    for child in waiting:
        child.tell(signal.SIGKILL)
    for child in waiting:
        child.await_end(10)
