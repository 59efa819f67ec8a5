"""The background worker: runs the jobs of all areas, and what has to be done again and again.

The queue is Procrastinate's, in the shop's own database. A worker says every few seconds that it lives; the jobs of one
that has been silent are given back by whichever worker notices first, so a killed process costs its job half a minute.
The server may go away at any time: the worker waits for it and goes on.
"""

import asyncio
import contextlib
import inspect
import logging
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg_pool
import structlog
from flask import Flask
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from procrastinate.worker import Worker

from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import Refused, RetryLater
from magflow.services import credentials, dispatch, jobs, subscriptions, upkeep
from magflow.services.imports import feeds
from magflow.services.jobs import Postponed, Task
from magflow.services.notifications import setup as notifications
from magflow.settings import Settings
from magflow.web import database, locale, logs
from magflow.web.areas import Area, load_areas

log = structlog.get_logger(__name__)

CONCURRENCY: Final = 4
"""Jobs at once. Most of them wait for a marketplace, so this is not a matter of processors."""

HEARTBEAT_SECONDS: Final = 2.0
SILENT_SECONDS: Final = 10.0
"""A worker that was not heard of for so long is taken for dead. Five heartbeats: a late one is no death."""
RESCUE: Final = "magflow.rescue_jobs"
RESCUE_CRON: Final = "* * * * * */5"

POLL_SECONDS: Final = 1.0
"""The fallback: a new job is announced by NOTIFY, which a busy server may be late with."""
STOP_SECONDS: Final = 25.0
"""What running jobs get to come to an end; then the process ends, and another worker takes them over."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0
"""Seconds before the database is tried again."""


def main(settings: Settings, concurrency: int = CONCURRENCY, *, areas: Sequence[Area] | None = None) -> None:
    """Work until SIGTERM or Ctrl-C. `areas`: instead of all installed ones, for tests."""
    logs.configure(settings)
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    found = list(load_areas()) if areas is None else list(areas)
    settings = replace(settings, threads=max(settings.threads, concurrency + 1))
    flask = _application(settings)
    tasks = [*core_tasks(found), *(task for area in found for task in area.tasks)]
    asyncio.run(_work(settings, flask, tasks, concurrency))
    log.info("worker stopped")


def core_tasks(areas: Sequence[Area]) -> list[Task]:
    """What has to be done whatever areas there are."""
    subscribers: dict[str, list[dispatch.Subscriber]] = {}
    for area in areas:
        for kind, subscriber in area.subscribers.items():
            subscribers.setdefault(kind, []).append(subscriber)

    def hand_out() -> None:
        while dispatch.hand_out(subscribers, actor=jobs.actor()) == dispatch.BATCH:
            jobs.pause_point()

    return [
        Task("magflow.events", hand_out, cron="* * * * * */2", pauses=()),
        Task("magflow.check_invariants", upkeep.check_invariants, cron="*/5 * * * *", pauses=()),
        Task("magflow.sweep", upkeep.sweep, cron="17 3 * * *"),
    ]


def _application(settings: Settings) -> Flask:
    """What services need: the database and the languages. There are no pages here."""
    app = Flask("magflow.worker", static_folder=None)
    app.config["MAGFLOW"] = settings
    database.configure(app, settings, "worker")
    db.init_app(app)
    database.watch(app)
    locale.init_app(app, settings)
    credentials.configure(settings.credentials_keys)
    subscriptions.allowed[:] = feeds.allowed[:] = settings.outgoing_allow
    notifications.configure(settings)
    return app


# --- the life of the worker ------------------------------------------------------------------------------------------


async def _work(settings: Settings, flask: Flask, tasks: Sequence[Task], concurrency: int) -> None:
    """Run a worker; when the database goes away, wait and run another one."""
    stop = Stop()
    wait = FIRST_WAIT
    while not stop.asked:
        queue = make_queue(settings, flask, tasks)
        began = time.monotonic()
        try:
            async with queue.open_async():
                worker = _worker(queue, settings, concurrency)
                stop.worker = worker
                log.info("worker started", concurrency=concurrency, tasks=len(tasks))
                if not stop.asked:  # asked before it ran, the worker would forget it
                    await worker.run()  # type: ignore[no-untyped-call]
        except (ConnectorException, psycopg_pool.PoolTimeout, OSError) as error:
            log.warning("database away", error=_said(error))
        finally:
            stop.worker = None
        if not stop.asked:
            # A worker that a broken side task stopped comes here without an exception.
            wait = FIRST_WAIT if time.monotonic() - began > LONGEST_WAIT else min(wait * 2, LONGEST_WAIT)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.event.wait(), wait * random.uniform(0.5, 1))  # noqa: S311 - only spreads


class Stop:
    """SIGTERM and SIGINT: what runs is finished, nothing new is begun, and it does not last for ever."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.event = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self)

    @property
    def asked(self) -> bool:
        """Whether we were told to stop."""
        return self.event.is_set()

    def __call__(self) -> None:
        if self.asked:
            return
        self.event.set()
        jobs.ask_to_stop()
        if self.worker is not None:
            self.worker.stop()  # type: ignore[no-untyped-call]
        # A handler that does not come to an end holds a thread, and a thread cannot be ended from outside.
        last = threading.Timer(STOP_SECONDS, os._exit, args=[1])
        last.daemon = True
        last.start()


def _worker(queue: App, settings: Settings, concurrency: int) -> Worker:
    return Worker(
        queue,
        queues=[jobs.DEFAULT_QUEUE, jobs.home_queue(settings.home)],
        concurrency=concurrency,
        fetch_job_polling_interval=POLL_SECONDS,
        delete_jobs="successful",
        install_signal_handlers=False,
        update_heartbeat_interval=HEARTBEAT_SECONDS,
        stalled_worker_timeout=SILENT_SECONDS,
    )


def make_queue(settings: Settings, flask: Flask, tasks: Sequence[Task]) -> App:
    """Procrastinate with these tasks, not yet connected."""
    queue = App(
        connector=PsycopgConnector(
            conninfo=str(settings.database_url),
            min_size=1,
            max_size=4,
            timeout=10.0,
            kwargs={
                "application_name": "magflow-queue",
                "connect_timeout": 3,
                "keepalives_idle": 10,
                "options": "-c lock_timeout=5s -c statement_timeout=10s -c idle_in_transaction_session_timeout=15s",
            },
        )
    )
    for task in tasks:
        _add(queue, flask, task)
    _add_rescue(queue)
    return queue


def _add(queue: App, flask: Flask, task: Task) -> None:
    # One that repeats itself waits in the queue once: a worker that was away must not find a hundred of them.
    options: dict[str, Any] = {"queueing_lock": task.name} if task.cron else {}
    registered = queue.task(name=task.name, pass_context=True, retry=Pauses(task.pauses), **options)(
        _runner(flask, task)
    )
    if task.cron:
        queue.periodic(cron=task.cron)(registered)


def _add_rescue(queue: App) -> None:
    """The jobs of silent workers go back into the queue."""

    async def rescue(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate's signature
        manager = context.app.job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=SILENT_SECONDS):
            log.warning("job taken over from a silent worker", job=job.id, task=job.task_name, attempts=job.attempts)
            try:
                await manager.retry_job(job)
            except UniqueViolation:
                # Another job of its queueing lock waits already, and will do what this one did not finish.
                await manager.finish_job(job, Status.FAILED, delete_job=True)
            except ConnectorException as error:
                log.info("job was taken over already", job=job.id, error=_said(error))

    task = queue.task(name=RESCUE, pass_context=True, queueing_lock=RESCUE)(rescue)
    queue.periodic(cron=RESCUE_CRON)(task)


# --- one job ---------------------------------------------------------------------------------------------------------


def _runner(flask: Flask, task: Task) -> Callable[..., None]:
    """The handler with everything around it: the application's context, the actor, the log, and what went wrong."""

    def run(context: JobContext, **args: Any) -> None:
        if task.cron:
            args.pop("timestamp", None)
        job = context.job
        actor = Actor(kind="job", name=task.name, door="job", request_id=f"job-{job.id}")
        with (
            flask.app_context(),
            structlog.contextvars.bound_contextvars(job=job.id, task=task.name, attempt=job.attempts + 1),
            jobs.acting(actor),
        ):
            began = time.monotonic()
            try:
                task.handler(**args)
            except Postponed:
                log.info("job postponed")
                raise
            except Exception as error:
                log.error("job failed", error=_said(error), exc_info=not isinstance(error, Refused))
                _note_failure(job, error)
                raise
            finally:
                db.session.remove()
            if not task.cron or time.monotonic() - began > 1:
                log.info("job done", seconds=round(time.monotonic() - began, 3))

    return run


def _note_failure(job: Job, error: Exception) -> None:
    """Keep the reason for the people who look at failed jobs; the queue has no room for it."""
    try:
        upkeep.note_failure(job.id or 0, job.attempts + 1, _said(error), actor=jobs.actor())
    except Refused as refused:
        log.warning("the failure could not be written down", error=_said(refused))


def _said(error: BaseException) -> str:
    """The error in one line, without what could be a password."""
    text = " ".join(str(error).split()) or inspect.getdoc(type(error)) or ""
    return str(logs.Redaction().clean(f"{type(error).__name__}: {text}"))[:500]


class Pauses(BaseRetryStrategy):
    """Growing pauses between attempts; what was refused for good, or has used them all up, stays failed and visible."""

    def __init__(self, pauses: Sequence[int]) -> None:
        self.pauses = tuple(pauses)

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """When the job is tried again; None leaves it failed."""
        if isinstance(exception, Postponed):
            return RetryDecision(retry_at=datetime.now(UTC))
        if isinstance(exception, Refused) and not isinstance(exception, RetryLater):
            return None
        if job.attempts >= len(self.pauses):
            return None
        pause = self.pauses[job.attempts]
        return RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=pause * random.uniform(0.9, 1.1)))  # noqa: S311
