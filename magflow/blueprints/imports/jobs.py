"""What the worker runs for imports."""

from pathlib import Path
from secrets import token_hex
from typing import Any

from flask import current_app

from magflow.blueprints.imports import exporting
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import Invalid
from magflow.domain.imports.faults import FileFault
from magflow.queries import imports
from magflow.services import export_schedules, jobs
from magflow.services.imports import commands, feeds, runner, undo
from magflow.services.jobs import Task


def run_import(*, import_id: int, asked_by: dict[str, Any]) -> None:
    """Run an import in the name of who asked for it; after a takeover, go on where it stopped."""
    home: Path = current_app.config["MAGFLOW"].home
    actor = Actor(
        kind=asked_by["kind"],
        name=asked_by["name"],
        door="import",
        id=asked_by["id"],
        request_id=jobs.actor().request_id,
    )
    try:
        runner.perform(import_id, home, actor=actor, pause_point=jobs.pause_point)
    except FileFault:
        return  # its page says why


def undo_import(*, import_id: int, asked_by: dict[str, Any]) -> None:
    """Undo an import in the name of who asked for it; after a takeover, go on where it stopped."""
    actor = Actor(
        kind=asked_by["kind"], name=asked_by["name"], door="import", id=asked_by["id"],
        request_id=jobs.actor().request_id,
    )  # fmt: skip
    undo.perform(import_id, actor=actor, pause_point=jobs.pause_point)


def look_at_clock() -> None:
    """Every minute: addresses whose time has come are fetched, exports are written."""
    home: Path = current_app.config["MAGFLOW"].home
    feeds.enqueue_due(home, actor=jobs.actor())
    export_schedules.enqueue_due(jobs.home_queue(home), actor=jobs.actor())


def fetch(*, feed_id: int) -> None:
    """Fetch an address; what came is imported by a job of its own."""
    home: Path = current_app.config["MAGFLOW"].home
    feeds.fetch(feed_id, home, tuple(feeds.allowed), actor=jobs.actor())


def write_export(*, schedule_id: int) -> None:
    """Write an export by the clock; the old file stays until the new one is whole."""
    home: Path = current_app.config["MAGFLOW"].home
    schedule = imports.schedule(db.session(), schedule_id)
    if schedule is None:
        return
    folder = home / exporting.KEPT
    folder.mkdir(mode=0o700, exist_ok=True)
    name = f"{schedule_id}-{schedule.what}-{schedule.format}.{schedule.filters.get('file', 'csv')}"
    waiting = folder / f".{name}-{token_hex(4)}"
    try:
        with waiting.open("xb") as target:
            target.writelines(exporting.scheduled(schedule.what, schedule.format, schedule.filters))
        waiting.rename(folder / name)
    except Invalid as invalid:
        first = invalid.errors[0]
        error = {"code": first.code, "params": dict(first.params or {})}
        export_schedules.note(schedule_id, None, error, actor=jobs.actor())
    else:
        export_schedules.note(schedule_id, name, None, actor=jobs.actor())
    finally:
        waiting.unlink(missing_ok=True)


TASKS = (
    Task(commands.TASK, run_import),
    Task(undo.TASK, undo_import),
    Task("imports.look_at_clock", look_at_clock, cron="* * * * *", pauses=()),
    Task(feeds.TASK, fetch, pauses=()),
    Task(export_schedules.TASK, write_export),
)
