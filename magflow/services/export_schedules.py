"""Exports by the clock: what is written, how often, and who may read it by its address."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.models import ExportSchedule
from magflow.services import accounts, jobs

TASK: Final = "exports.write"
WHATS: Final = {
    "variants": ("magflow", "shopify", "woocommerce"),
    "stock": ("magflow",),
    "offers": ("magflow",),
    "orders": ("magflow",),
}
OF_VARIANTS: Final = frozenset({"status", "brand", "category", "text"})
FILTERS: Final[Mapping[str, frozenset[str]]] = {
    "variants": OF_VARIANTS,
    "stock": OF_VARIANTS,
    "offers": frozenset({"source", "source_account"}),
    "orders": frozenset({"status", "source", "source_account", "days"}),
}
"""What each may be narrowed by; each is CSV unless `file` says that it is a workbook."""
SHORTEST, LONGEST = 5, 43_200
LONGEST_NAME: Final = 120


@dataclass(frozen=True)
class NewSchedule:
    """An export that is written again and again. `by_address`: it gets an address with a secret in it."""

    name: str
    what: str
    format: str
    every_minutes: int
    filters: Mapping[str, Any] = field(default_factory=dict)
    by_address: bool = False


@dataclass(frozen=True)
class Made:
    """A new schedule; the secret of its address is shown once and kept nowhere."""

    schedule: ExportSchedule
    secret: str | None


CLAIM: Final = """
UPDATE export_schedules SET next_at = clock_timestamp() + make_interval(mins => every_minutes)
WHERE active AND next_at <= clock_timestamp() RETURNING id"""
WRITTEN: Final = """
UPDATE export_schedules SET written_at = clock_timestamp(), written_as = %(name)s, error = NULL
WHERE id = %(id)s"""
FAILED: Final = "UPDATE export_schedules SET error = %(error)s::jsonb WHERE id = %(id)s"


@transactional
def add(session: Session, command: NewSchedule, *, actor: Actor) -> Made:
    """Begin to write an export. Raises Invalid."""
    errors = []
    if not 0 < len(command.name.strip()) <= LONGEST_NAME:
        errors.append(FieldError("name", "too_long" if command.name.strip() else "required", {"limit": LONGEST_NAME}))
    if command.format not in WHATS.get(command.what, ()):
        errors.append(FieldError("format", "not_one_of", {"choices": ", ".join(WHATS.get(command.what, WHATS))}))
    if not SHORTEST <= command.every_minutes <= LONGEST:
        errors.append(FieldError("every_minutes", "out_of_range", {"least": SHORTEST, "limit": LONGEST}))
    errors += _wrong_filters(session, command)
    if errors:
        raise Invalid(errors)
    secret = secrets.token_urlsafe(32) if command.by_address else None
    schedule = ExportSchedule(
        name=command.name.strip(),
        what=command.what,
        format=command.format,
        filters=dict(command.filters),
        every_minutes=command.every_minutes,
        token_hash=None if secret is None else digest(secret),
    )
    session.add(schedule)
    session.flush()
    session.refresh(schedule)
    return Made(schedule, secret)


def _wrong_filters(session: Session, command: NewSchedule) -> list[FieldError]:
    known = FILTERS.get(command.what, frozenset()) | {"file"}
    errors = [FieldError(name, "unknown_field") for name in sorted(command.filters.keys() - known)]
    if command.filters.get("file", "csv") not in {"csv", "xlsx"}:
        errors.append(FieldError("file", "not_one_of", {"choices": "csv, xlsx"}))
    if command.what == "offers":
        named = (str(command.filters.get(name) or "") for name in ("source", "source_account"))
        if accounts.find(session, *named) is None:
            errors.append(FieldError("account", "required"))
    return errors


@transactional
def remove(session: Session, schedule_id: int, *, actor: Actor) -> None:
    """Write it no more; its address leads nowhere from now on. Raises NotFound."""
    schedule = session.get(ExportSchedule, schedule_id)
    if schedule is None:
        raise NotFound("export", schedule_id)
    session.delete(schedule)


@transactional
def enqueue_due(session: Session, queue: str, *, actor: Actor) -> int:
    """A job for every export whose time has come."""
    due = [row[0] for row in execute(session, CLAIM)]
    for schedule_id in due:
        name = f"export-{schedule_id}"
        jobs.enqueue(session, TASK, queueing_lock=name, queue=queue, schedule_id=schedule_id)
    return len(due)


@transactional
def note(session: Session, schedule_id: int, name: str | None, error: dict[str, Any] | None, *, actor: Actor) -> None:
    """Note that the file was written under a name, or why not."""
    if name is not None:
        execute(session, WRITTEN, {"id": schedule_id, "name": name})
    else:
        execute(session, FAILED, {"id": schedule_id, "error": json.dumps(error)})


def digest(secret: str) -> bytes:
    """What is kept of a secret that has 256 bits of chance in it."""
    return hashlib.sha256(secret.encode()).digest()


def by_secret(session: Session, secret: str) -> ExportSchedule | None:
    """The export whose address holds this secret."""
    found = select(ExportSchedule).where(ExportSchedule.token_hash == digest(secret), ExportSchedule.active)
    return session.scalars(found).first()
