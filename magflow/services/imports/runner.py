"""The life of a run: a file is read, looked at as a whole, and applied chunk by chunk; safe to begin again anywhere."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from magflow.concurrency import done_again_after_a_crash, execute, refusal, sqlstate, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import Invalid, Refused, RetryLater
from magflow.domain.imports.choices import Choices, choices_from
from magflow.domain.imports.faults import CellFault, FileFault
from magflow.domain.imports.layouts import REPORT_COLUMNS, Layout, folded
from magflow.services.imports import (
    checking,
    commands,
    files,
    lanes,
    offers,
    orders,
    outcomes,
    preparing,
    stock,
    variants,
)
from magflow.services.imports.checking import Asked
from magflow.services.imports.commands import Begun
from magflow.services.imports.matching import Scope
from magflow.services.imports.outcomes import Chunk, Counts, DryRun
from magflow.services.imports.preparing import Superseded
from magflow.services.imports.variants import Divide
from magflow.services.stock_sync import alerts

log = logging.getLogger(__name__)

PATIENCE: Final = 10
"""How often in a row a chunk may find the database busy before the whole run has to wait."""


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    status: str
    rows: int
    done: int = 0


@dataclass(frozen=True)
class Done:
    """What a run came to. Not `finished`: it was cancelled, or somebody else goes on with it."""

    finished: bool
    counts: Counts


def perform(
    import_id: int,
    home: Path,
    *,
    actor: Actor,
    pause_point: Callable[[], None] = lambda: None,
    tell: Callable[[Progress], None] = lambda _progress: None,
) -> Done:
    """Run an import to its end, or go on with it. `pause_point` may raise, between two transactions.

    Raises FileFault for a file that cannot be read, after noting it; RetryLater when the database could not go on, and
    then the same call goes on where this one stopped.
    """
    begun = commands.begin(import_id, actor=actor)
    if begun is None:
        return Done(False, Counts())
    try:
        return _run(import_id, home, begun, actor, pause_point, tell)
    except FileFault as fault:
        commands.fail(import_id, begun.run, fault, actor=actor)
        raise
    except Superseded:
        return Done(False, Counts())
    except (DBAPIError, psycopg.Error, OSError):
        commands.fail(import_id, begun.run, "broken", actor=actor)
        raise


def _run(
    import_id: int,
    home: Path,
    begun: Begun,
    actor: Actor,
    pause_point: Callable[[], None],
    tell: Callable[[Progress], None],
) -> Done:
    path = files.path_of(home, begun.stored_as)
    choices = choices_from(begun.choices)
    reading = files.recognise(path, begun.kind, begun.format, choices)
    headers = _headers(reading.layout)
    if begun.kind == "offers":
        offers.check_account(begun.source, begun.source_account, actor=actor)
    keyless = not reading.layout.columns.keys() & {"handle", "name"}
    rows = _prepared(import_id, path, reading, begun, actor, pause_point, tell)
    checking.check(
        Asked(import_id, begun.run, begun.kind, begun.source, begun.source_account, choices.match, keyless,
              begun.planned),
        headers, actor=actor,
    )  # fmt: skip
    # A file that names no products does not say what there is of one.
    deactivate = choices.missing == "deactivate" and not keyless
    deactivate = deactivate and _speaks_for_all(import_id, reading.layout, actor=actor)
    total, busy = Counts(), 0

    def step(counts: Counts) -> None:
        nonlocal total
        total += counts
        tell(Progress("running", rows, total.rows))
        pause_point()
        _beat(import_id, begun.run, actor=actor)

    def work(chunk: Chunk) -> Counts:
        nonlocal busy
        try:
            counts = _apply(chunk, _scope(chunk, begun, choices, deactivate), begun, headers, actor)
            if begun.kind == "variants":
                # A new shop's tables have no statistics yet; plans of an empty table are no plans for a full one.
                _look_at_catalogue(actor=actor)
        except RetryLater:
            # Chunks of one import wait for one another too: the feed's ids, or an option that is new to the shop. A
            # slow machine may need longer for a chunk than a lock is waited for; this one's turn comes again.
            busy += 1
            if busy > PATIENCE:
                raise
            return Counts()
        busy = 0
        return counts

    while chunks := _open_chunks(import_id, begun.run, actor=actor):
        pause_point()
        step(work(chunks[0]))
        lanes.each(work, chunks[1:], step)
    if begun.kind == "offers":
        alerts.catch_up(actor=actor)
    finished = commands.finish(import_id, begun.run, actor=actor)
    preparing.clear(import_id, False, actor=actor)
    log.info("import ended", extra={"import": import_id, "finished": finished, **vars(total)})
    return Done(finished, total)


def _prepared(
    import_id: int,
    path: Path,
    reading: files.Reading,
    begun: Begun,
    actor: Actor,
    pause_point: Callable[[], None],
    tell: Callable[[Progress], None],
) -> int:
    """How many rows the file has, all of them read."""
    if begun.prepared:
        return begun.rows
    preparing.clear(import_id, not begun.planned, actor=actor)

    def read(count: int) -> None:
        tell(Progress("parsing", count))
        pause_point()

    return preparing.prepare(import_id, begun.run, path, reading, actor=actor, step=read)


def _headers(layout: Layout) -> dict[str, str]:
    """Field -> its column as the file calls it, for what is found out later than in a cell."""
    names = ("handle", "name", "description", "brand", "category", "status", "sku", "external_id", "price", "stock",
             "delta", "expected", "ean", *orders.NAMED)  # fmt: skip
    first_value = layout.headers[layout.options[0][1]] if layout.options else layout.header_of("sku")
    return {name: layout.header_of(name) for name in names} | {"options": first_value}


def _scope(chunk: Chunk, begun: Begun, choices: Choices, deactivate: bool) -> Scope:
    return Scope(
        chunk.import_id,
        begun.source,
        begun.source_account,
        chunk.first_part,
        chunk.last_part,
        chunk.first_row,
        chunk.last_row,
        shopify=begun.format == "shopify",
        choices=choices,
        deactivate=deactivate,
    )


APPLY: Final = {"variants": variants.apply, "stock": stock.apply, "offers": offers.apply, "orders": orders.apply}


def _apply(chunk: Chunk, scope: Scope, begun: Begun, headers: dict[str, str], actor: Actor) -> Counts:
    """Apply a chunk; where the database refuses it, its halves, down to the one row that is at fault."""
    apply = APPLY[begun.kind]
    try:
        counts = apply(chunk, scope, headers, begun.dry_run, actor=actor)
    except DryRun as dry:
        return outcomes.note_dry(chunk, dry, actor=actor)
    except RetryLater:
        raise
    except (Refused, Divide, DBAPIError, psycopg.Error) as error:
        if isinstance(error, DBAPIError | psycopg.Error) and not (sqlstate(error) or "").startswith(("22", "23")):
            raise
        # Orders, and a variant's locations, are never parted: what is wrong with one row is wrong with all.
        if chunk.rows > 1 and outcomes.split(chunk, within=begun.kind == "variants", actor=actor):
            return Counts()
        return outcomes.refuse_chunk(chunk, [_as_fault(error).as_dict()], actor=actor)
    if counts is None:
        raise Superseded
    return counts


def _as_fault(error: Exception) -> CellFault:
    """A refusal of the database, as a refusal of the row that it is about."""
    refused = refusal(error) if isinstance(error, DBAPIError | psycopg.Error) else error
    # A value that the database has no room for was not found out in a cell: nobody can say which it is.
    known = isinstance(refused, Refused) and not isinstance(refused, Invalid)
    code = refused.code if isinstance(refused, Refused) and known else "not_stored"
    params: dict[str, Any] = refused.details() if isinstance(refused, Refused) else {}
    log.warning("row refused by the database", extra={"error": str(error).splitlines()[0] if str(error) else code})
    return CellFault("", code, {name: str(value) for name, value in params.items()})


OPEN: Final = """
SELECT c.import_id, i.run, c.number, c.first_part, c.last_part, c.first_row, c.last_row, c.rows
FROM import_chunks c JOIN imports i ON i.id = c.import_id
WHERE c.import_id = %(import)s AND c.done_at IS NULL ORDER BY c.number"""
BEAT: Final = """
UPDATE imports SET beat_at = clock_timestamp() WHERE id = %(import)s AND run = %(run)s RETURNING id"""


REFUSED: Final = "SELECT EXISTS (SELECT FROM import_rows WHERE import_id = %(import)s AND outcome = 'refused')"


@transactional
def _speaks_for_all(session: Session, import_id: int, layout: Layout, *, actor: Actor) -> bool:
    """Whether what a file does not have is missing: not where rows of it were refused, or where it is what was."""
    if set(REPORT_COLUMNS) <= {folded(header) for header in layout.headers}:
        return False
    row = execute(session, REFUSED, {"import": import_id}).fetchone()
    return row is not None and not row[0]


@transactional
def _open_chunks(session: Session, import_id: int, run: int, *, actor: Actor) -> list[Chunk]:
    """The chunks that are not done. Raises Superseded."""
    if execute(session, BEAT, {"import": import_id, "run": run}).fetchone() is None:
        raise Superseded
    return [Chunk(*row) for row in execute(session, OPEN, {"import": import_id})]


@transactional
def _beat(session: Session, import_id: int, run: int, *, actor: Actor) -> None:
    """A sign of life. Raises Superseded."""
    done_again_after_a_crash(session)
    if execute(session, BEAT, {"import": import_id, "run": run}).fetchone() is None:
        raise Superseded


@transactional
def _look_at_catalogue(session: Session, *, actor: Actor) -> None:
    execute(session, "SELECT magflow_look_at_catalogue()")
