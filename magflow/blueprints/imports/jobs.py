"""What the worker runs for imports."""

from pathlib import Path
from typing import Any

from flask import current_app

from magflow.domain.actors import Actor
from magflow.domain.imports.faults import FileFault
from magflow.services import jobs
from magflow.services.imports import commands, runner
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


TASKS = (Task(commands.TASK, run_import),)
