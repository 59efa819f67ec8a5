"""Alerts in their queue: by priority, then by money; found by key, whatever their number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Select, and_, exists, func, select, text
from sqlalchemy.orm import Session, aliased

from magflow.domain.errors import NotFound
from magflow.domain.stock_sync import CAUSES, LOSES, PRIORITIES, TYPES, Recommendation
from magflow.models import Product, StockAlert, StockSyncChange, StockSyncPass, Variant
from magflow.queries.paging import Page, counted, keyed
from magflow.queries.stock_sync import Account, Analysed, accounts, analysed

SECONDS_OF_A_WEEK: Final = 604_800
Pass = StockSyncPass
"""When every offer was looked at, and what that changed."""


@dataclass(frozen=True)
class AlertFilter:
    """What is looked for; a `type` is a cause, or the recommendation that answers it."""

    state: str | None = "open"
    priority: str | None = None
    account: str | None = None
    type: str | None = None
    category: str | None = None
    sku: str | None = None
    variant_id: int | None = None
    needs_weekly_update: bool | None = None


@dataclass(frozen=True)
class AlertRow:
    """An alert with what it is about."""

    alert: StockAlert
    accounts: tuple[Account, ...]
    product_name: str
    needs_weekly_update: bool
    lost_cents: int
    one: Analysed

    @property
    def priority(self) -> str:
        return PRIORITIES[self.alert.priority]

    @property
    def type(self) -> str:
        """What it is found and counted by. `recommendation` says what is best now, which may be to buy anew."""
        return TYPES[self.alert.cause]  # type: ignore[index]

    @property
    def recommendation(self) -> Recommendation | None:
        """What to do, as things stand now; None when the condition is gone."""
        ids = set(self.alert.account_ids)
        fitting = [advice for advice in self.one.analysis.recommendations if advice.cause == self.alert.cause]
        return next((a for a in fitting if ids & {offer.account_id for offer in a.about}), next(iter(fitting), None))

    @property
    def weekly(self) -> Decimal:
        """What it is worth a week, in money; an estimate."""
        return Decimal(self.alert.weekly_cents).scaleb(-2)

    @property
    def lost(self) -> Decimal:
        """What it has cost so far; an estimate, less what the sister account caught."""
        return Decimal(self.lost_cents).scaleb(-2)


def changes_waiting(session: Session, most: int) -> int:
    """How many changes of offers nobody has looked at yet; at most `most` are counted."""
    waiting = select(StockSyncChange.id).limit(most).subquery()
    return session.scalar(select(func.count()).select_from(waiting)) or 0


def alerts(
    session: Session, wanted: AlertFilter, *, after: Sequence[int] | None = None, limit: int = 50
) -> Page[AlertRow]:
    """A page of the queue, the worst first. Its `next_key` is (place, id)."""
    every = accounts(session)
    page = keyed(session, _matching(wanted, every), [StockAlert.place, StockAlert.id], after=after, limit=limit)
    rows = alert_rows(session, [key[1] for key in page.rows], every)
    return Page(rows, page.total, page.total_is_estimate, page.next_key)


def _matching(wanted: AlertFilter, every: Sequence[Account]) -> Select[Any]:
    statement = cast("Select[Any]", select(StockAlert.place, StockAlert.id))
    for condition in _conditions(wanted, every):
        statement = statement.where(condition)
    if wanted.category or wanted.sku:
        statement = statement.join(Variant, Variant.id == StockAlert.variant_id)
        if wanted.sku:
            statement = statement.where(Variant.sku == wanted.sku)
        if wanted.category:
            statement = statement.join(Product, Product.id == Variant.product_id)
            statement = statement.where(Product.category == wanted.category)
    return statement


def _conditions(wanted: AlertFilter, every: Sequence[Account]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.state:
        found.append(StockAlert.state == wanted.state)
    if wanted.variant_id is not None:
        found.append(StockAlert.variant_id == wanted.variant_id)
    if wanted.priority:
        found.append(StockAlert.priority == list[str](PRIORITIES).index(wanted.priority))
    if wanted.type:
        causes = [cause for cause, type_ in TYPES.items() if wanted.type in {cause, type_}]
        found.append(StockAlert.cause.in_(causes))
    if wanted.account:
        ids = [one.id for one in every if wanted.account.lower() in {one.label, one.code}]
        found.append(StockAlert.account_ids.overlap(ids))
    if wanted.needs_weekly_update is not None:
        found.append(_stale() if wanted.needs_weekly_update else ~_stale())
    return found


def _stale() -> ColumnElement[bool]:
    other = aliased(StockAlert)
    return exists(
        select(other.id).where(
            and_(other.variant_id == StockAlert.variant_id, other.cause == "stale", other.resolved_at.is_(None))
        )
    )


def closed(
    session: Session,
    *,
    sku: str | None = None,
    variant_id: int | None = None,
    after: int | None = None,
    limit: int = 50,
) -> Page[AlertRow]:
    """What is over or was dismissed, the newest first."""
    statement = select(StockAlert.id).where(StockAlert.state.in_(("resolved", "dismissed")))
    if variant_id is not None:
        statement = statement.where(StockAlert.variant_id == variant_id)
    if sku:
        statement = statement.join(Variant, Variant.id == StockAlert.variant_id).where(Variant.sku == sku)
    total, estimate = counted(session, statement)
    if after is not None:
        statement = statement.where(StockAlert.id < after)
    ids = list(session.scalars(statement.order_by(StockAlert.id.desc()).limit(limit + 1)))
    more, ids = len(ids) > limit, ids[:limit]
    return Page(alert_rows(session, ids), total, estimate, ids[-1] if more else None)


def alert_rows(session: Session, ids: Sequence[int], every: Sequence[Account] | None = None) -> list[AlertRow]:
    """These alerts in this order, with everything that is said of them."""
    if not ids:
        return []
    named: Mapping[int, Account] = {one.id: one for one in (accounts(session) if every is None else every)}
    found = {
        alert.id: (alert, name, stale)
        for alert, name, stale in session.execute(
            select(StockAlert, Product.name, _stale())
            .join(Variant, Variant.id == StockAlert.variant_id)
            .join(Product, Product.id == Variant.product_id)
            .where(StockAlert.id.in_(ids))
        )
    }
    now = datetime.now(UTC)
    looked = analysed(session, list({alert.variant_id for alert, _name, _stale in found.values()}), now)
    return [
        AlertRow(
            alert,
            tuple(named[id_] for id_ in alert.account_ids if id_ in named),
            name,
            stale,
            lost_so_far(alert, now),
            looked[alert.variant_id],
        )
        for alert, name, stale in (found[id_] for id_ in ids if id_ in found)
    ]


def lost_so_far(alert: StockAlert, now: datetime) -> int:
    """Cents, up to now while it lasts."""
    if alert.resolved_at is not None or alert.cause not in LOSES:
        return alert.lost_cents
    seconds = max(0.0, (now - alert.counted_at).total_seconds())
    return alert.lost_cents + round(alert.weekly_cents * seconds / SECONDS_OF_A_WEEK)


def alert(session: Session, alert_id: int) -> AlertRow:
    """One alert. Raises NotFound."""
    rows = alert_rows(session, [alert_id])
    if not rows:
        raise NotFound("alert", alert_id)
    return rows[0]


@dataclass(frozen=True)
class Summary:
    """How many alerts wait for a person."""

    by_cause: Mapping[str, int]
    by_priority: Mapping[str, int]
    snoozed: int
    lost_cents: int
    """What the open ones have cost so far."""

    @property
    def total(self) -> int:
        return sum(self.by_cause.values())

    @property
    def lost(self) -> Decimal:
        """The same in money."""
        return Decimal(self.lost_cents).scaleb(-2)

    @property
    def critical(self) -> int:
        return self.by_cause.get("zero_stock", 0)

    @property
    def maintenance(self) -> int:
        return self.by_cause.get("stale", 0)

    @property
    def by_type(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for cause, number in self.by_cause.items():
            type_ = TYPES[cause]  # type: ignore[index]
            counts[type_] = counts.get(type_, 0) + number
        return counts


COUNTS: Final = """
SELECT cause, priority, count(*) FILTER (WHERE state = 'open') AS open,
       count(*) FILTER (WHERE state = 'snoozed') AS asleep,
       sum(lost_cents + CASE WHEN cause = ANY (:losing) THEN round(weekly_cents
           * extract(epoch FROM clock_timestamp() - counted_at) / 604800) ELSE 0 END)
           FILTER (WHERE state = 'open') AS lost
FROM stock_alerts WHERE resolved_at IS NULL GROUP BY cause, priority"""


def summary(session: Session) -> Summary:
    """The counts of everything that is open, in one statement."""
    by_cause: dict[str, int] = {}
    by_priority = dict.fromkeys(PRIORITIES, 0)
    snoozed, lost = 0, Decimal(0)
    for cause, priority, number, asleep, cents in session.execute(text(COUNTS), {"losing": sorted(LOSES)}):
        by_cause[cause] = by_cause.get(cause, 0) + number
        by_priority[PRIORITIES[priority]] += number
        snoozed += asleep
        lost += cents or 0
    return Summary(
        {cause: number for cause, number in by_cause.items() if number},
        {str(name): number for name, number in by_priority.items()},
        snoozed,
        int(lost),
    )


def needing_people(session: Session, most: int = 99) -> int:
    """How many open alerts ask for an action; at most `most` are counted."""
    waiting = select(StockAlert.id).where(StockAlert.state == "open", StockAlert.priority < 2).limit(most).subquery()
    return session.scalar(select(func.count()).select_from(waiting)) or 0


def last_pass(session: Session) -> Pass | None:
    """When every offer was last looked at; None in a new shop."""
    return session.scalar(select(StockSyncPass).order_by(StockSyncPass.ended_at.desc()).limit(1))


STALE: Final = """
SELECT m.account_id, count(*) FROM stock_alerts a, unnest(a.account_ids) AS m (account_id)
WHERE a.state = 'open' AND a.priority = :normal AND a.cause = 'stale' GROUP BY m.account_id"""


def stale_by_account(session: Session) -> dict[int, int]:
    """How many offers of each account have to be sent again."""
    rows = session.execute(text(STALE), {"normal": PRIORITIES.index(CAUSES["stale"])})
    return {row[0]: row[1] for row in rows}
