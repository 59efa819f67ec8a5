"""The rules of each account, what they did today, and the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from magflow.domain.automation import DAILY_MAX, FLOOR, RULES
from magflow.models import AutomationEntry, AutomationRule
from magflow.queries.paging import Page, counted
from magflow.queries.stock_sync import Account, accounts

COUNTED: Final = ("waiting", "done", "proposed", "rejected", "failed")
"""What counts against a day's maximum."""


@dataclass(frozen=True)
class RuleRow:
    """A rule in an account, and how its day goes."""

    account: Account
    rule: str
    mode: str
    daily_max: int
    more: int
    floor: int
    paused_reason: str | None
    paused_at: datetime | None
    paused_until: datetime | None
    ran_at: datetime | None
    today: Mapping[str, int]
    """Outcome -> how many, of today."""

    @property
    def used(self) -> int:
        return sum(self.today.get(outcome, 0) for outcome in COUNTED)

    @property
    def most(self) -> int:
        return self.daily_max + self.more


def rules(session: Session, today: date) -> list[RuleRow]:
    """Every rule of every account, switched on or not."""
    kept = {(row.account_id, row.rule): row for row in session.scalars(select(AutomationRule))}
    counts: dict[tuple[int, str], dict[str, int]] = {}
    for account_id, rule, outcome, number in session.execute(
        select(AutomationEntry.account_id, AutomationEntry.rule, AutomationEntry.outcome, func.count())
        .where(AutomationEntry.day == today)
        .group_by(AutomationEntry.account_id, AutomationEntry.rule, AutomationEntry.outcome)
    ):
        counts.setdefault((account_id, rule), {})[outcome] = number
    return [
        _row(account, rule, kept.get((account.id, rule)), counts.get((account.id, rule), {}), today)
        for account in accounts(session)
        for rule in RULES
    ]


def _row(account: Account, rule: Any, kept: AutomationRule | None, counts: Mapping[str, int], today: date) -> RuleRow:
    if kept is None:
        floor = FLOOR if rule == "transfer" else 0
        return RuleRow(account, rule, "off", DAILY_MAX[rule], 0, floor, None, None, None, None, counts)
    return RuleRow(
        account, rule, kept.mode, kept.daily_max, kept.more if kept.more_on == today else 0, kept.floor,
        kept.paused_reason, kept.paused_at, kept.paused_until, kept.ran_at, counts,
    )  # fmt: skip


def active(session: Session, rule: str) -> list[int]:
    """The accounts in which a rule may have to work: switched on or dry, and not waiting for a person."""
    return list(
        session.scalars(
            select(AutomationRule.account_id)
            .where(
                AutomationRule.rule == rule,
                AutomationRule.mode != "off",
                AutomationRule.paused_reason.is_(None) | (AutomationRule.paused_until <= func.clock_timestamp()),
            )
            .order_by(AutomationRule.account_id)
        )
    )


def waiting(session: Session) -> list[int]:
    """The accounts of which refreshed offers wait for an answer."""
    found = select(AutomationEntry.account_id).where(AutomationEntry.outcome == "waiting").distinct()
    return sorted(session.scalars(found))


@dataclass(frozen=True)
class Paused:
    """A rule that stopped, for Home."""

    account: Account
    rule: str
    reason: str
    until: datetime | None


def paused(session: Session) -> list[Paused]:
    """Rules that are switched on and do nothing."""
    rows = session.scalars(
        select(AutomationRule)
        .where(
            AutomationRule.mode != "off",
            AutomationRule.paused_reason.is_not(None),
            AutomationRule.paused_until.is_(None) | (AutomationRule.paused_until > func.clock_timestamp()),
        )
        .order_by(AutomationRule.account_id, AutomationRule.rule)
    ).all()
    if not rows:
        return []
    named = {account.id: account for account in accounts(session)}
    return [Paused(named[row.account_id], row.rule, row.paused_reason or "", row.paused_until) for row in rows]


@dataclass(frozen=True)
class LogFilter:
    account_id: int | None = None
    rule: str | None = None
    outcome: str | None = None
    sku: str | None = None


@dataclass(frozen=True)
class LogRow:
    entry: AutomationEntry
    account: Account | None


def log(session: Session, wanted: LogFilter, *, after: int | None = None, limit: int = 50) -> Page[LogRow]:
    """What was done, would have been done, or was not and why; the newest first."""
    statement = select(AutomationEntry)
    for column, value in (
        (AutomationEntry.account_id, wanted.account_id),
        (AutomationEntry.rule, wanted.rule),
        (AutomationEntry.outcome, wanted.outcome),
        (AutomationEntry.sku, wanted.sku),
    ):
        if value is not None:
            statement = statement.where(column == value)
    total, estimate = counted(session, statement)
    if after is not None:
        statement = statement.where(AutomationEntry.id < after)
    rows = list(session.scalars(statement.order_by(AutomationEntry.id.desc()).limit(limit + 1)))
    more, rows = len(rows) > limit, rows[:limit]
    named = {account.id: account for account in accounts(session)}
    found = [LogRow(row, named.get(row.account_id)) for row in rows]
    return Page(found, total, estimate, rows[-1].id if more else None)


@dataclass(frozen=True)
class Done:
    """What a rule did since a moment."""

    rule: str
    outcome: str
    number: int


DONE: Final = """
SELECT rule, outcome, count(*) FROM automation_entries
WHERE at >= :since AND outcome IN ('done', 'proposed', 'rejected', 'failed') GROUP BY rule, outcome ORDER BY 1, 2"""


def done_since(session: Session, since: datetime) -> list[Done]:
    """What was done by itself."""
    return [Done(*row) for row in session.execute(text(DONE), {"since": since})]
