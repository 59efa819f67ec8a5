"""What ties a child process to its supervisor: two pipes that it inherits.

On the one it says that it is ready. The other is never written to: when reading from it ends, the supervisor is gone,
by whatever death, and the child stops as if it had been told to. No child is ever left behind alone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from magflow.settings import SettingsError

LIFE: Final = "MAGFLOW_LIFE_FD"
READY: Final = "MAGFLOW_READY_FD"
LAST_CHANCE: Final = 40.0
LONGEST_NOTE: Final = 4096  # arrives in one piece


def in_words(main: Callable[[], None]) -> NoReturn:
    """Run a child's `main`; what can be said in one line is said in one line."""
    from magflow.web.areas import AreaBroken

    try:
        main()
    except (SettingsError, AreaBroken) as error:
        sys.stderr.write(f"magflow: {error}\n")
        sys.exit(1)
    sys.exit(0)


@dataclass
class Lifeline:
    """The child's ends of the two pipes."""

    life: int | None
    ready: int | None

    @classmethod
    def inherited(cls) -> Lifeline:
        """Take hold of the pipes, and stop when the supervisor is gone. Without a supervisor, nothing happens."""
        life, ready = (int(text) if (text := os.environ.pop(name, "")) else None for name in (LIFE, READY))
        line = cls(life, ready)
        if life is not None:
            os.set_inheritable(life, False)
            threading.Thread(target=line._watch, name="lifeline", daemon=True).start()
        return line

    def say_ready(self, note: str = "") -> None:
        """Tell the supervisor that this process does its work from now on, and one short thing more."""
        if self.ready is not None:
            os.write(self.ready, f"+{note}".encode()[:LONGEST_NOTE])
            os.close(self.ready)
            self.ready = None

    def _watch(self) -> None:
        assert self.life is not None  # noqa: S101 - the thread is only started with it
        while os.read(self.life, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(LAST_CHANCE)  # the orderly stop has its own, shorter limits; this is for when it hangs
        os._exit(1)
