"""What can be asked of an import: to be registered, run, cancelled, gone on with; each is a short transaction."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.domain.imports.choices import DEFAULT, Choices
from magflow.domain.imports.faults import FileFault, ImportBusy
from magflow.models import Import
from magflow.services import audit, events, jobs
from magflow.services.imports import files
from magflow.services.imports.files import Reading, Stored

TASK: Final = "imports.run"
SILENT: Final = timedelta(seconds=60)
"""A run that was not heard of for so long has lost its runner."""

LONGEST_SOURCE: Final = 60
ABOUT_COLUMNS: Final = frozenset({"unknown_columns", "missing_columns", "option_halves", "repeated_columns"})


@dataclass(frozen=True)
class NewImport:
    """A file that was stored and recognised."""

    stored: Stored
    filename: str
    kind: str
    reading: Reading | None
    """None while nobody has said what its columns mean."""
    source: str = "file"
    source_account: str = "default"
    dry_run: bool = False
    choices: Choices = DEFAULT
    home: Path | None = None
    """Where the file is; given when a worker shall run the import."""
    waits: bool = False
    """For a person to look at its columns first."""
    feed_id: int | None = None


def take_in(
    home: Path, stored: Stored, *, filename: str, kind: str, wanted: str = "auto", source: str = "file",
    source_account: str = "default", dry_run: bool = False, choices: Choices = DEFAULT, queued: bool = True,
    remembered: Choices | None = None, waits: bool = False, asks: bool = False,
) -> NewImport:  # fmt: skip
    """Recognise a stored file. Raises FileFault, after taking the file away again, and Invalid.

    `remembered`: what was chosen for the source before; it is used where the columns are not understood by themselves.
    `waits`: a person will say what its columns mean, and nothing else has to be known yet. `asks`: so does one only
    where the columns are not understood.
    """
    errors = [
        FieldError(name, "too_long" if value else "required", {"limit": LONGEST_SOURCE})
        for name, value in (("source", source.strip()), ("source_account", source_account.strip()))
        if not 0 < len(value) <= LONGEST_SOURCE
    ]
    try:
        if errors:
            raise Invalid(errors)
        path = files.path_of(home, stored.name)
        reading = None if waits else _recognise(path, kind, wanted, choices, remembered, asks=asks)
        if reading is None:
            waits, reading = True, _glance(path, kind, wanted)
    except Invalid:
        files.forget(home, stored.name)
        raise
    if reading is not None and reading.layout.format == "woocommerce" and source.strip() == "file":
        source = "woocommerce"  # its numbers are nobody else's
    return NewImport(
        stored, filename[:255], kind, reading, source.strip(), source_account.strip(), dry_run,
        DEFAULT if reading is None else reading.choices, home if queued else None, waits,
    )  # fmt: skip


def _recognise(
    path: Path, kind: str, wanted: str, choices: Choices, remembered: Choices | None, *, asks: bool
) -> Reading | None:
    """How a file is read; None where a person is to be asked. Raises FileFault."""
    tries = [choices] if remembered is None else [choices, remembered]
    for chosen in tries:
        try:
            return files.recognise(path, kind, wanted, chosen)
        except FileFault as fault:
            if fault.reason not in ABOUT_COLUMNS or (chosen is tries[-1] and not asks):
                raise
    return None


def _glance(path: Path, kind: str, wanted: str) -> Reading | None:
    """How a file is read where nothing has to be asked. Raises FileFault for what is no table at all."""
    _workbook, found = files.find_dialect(path)
    files.header_of(path, found)
    try:
        return files.recognise(path, kind, wanted)
    except FileFault as fault:
        if fault.reason in ABOUT_COLUMNS:
            return None
        raise


@transactional
def register(session: Session, command: NewImport, *, actor: Actor) -> Import:
    """Note a new import; where a worker shall run it, its job is added in the same transaction."""
    row = Import(
        kind=command.kind,
        format="magflow" if command.reading is None else command.reading.layout.format,
        source=command.source,
        source_account=command.source_account,
        filename=command.filename,
        stored_as=command.stored.name,
        sha256=command.stored.sha256,
        dry_run=command.dry_run,
        reading=None if command.reading is None else command.reading.as_dict(),
        choices=command.choices.as_dict(),
        feed_id=command.feed_id,
        status="ready" if command.waits else "uploaded",
        actor=actor.name,
    )
    session.add(row)
    session.flush()
    if command.home is not None and not command.waits:
        enqueue(session, row.id, command.home, actor)
    session.refresh(row)
    return row


def enqueue(session: Session, import_id: int, home: Path, actor: Actor) -> None:
    """Let a worker of this home folder run the import, in the name of who asked for it."""
    asked_by = {"kind": actor.kind, "id": actor.id, "name": actor.name, "request_id": actor.request_id}
    jobs.hasten(session, f"import-{import_id}")
    jobs.enqueue(
        session,
        TASK,
        lock=f"import-{import_id}",
        queue=jobs.home_queue(home),
        import_id=import_id,
        asked_by=asked_by,
    )


FIND: Final = "SELECT status, dry_run, beat_at, stored_as FROM imports WHERE id = %(import)s"
CANCEL: Final = """
UPDATE imports SET status = 'cancelled', run = run + 1, finished_at = clock_timestamp()
WHERE id = %(import)s AND status IN ('uploaded', 'parsing', 'ready', 'running', 'paused') RETURNING id"""
PAUSE: Final = """
UPDATE imports SET status = 'paused', run = run + 1
WHERE id = %(import)s AND status IN ('uploaded', 'parsing', 'running') RETURNING id"""
CHOOSE: Final = """
UPDATE imports SET choices = %(choices)s::jsonb, reading = %(reading)s::jsonb, format = %(format)s
WHERE id = %(import)s"""
REMEMBER: Final = """
INSERT INTO import_mappings (kind, source, source_account, choices, saved_by)
SELECT kind, source, source_account, %(choices)s::jsonb, %(who)s FROM imports
WHERE id = %(import)s AND source <> 'file'
ON CONFLICT (kind, source, source_account) DO UPDATE
SET choices = excluded.choices, saved_by = excluded.saved_by, saved_at = clock_timestamp()"""
WAIT: Final = """
UPDATE imports SET status = 'uploaded', dry_run = %(dry_run)s, run = run + 1, error = NULL, finished_at = NULL,
       beat_at = NULL
WHERE id = %(import)s AND status = %(status)s AND undone_by IS NULL RETURNING id"""


@dataclass(frozen=True)
class Rerun:
    """Ask a worker of this home folder to run an import (again)."""

    import_id: int
    home: Path


@transactional
def cancel(session: Session, import_id: int, *, actor: Actor) -> Import:
    """Stop an import; chunks that were applied stay applied. Raises NotFound, ImportBusy when it has ended."""
    status = _found(session, import_id)[0]
    if status == "cancelled":
        return session.get_one(Import, import_id)
    if execute(session, CANCEL, {"import": import_id}).fetchone() is None:
        raise ImportBusy(import_id, status)
    return session.get_one(Import, import_id)


@transactional
def pause(session: Session, import_id: int, *, actor: Actor) -> Import:
    """Let an import rest; `resume` goes on with it where it stopped. Raises NotFound, ImportBusy."""
    status = _found(session, import_id)[0]
    if status == "paused":
        return session.get_one(Import, import_id)
    if execute(session, PAUSE, {"import": import_id}).fetchone() is None:
        raise ImportBusy(import_id, status)
    return session.get_one(Import, import_id)


@dataclass(frozen=True)
class Chosen:
    """What a person chose for an import that waits for it, or whose dry run showed that something else is wanted."""

    import_id: int
    home: Path
    choices: Choices
    dry_run: bool
    remember: bool = True
    """The next file of this source is proposed the same; files without a source have nothing in common."""


@transactional
def choose(session: Session, command: Chosen, *, actor: Actor) -> Import:
    """Run an import as it was chosen. Raises NotFound, ImportBusy, and FileFault for what cannot be read that way."""
    status, dry_run, _beat, stored = _found(session, command.import_id)
    if status != "ready" and not (status == "finished" and dry_run):
        raise ImportBusy(command.import_id, status)
    row = session.get_one(Import, command.import_id)
    wanted = "magflow" if command.choices.mapping is not None else "auto"
    reading = files.recognise(files.path_of(command.home, stored), row.kind, wanted, command.choices)
    choices = json.dumps(command.choices.as_dict(), ensure_ascii=False)
    values = {
        "import": command.import_id,
        "choices": choices,
        "reading": json.dumps(reading.as_dict(), ensure_ascii=False),
        "format": reading.layout.format,
        "who": actor.name,
    }
    execute(session, CHOOSE, values)
    if command.remember:
        # The next file's figures are of another day.
        kept = json.dumps(replace(command.choices, made_at=None).as_dict(), ensure_ascii=False)
        execute(session, REMEMBER, {**values, "choices": kept})
    execute(session, "DELETE FROM import_chunks WHERE import_id = %(import)s", {"import": command.import_id})
    session.expire(row)
    return _again(session, Rerun(command.import_id, command.home), status, command.dry_run, stored, actor)


def is_lost(status: str, beat_at: datetime | None) -> bool:
    """Whether a run has lost its runner, or waits for a long time for its next attempt."""
    return status in {"parsing", "running"} and (beat_at is None or beat_at < datetime.now(UTC) - SILENT)


@transactional
def resume(session: Session, command: Rerun, *, actor: Actor) -> Import:
    """Go on with an import that was cancelled, failed or lost its runner. Raises NotFound, ImportBusy, FileFault."""
    status, dry_run, beat_at, stored = _found(session, command.import_id)
    if status not in {"cancelled", "failed", "paused"} and not is_lost(status, beat_at):
        raise ImportBusy(command.import_id, status)
    return _again(session, command, status, dry_run, stored, actor)


@transactional
def run(session: Session, command: Rerun, *, actor: Actor) -> Import:
    """Run an import in earnest after its dry run. Raises NotFound, ImportBusy, FileFault."""
    status, dry_run, _beat, stored = _found(session, command.import_id)
    if status != "finished" or not dry_run:
        raise ImportBusy(command.import_id, status)
    execute(session, "DELETE FROM import_chunks WHERE import_id = %(import)s", {"import": command.import_id})
    return _again(session, command, status, False, stored, actor)


def _again(session: Session, command: Rerun, status: str, dry_run: bool, stored: str | None, actor: Actor) -> Import:
    files.path_of(command.home, stored)
    values = {"import": command.import_id, "dry_run": dry_run, "status": status}
    if execute(session, WAIT, values).fetchone() is None:
        undone = session.get_one(Import, command.import_id).undone_by
        raise ImportBusy(command.import_id, "undone" if undone else "changing")
    enqueue(session, command.import_id, command.home, actor)
    return session.get_one(Import, command.import_id)


def _found(session: Session, import_id: int) -> tuple[Any, ...]:
    row = execute(session, FIND, {"import": import_id}).fetchone()
    if row is None:
        raise NotFound("import", import_id)
    return tuple(row)


# --- for the runner ---------------------------------------------------------------------------------------------------

BEGIN: Final = """
UPDATE imports i
SET run = i.run + 1, status = 'parsing', error = NULL, finished_at = NULL, beat_at = clock_timestamp(),
    started_at = coalesce(i.started_at, clock_timestamp())
WHERE i.id = %(import)s AND i.status NOT IN ('finished', 'cancelled', 'ready', 'paused')
RETURNING i.run, i.kind, i.format, i.source, i.source_account, i.dry_run, i.stored_as, i.rows_total, i.choices"""

LEFT_OVER: Final = """
SELECT count(*), count(*) FILTER (WHERE done_at IS NULL),
       coalesce(sum(rows) FILTER (WHERE done_at IS NULL), 0) = (
           SELECT count(*) FROM import_stage s
           WHERE s.import_id = %(import)s AND NOT s.refused AND EXISTS (
               SELECT FROM import_chunks c WHERE c.import_id = s.import_id AND c.done_at IS NULL
                  AND s.part BETWEEN c.first_part AND c.last_part AND s.number BETWEEN c.first_row AND c.last_row))
FROM import_chunks WHERE import_id = %(import)s"""

FINISH: Final = """
UPDATE imports SET status = 'finished', rows_applied = %(applied)s, rows_unchanged = %(unchanged)s,
       rows_refused = %(refused)s, rows_missing = %(missing)s,
       finished_at = clock_timestamp(), beat_at = clock_timestamp()
WHERE id = %(import)s AND run = %(run)s RETURNING id"""
FAIL: Final = """
UPDATE imports SET status = 'failed', error = %(error)s::jsonb, finished_at = clock_timestamp()
WHERE id = %(import)s AND run = %(run)s"""
REFUSED: Final = "SELECT count(*) FROM import_rows WHERE import_id = %(import)s AND outcome = 'refused'"
SUMS: Final = """
SELECT coalesce(sum(applied), 0), coalesce(sum(unchanged), 0), count(*) FILTER (WHERE done_at IS NULL),
       coalesce(sum(missing), 0)
FROM import_chunks WHERE import_id = %(import)s"""


@dataclass(frozen=True)
class Begun:
    """An import whose run has begun."""

    run: int
    kind: str
    format: str
    source: str
    source_account: str
    dry_run: bool
    stored_as: str | None
    rows: int
    choices: dict[str, Any]
    planned: bool
    """An earlier run laid out the chunks; those that are done stay done."""
    prepared: bool
    """And the rows of the others are still staged."""


BEGUN: Final = ("run", "kind", "format", "source", "source_account", "dry_run", "stored_as", "rows", "choices")


@transactional
def begin(session: Session, import_id: int, *, actor: Actor) -> Begun | None:
    """Take an import over; None when there is nothing to do."""
    row = execute(session, BEGIN, {"import": import_id}).fetchone()
    if row is None:
        return None
    chunks, open_chunks, complete = execute(session, LEFT_OVER, {"import": import_id}).fetchone() or (0, 0, False)
    found = dict(zip(BEGUN, row, strict=True))
    return Begun(**found, planned=chunks > 0, prepared=chunks > 0 and (complete or open_chunks == 0))


@transactional
def finish(session: Session, import_id: int, run_number: int, *, actor: Actor) -> bool:
    """Close an import: its rows are counted, and every one of them was applied, found unchanged or refused."""
    applied, unchanged, waiting, missing = execute(session, SUMS, {"import": import_id}).fetchone() or (0, 0, 1, 0)
    (refused,) = execute(session, REFUSED, {"import": import_id}).fetchone() or (0,)
    if waiting:
        return False
    counts = {"applied": applied, "unchanged": unchanged, "refused": refused}
    noted = {"import": import_id, "run": run_number, "missing": missing, **counts}
    if execute(session, FINISH, noted).fetchone() is None:
        return False
    events.publish(session, "import.finished", import_id=import_id, **counts)
    audit.record(session, actor, "import.finished", "imports", import_id, counts)
    return True


@transactional
def fail(session: Session, import_id: int, run_number: int, fault: FileFault | str, *, actor: Actor) -> None:
    """Close an import that cannot go on, and say why."""
    error = (
        {"code": fault.reason, "params": fault.params}
        if isinstance(fault, FileFault)
        else {"code": fault, "params": {}}
    )
    execute(session, FAIL, {"import": import_id, "run": run_number, "error": json.dumps(error, ensure_ascii=False)})
