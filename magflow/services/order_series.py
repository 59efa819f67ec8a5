"""Series of order numbers: MF-2027-000123. Each counts by itself, from a sequence; nobody waits for anybody."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid

ADD: Final = "SELECT magflow_add_order_series(%(code)s, %(label)s, %(source)s)"
NEXT: Final = """
SELECT magflow_order_number(code) FROM order_series WHERE source = %(source)s"""


@dataclass(frozen=True)
class AddSeries:
    """`source`: whose orders are numbered in it unless they bring a number."""

    code: str
    label: str
    source: str | None = None


@transactional
def add(session: Session, command: AddSeries, *, actor: Actor) -> str:
    """Begin a series. Raises Invalid for a code that is no two to eight capital letters, AlreadyTaken."""
    code = command.code.upper()
    if not (2 <= len(code) <= 8 and code.isascii() and code.isalnum() and code[0].isalpha()):
        raise Invalid([FieldError("code", "not_a_series")])
    execute(session, ADD, {"code": code, "label": command.label, "source": command.source})
    return code


def next_number(session: Session, source: str) -> str | None:
    """The next number of the series that this source has; None where it has none, and the shop's own counts."""
    row = execute(session, NEXT, {"source": source}).fetchone()
    return str(row[0]) if row else None
