"""What became of each row: noted in the transaction that did it; for a dry run, after it was rolled back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import copy_in, execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.imports.staging import NOTHING, field

Outcome = tuple[int, int, str, list[dict[str, Any]] | None, int | None, dict[str, Any] | None, int | None, int | None]
"""Number, line, outcome, errors, variant, changes, and version and last movement afterwards."""


@dataclass(frozen=True)
class Chunk:
    """A chunk of a run, as it is worked on."""

    import_id: int
    run: int
    number: int
    first_part: int
    last_part: int
    first_row: int
    last_row: int
    rows: int


@dataclass(frozen=True)
class Counts:
    """What became of some rows."""

    applied: int = 0
    unchanged: int = 0
    refused: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return self.applied + self.unchanged + self.refused

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.applied + other.applied, self.unchanged + other.unchanged, self.refused + other.refused)


NOTE: Final = """
WITH result AS MATERIALIZED ({results}), noted AS (
    INSERT INTO import_rows (import_id, number, line, outcome, errors, variant_id, changes, version_after, seq_after)
    SELECT %(import)s::bigint, number, line, outcome, errors, variant_id, changes, version_after, seq_after FROM result
)
SELECT count(*) FILTER (WHERE outcome <> 'refused'), count(*) FILTER (WHERE outcome = 'refused') FROM result"""

DONE: Final = """
UPDATE import_chunks SET applied = %(applied)s, unchanged = %(unchanged)s, refused = %(refused)s,
       missing = %(missing)s, done_at = clock_timestamp()
WHERE import_id = %(import)s AND number = %(number)s"""

COPY_ROWS: Final = "COPY import_rows (import_id, number, line, outcome, errors, variant_id, changes) FROM STDIN"


def note(session: Session, chunk: Chunk, results: str, values: dict[str, Any], missing: int = 0) -> Counts:
    """Note what a statement says became of the chunk's rows, and that the chunk is done."""
    row = execute(session, NOTE.format(results=results), {**values, "import": chunk.import_id}).fetchone()
    applied, refused = (row[0], row[1]) if row else (0, 0)
    return done(session, chunk, applied, refused, missing)


def done(session: Session, chunk: Chunk, applied: int = 0, refused: int = 0, missing: int = 0) -> Counts:
    """Close a chunk; the rows that nothing was noted of were in the shop already."""
    counts = Counts(applied, chunk.rows - applied - refused, refused)
    execute(session, DONE, {"import": chunk.import_id, "number": chunk.number, "missing": missing, **vars(counts)})
    return counts


class DryRun(Exception):
    """Carries the outcomes out of a transaction that is rolled back."""

    def __init__(self, outcomes: list[Outcome], missing: int = 0) -> None:
        super().__init__(f"{len(outcomes)} rows")
        self.outcomes = outcomes
        self.missing = missing


@transactional
def note_dry(session: Session, chunk: Chunk, dry: DryRun, *, actor: Actor) -> Counts:
    """Note what would have become of a chunk's rows."""
    lines, outcomes = [], dry.outcomes
    for number, line, outcome, errors, variant_id, changes, *_after in outcomes:
        said = field(json.dumps(errors, ensure_ascii=False)) if errors else NOTHING
        changed = field(json.dumps(changes, ensure_ascii=False)) if changes else NOTHING
        # A variant that was made and rolled back has an id that nobody else will ever see.
        variant = NOTHING if variant_id is None or outcome == "created" else str(variant_id)
        lines.append(f"{chunk.import_id}\t{number}\t{line}\t{outcome}\t{said}\t{variant}\t{changed}\n")
    if lines:
        copy_in(session, COPY_ROWS, ["".join(lines).encode()])
    refused = sum(1 for outcome in outcomes if outcome[2] == "refused")
    return done(session, chunk, len(outcomes) - refused, refused, dry.missing)


REFUSE_ROW: Final = """
INSERT INTO import_rows (import_id, number, line, outcome, errors)
SELECT %(import)s::bigint, number, line, 'refused', %(errors)s::jsonb FROM import_stage
WHERE import_id = %(import)s AND part = %(first_part)s AND number BETWEEN %(first_row)s AND %(last_row)s
  AND NOT refused"""


@transactional
def refuse_chunk(session: Session, chunk: Chunk, errors: list[dict[str, Any]], *, actor: Actor) -> Counts:
    """Note that the only row of a chunk was refused."""
    execute(session, REFUSE_ROW, {**vars(chunk), "import": chunk.import_id, "errors": json.dumps(errors)})
    return done(session, chunk, refused=chunk.rows)


PARTS: Final = """
SELECT part, count(*) FROM import_stage
WHERE import_id = %(import)s AND part BETWEEN %(first_part)s AND %(last_part)s
  AND number BETWEEN %(first_row)s AND %(last_row)s AND NOT refused
GROUP BY part ORDER BY part"""
NUMBERS: Final = """
SELECT number FROM import_stage
WHERE import_id = %(import)s AND part = %(first_part)s AND number BETWEEN %(first_row)s AND %(last_row)s
  AND NOT refused ORDER BY number"""
SPLIT: Final = """
WITH gone AS (
    DELETE FROM import_chunks WHERE import_id = %(import)s AND number = %(number)s AND done_at IS NULL
)
INSERT INTO import_chunks (import_id, number, first_part, last_part, first_row, last_row, rows)
SELECT %(import)s::bigint, (SELECT max(number) FROM import_chunks WHERE import_id = %(import)s) + n.place,
       n.first_part, n.last_part, n.first_row, n.last_row, n.rows
FROM unnest(%(firsts)s::integer[], %(lasts)s::integer[], %(first_rows)s::integer[], %(last_rows)s::integer[],
            %(counts)s::integer[]) WITH ORDINALITY AS n (first_part, last_part, first_row, last_row, rows, place)"""


@dataclass(frozen=True)
class Told:
    """What became of a row, told by the program."""

    number: int
    line: int
    outcome: str
    errors: list[dict[str, Any]] | None = None
    variant_id: int | None = None
    changes: dict[str, Any] | None = None

    @property
    def outcome_row(self) -> Outcome:
        """As a dry run carries it."""
        return (self.number, self.line, self.outcome, self.errors, self.variant_id, self.changes, None, None)


TOLD: Final = """
SELECT number, line, outcome, nullif(errors, 'null') AS errors, variant_id, nullif(changes, 'null') AS changes,
       NULL::integer AS version_after, NULL::bigint AS seq_after
FROM jsonb_to_recordset(%(told)s::jsonb)
    AS t (number integer, line integer, outcome text, errors jsonb, variant_id bigint, changes jsonb)"""


def note_told(session: Session, chunk: Chunk, told: Sequence[Told]) -> Counts:
    """Note what the program says became of the chunk's rows, and that the chunk is done."""
    text = json.dumps([vars(one) for one in told], ensure_ascii=False)
    return note(session, chunk, TOLD, {"told": text})


@transactional
def split(session: Session, chunk: Chunk, *, within: bool = True, actor: Actor) -> bool:
    """Put two halves in a chunk's place: by products, and within one product by rows; or False when that is one."""
    values = {**vars(chunk), "import": chunk.import_id}
    parts = execute(session, PARTS, values).fetchall()
    if len(parts) > 1:
        middle = len(parts) // 2
        halves = [(half[0][0], half[-1][0], 0, 2**31 - 1, sum(p[1] for p in half))
                  for half in (parts[:middle], parts[middle:])]  # fmt: skip
    elif not within:
        return False
    else:
        numbers = [row[0] for row in execute(session, NUMBERS, values)]
        middle = len(numbers) // 2
        part = chunk.first_part if not parts else parts[0][0]
        halves = [(part, part, half[0], half[-1], len(half)) for half in (numbers[:middle], numbers[middle:]) if half]
    firsts, lasts, first_rows, last_rows, counts = (list(column) for column in zip(*halves, strict=True))
    execute(
        session,
        SPLIT,
        {
            **values,
            "firsts": firsts,
            "lasts": lasts,
            "first_rows": first_rows,
            "last_rows": last_rows,
            "counts": counts,
        },
    )
    return True
