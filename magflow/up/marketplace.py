"""The simulated marketplace beside a demonstration shop: what `magflow simulator` runs, tied to the supervisor."""

from __future__ import annotations

import signal
import sys
import threading

from magflow.settings import Settings
from magflow.up.lifeline import Lifeline, in_words


def main() -> None:
    """Run by the supervisor where the home folder holds a demonstration."""
    line = Lifeline.inherited()
    settings = Settings.from_environment()

    from magflow.simulator import keeping
    from magflow.simulator.process import serve

    file = settings.home / keeping.NAME
    try:
        world, place = keeping.read(file)
        line.say_ready()
        serve(world, place, file, lambda _line: None)
    except (OSError, ValueError) as error:
        # The shop runs without it; an account that nobody answers says so on its own page.
        sys.stderr.write(f"magflow: the demo's marketplace does not run: {error}\n")
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        ended.wait()


if __name__ == "__main__":
    in_words(main)
