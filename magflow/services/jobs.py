"""Work that follows a change, done by a worker: a job exists if, and only if, the transaction that wanted it committed.

An area names its tasks (`Area.tasks`); whoever changes something adds a job to the same transaction:

    REINDEX = Task("variants.reindex", reindex)

    def reindex(*, product_id: int) -> None: ...           # runs with an application context; safe to run twice

    jobs.enqueue(session, REINDEX.name, product_id=7)

A job may run twice: a worker that was killed cannot say how far it came, and its job is taken over within a minute.
The queue's tables belong to Procrastinate; `magflow.worker` runs it.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute
from magflow.domain.actors import SYSTEM, Actor
from magflow.settings import keep_once

DEFAULT_QUEUE: Final = "default"

PAUSES: Final = (10, 60, 300, 1800, 7200)
"""Seconds before each further attempt. After the last one the job stays, failed, for a person to look at."""


class Postponed(Exception):
    """Raised by a handler that was asked to stop in the middle: the job goes back and is no failure."""


@dataclass(frozen=True)
class Task:
    """A kind of job. `handler` gets the job's arguments by name."""

    name: str
    handler: Callable[..., None]
    cron: str | None = None
    """When it runs by itself, as `minute hour day month weekday`, with a sixth field for seconds."""
    pauses: tuple[int, ...] = PAUSES
    """Seconds before the second attempt, the third, ...; empty: one attempt only."""


ENQUEUE: Final = """
INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, scheduled_at)
VALUES (%(queue)s, %(task)s, %(lock)s, %(queueing_lock)s, %(args)s::jsonb, %(at)s)
ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
RETURNING id"""


def enqueue(
    session: Session,
    task_name: str,
    *,
    queueing_lock: str | None = None,
    lock: str | None = None,
    queue: str = DEFAULT_QUEUE,
    at: datetime | None = None,
    **args: Any,
) -> int | None:
    """Add a job to the caller's transaction; its arguments must be plain JSON.

    `queueing_lock`: no second job of this name waits at the same time; None is returned when one does already.
    `lock`: jobs of this name never run at the same time. `at`: not before this moment.
    """
    if lock and queueing_lock:
        # A killed job could not go back into the queue while another waits, and that one would wait for the killed one.
        raise ValueError("a job has a lock or a queueing lock, not both")
    found = execute(
        session,
        ENQUEUE,
        {
            "queue": queue,
            "task": task_name,
            "lock": lock,
            "queueing_lock": queueing_lock,
            "args": json.dumps(args, ensure_ascii=False),
            "at": at,
        },
    ).fetchone()
    return int(found[0]) if found else None


HASTEN: Final = """
UPDATE procrastinate_jobs SET scheduled_at = NULL
WHERE lock = %(lock)s AND status = 'todo' AND scheduled_at IS NOT NULL"""


def hasten(session: Session, lock: str) -> None:
    """Let the jobs of this lock run now: one that failed and waits for its next attempt holds up all behind it."""
    execute(session, HASTEN, {"lock": lock})


UNDER_WAY: Final = """
SELECT DISTINCT queueing_lock FROM procrastinate_jobs
WHERE status IN ('todo', 'doing') AND queueing_lock IS NOT NULL"""


def under_way(session: Session) -> set[str]:
    """The queueing locks of the jobs that wait or run: a queueing lock alone lets one wait while another runs."""
    return {row[0] for row in execute(session, UNDER_WAY)}


RUNNING: Final = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND queueing_lock = %(lock)s"


def running(session: Session, queueing_lock: str) -> int:
    """How many jobs of this queueing lock run at the moment."""
    row = execute(session, RUNNING, {"lock": queueing_lock}).fetchone()
    return int(row[0]) if row else 0


RETRY: Final = """
UPDATE procrastinate_jobs SET status = 'todo', scheduled_at = NULL WHERE id = %(id)s AND status = 'failed'
RETURNING id"""


def retry(session: Session, job_id: int) -> bool:
    """Let a failed job run again; False when it is not a failed one any more."""
    return execute(session, RETRY, {"id": job_id}).fetchone() is not None


def home_queue(home: Path) -> str:
    """The queue of jobs that read files of this home folder: only workers that share the folder take them."""
    return f"home-{keep_once(home / 'home_id', token_hex(8))}"


# --- inside a job ----------------------------------------------------------------------------------------------------

_actor: ContextVar[Actor] = ContextVar("job_actor", default=SYSTEM)
_stopping: Final = threading.Event()


def actor() -> Actor:
    """Who a running job works as; the system where no job runs."""
    return _actor.get()


@contextmanager
def acting(as_actor: Actor) -> Iterator[None]:
    """Name the actor of what runs inside; the worker does it for each job."""
    token = _actor.set(as_actor)
    try:
        yield
    finally:
        _actor.reset(token)


def ask_to_stop() -> None:
    """The worker is being stopped: long jobs should come to an end."""
    _stopping.set()


def pause_point() -> None:
    """For long jobs, between two steps that stand by themselves. Raises Postponed when the worker is being stopped."""
    if _stopping.is_set():
        raise Postponed
