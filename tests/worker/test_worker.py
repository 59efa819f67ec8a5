"""Jobs run when, and only when, what wanted them committed; a killed worker's job is taken over within a minute."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.orm import Session

from magflow.concurrency import run
from magflow.domain.actors import SYSTEM
from magflow.services import events, jobs
from tests.conftest import ShopDatabase

Owner = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def start(database: ShopDatabase, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts real worker processes; what is left of them is ended afterwards."""
    running: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "DATABASE_URL": database.app_dsn,
            "MAGFLOW_HOME": str(tmp_path / "home"),
            "MAGFLOW_ENV": "testing",
        }
        with (tmp_path / f"worker-{len(running)}.log").open("wb") as log:
            command = [sys.executable, "-m", "tests.worker.serve", str(tmp_path)]
            process = subprocess.Popen(command, env=environment, stderr=log, stdout=log)
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def enqueue(task: str, **args: Any) -> int:
    """A job of its own transaction."""
    made = run(lambda session: jobs.enqueue(session, task, **args), SYSTEM)
    assert made is not None
    return made


def until(ready: Callable[[], object], seconds: float = 20) -> float:
    """Wait for another process; returns how long it took."""
    began = time.monotonic()
    while not ready():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - began


def state_of(owner: Owner, job: int) -> str | None:
    row = owner.execute("SELECT status::text FROM procrastinate_jobs WHERE id = %s", [job]).fetchone()
    return str(row[0]) if row else None


def test_a_job_exists_if_and_only_if_its_transaction_committed(app: object, owner: Owner) -> None:
    class Undone(Exception):
        pass

    def undo(session: Session) -> None:
        jobs.enqueue(session, "test.effect", key="never")
        raise Undone

    with pytest.raises(Undone):
        run(undo, SYSTEM)
    assert owner.execute("SELECT count(*) FROM procrastinate_jobs").fetchone() == (0,)

    job = enqueue("test.effect", key="kept")
    assert state_of(owner, job) == "todo"
    owner.execute("DELETE FROM procrastinate_jobs")


def test_a_queueing_lock_lets_one_job_wait(app: object, owner: Owner) -> None:
    first = run(lambda s: jobs.enqueue(s, "test.effect", queueing_lock="one", key="q"), SYSTEM)
    second = run(lambda s: jobs.enqueue(s, "test.effect", queueing_lock="one", key="q"), SYSTEM)
    assert first is not None
    assert second is None
    owner.execute("DELETE FROM procrastinate_jobs")


def test_the_job_of_a_killed_worker_is_taken_over_and_has_one_effect(
    app: object, owner: Owner, tmp_path: Path, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    job = enqueue("test.dies_once", key="once")
    victim = start()
    until((tmp_path / "once.started").exists)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait(10)
    assert state_of(owner, job) == "doing"

    start()
    took = until((tmp_path / "once.done").exists, seconds=60)

    assert took < 60
    assert owner.execute("SELECT value #>> '{}' FROM settings WHERE key = 'once'").fetchall() == [(f"job-{job}",)]
    until(lambda: state_of(owner, job) is None)  # it succeeded, and successful jobs are not kept


def test_the_worker_outlives_its_connections_hands_out_news_and_stops_when_its_job_is_done(
    app: object, owner: Owner, database: ShopDatabase, tmp_path: Path, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    worker = start()
    enqueue("test.effect", key="before")
    until((tmp_path / "before.done").exists)

    with psycopg.connect(database.admin_dsn, autocommit=True) as admin:
        cut = admin.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name IN ('magflow-queue', 'magflow-worker')"
        ).fetchone()
    assert cut is not None
    assert cut[0] > 0

    run(lambda session: events.publish(session, "test.news", n=1), SYSTEM)
    enqueue("test.effect", key="after")
    until((tmp_path / "after.done").exists)
    until((tmp_path / "told").exists)
    until(lambda: owner.execute("SELECT count(*) FROM events WHERE dispatched_at IS NULL").fetchone() == (0,))
    assert (tmp_path / "told").read_text() == "test.news {'n': 1}\n"

    enqueue("test.slow", key="last")
    postponed = enqueue("test.long", key="endless")
    until(lambda: (tmp_path / "last.started").exists() and (tmp_path / "endless.started").exists())
    worker.terminate()
    until(lambda: state_of(owner, postponed) == "todo")
    assert worker.poll() is None
    (tmp_path / "last.go").touch()
    assert worker.wait(20) == 0
    assert (tmp_path / "last.done").exists()
    owner.execute("DELETE FROM procrastinate_jobs")


def test_a_failed_job_waits_longer_each_time_and_then_stays_visible(
    app: object, owner: Owner, tmp_path: Path, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    start()
    failing, refused = enqueue("test.fails"), enqueue("test.refused")

    until(lambda: state_of(owner, refused) == "failed")
    until(lambda: owner.execute("SELECT 1 FROM job_failures WHERE job_id = %s", [failing]).fetchone())
    until(lambda: state_of(owner, failing) == "todo")
    (pause,) = owner.execute(
        "SELECT extract(epoch FROM scheduled_at - clock_timestamp()) FROM procrastinate_jobs WHERE id = %s", [failing]
    ).fetchone() or (0,)
    assert 40 < float(str(pause)) < 70

    for expected in ("todo", "failed"):
        attempts = owner.execute("SELECT attempts FROM procrastinate_jobs WHERE id = %s", [failing]).fetchone()
        owner.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE id = %s", [failing])
        until(
            lambda before=attempts: (
                owner.execute("SELECT attempts FROM procrastinate_jobs WHERE id = %s", [failing]).fetchone() != before
            )
        )
        assert state_of(owner, failing) == expected

    said = owner.execute("SELECT attempt, error FROM job_failures WHERE job_id = %s", [failing]).fetchone()
    assert said is not None
    assert said[0] == 3
    assert "no route to postgresql://***@db.example/shop" in str(said[1])
    assert run(lambda session: jobs.retry(session, refused), SYSTEM)
    until(lambda: state_of(owner, refused) == "failed")
