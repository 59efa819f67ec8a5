"""Whether the data are as they must be: the checks of `magflow audit`, one set-based statement each.

They only read, and may run at any time while the shop sells. On a shop that was not adopted yet, the preflight of the
adoption is run instead, and the checks that need MagFlow's own tables say that they were passed over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from magflow.db import db
from magflow.services import adoption
from magflow.services.invariant_checks import CHECKS, Question

Severity = Literal["critical", "warning"]

LISTED: Final = 100
"""Rows that a check hands out; it counts them all."""


@dataclass(frozen=True)
class Check:
    """What one check found. `skipped` says why it could not be asked."""

    name: str
    severity: Severity
    meaning: str
    count: int = 0
    rows: Sequence[Mapping[str, Any]] = ()
    skipped: str | None = None

    @property
    def critical(self) -> bool:
        """Whether a finding of this check makes `magflow audit` fail."""
        return self.severity == "critical"

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "name": self.name,
            "severity": self.severity,
            "meaning": self.meaning,
            "count": self.count,
            "rows": list(self.rows),
            "skipped": self.skipped,
        }

    def as_line(self) -> str:
        """One line for a terminal; findings name their first rows."""
        if self.skipped:
            return f"skipped   {self.name}: {self.skipped}"
        if not self.count:
            return f"ok        {self.name}: 0"
        first = "; ".join(", ".join(f"{key} {value}" for key, value in row.items()) for row in self.rows[:5])
        return f"{self.severity:9} {self.name}: {self.count} ({self.meaning}): {first}"


def audit(session: Session | Connection | None = None) -> list[Check]:
    """Ask every question. Without a session, over a connection of its own."""
    if session is None:
        with db.engine.connect() as connection:
            return audit(connection)
    connection = session.connection() if isinstance(session, Session) else session
    _take_time(connection)
    if connection.scalar(text("SELECT to_regclass('public.stock_movements')")) is None:
        return _before_adoption(connection)
    return [_ask(connection, question) for question in CHECKS]


def findings(checks: Sequence[Check]) -> list[Check]:
    """Those that found something."""
    return [check for check in checks if check.count]


def _ask(connection: Connection, question: Question) -> Check:
    statement = (
        f"WITH found AS MATERIALIZED ({question.statement}) "
        "SELECT (SELECT count(*) FROM found), (SELECT coalesce(jsonb_agg(to_jsonb(f)), '[]') "
        f"FROM (SELECT * FROM found LIMIT {LISTED}) f)"
    )
    count, rows = connection.exec_driver_sql(statement.replace("%", "%%")).one()
    return Check(question.name, question.severity, question.meaning, count, rows)


def _before_adoption(connection: Connection) -> list[Check]:
    """The preflight as checks; what stops an adoption is critical."""
    report = adoption.preflight(connection)
    found = {finding.check: finding for finding in report.findings}
    skipped = dict(reason.split(": ", 1) for reason in report.skipped)
    asked = [
        Check(
            check.name,
            "critical" if check.consequence == "stops" else "warning",
            check.meaning,
            len(found[check.name].rows) if check.name in found else 0,
            found[check.name].rows[:LISTED] if check.name in found else (),
            skipped.get(check.name),
        )
        for check in adoption.checks()
    ]
    names = {check.name for check in asked}
    later = [
        Check(question.name, question.severity, question.meaning, skipped="the shop was not adopted yet")
        for question in CHECKS
        if question.name not in names
    ]
    return asked + later


def _take_time(connection: Connection) -> None:
    """Sums over the whole ledger take longer than a web request may; for this transaction only."""
    connection.execute(
        text(
            "SELECT set_config(name, '600000', true) FROM pg_settings "
            "WHERE name IN ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout')"
        )
    )
