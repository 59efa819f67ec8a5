"""The worker process of `magflow up`: what `magflow worker` runs, tied to the supervisor."""

from __future__ import annotations

from magflow.settings import Settings
from magflow.up.lifeline import Lifeline, in_words


def main() -> None:
    """Run by the supervisor, which passes the settings in the environment."""
    line = Lifeline.inherited()
    settings = Settings.from_environment()

    from magflow.worker import main as work

    line.say_ready()
    work(settings)


if __name__ == "__main__":
    in_words(main)
