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
    except (OSError, ValueError) as error:
        _go_without(f"{error}; begin anew with: magflow demo reset")
        return
    line.say_ready()
    try:
        serve(world, place, file, lambda _line: None)
    except OSError as error:
        _go_without(
            f"its ports {place.port} and {place.control_port} cannot be used ({error.strerror}); stop what uses them "
            "and start again, or begin anew on others: magflow demo reset --port PORT"
        )


def _go_without(why: str) -> None:
    """The shop runs without it; an account that nobody answers says so on its own page."""
    sys.stderr.write(f"magflow: the demo's marketplace does not run: {why}\n")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()


if __name__ == "__main__":
    in_words(main)
