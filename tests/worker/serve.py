"""A real worker process with tasks for the tests: `python -m tests.worker.serve FOLDER`.

The folder is how test and handlers talk: a handler leaves a file where it stands, and waits for one to go on.
"""

import sys
import time
from pathlib import Path

from sqlalchemy.orm import Session

from magflow import worker
from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import Invalid
from magflow.services import jobs
from magflow.services.jobs import Task
from magflow.settings import Settings
from magflow.web.areas import Area

FOLDER = Path(sys.argv[1])


@transactional
def count(session: Session, key: str, *, actor: Actor) -> None:
    """An effect that is safe to repeat: one row per key, however often."""
    execute(
        session,
        "INSERT INTO settings (key, value) VALUES (%(key)s, to_jsonb(%(who)s::text)) ON CONFLICT DO NOTHING",
        {"key": key, "who": actor.request_id},
    )


def effect(*, key: str) -> None:
    """Counts, and says so."""
    count(key, actor=jobs.actor())
    (FOLDER / f"{key}.done").touch()


def dies_once(*, key: str) -> None:
    """The first time it stands still in the middle, for the test to kill it; the next time it goes through."""
    started = FOLDER / f"{key}.started"
    if not started.exists():
        started.write_text(jobs.actor().request_id or "")
        time.sleep(600)
    effect(key=key)


def slow(*, key: str) -> None:
    """Goes on when it is let."""
    (FOLDER / f"{key}.started").touch()
    while not (FOLDER / f"{key}.go").exists():
        time.sleep(0.02)
    effect(key=key)


def long(*, key: str) -> None:
    """Works in steps, for ever; stops between two of them when it is asked to."""
    (FOLDER / f"{key}.started").touch()
    while True:
        jobs.pause_point()
        time.sleep(0.02)


def fails() -> None:
    """Always."""
    raise RuntimeError("no route to postgresql://magflow:hunter2hunter2@db.example/shop")


def refused() -> None:
    """For good."""
    raise Invalid(message="nothing will make this right")


def told(_session: Session, kind: str, payload: object) -> None:
    """A subscriber."""
    with (FOLDER / "told").open("a") as file:
        file.write(f"{kind} {payload}\n")


if __name__ == "__main__":
    tasks = [
        Task("test.effect", effect),
        Task("test.dies_once", dies_once),
        Task("test.slow", slow),
        Task("test.long", long),
        Task("test.fails", fails, pauses=(60, 600)),
        Task("test.refused", refused),
    ]
    worker.main(Settings.from_environment(), areas=[Area("test", tasks=tasks, subscribers={"test.news": told})])
