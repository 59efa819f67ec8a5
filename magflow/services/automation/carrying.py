"""Transfers that are made by themselves: for alerts of high priority, towards the account in which the rule is on.

Where both accounts sell from one divided pool, numbers are changed at once. Where goods would have to travel, or the
figure of another warehouse would be written, only a proposal is made, and a person says yes. What a person would be
asked to review is never done: it stands in the log, with its reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, savepoint, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import Refused
from magflow.domain.notices import local_day
from magflow.domain.stock_sync import SAFE, Recommendation, effect
from magflow.models import AutomationRule
from magflow.queries import stock_alerts
from magflow.services.automation import rules
from magflow.services.automation.rules import Line, OfRule
from magflow.services.stock_sync import transfers
from magflow.services.stock_sync.suggestion import Wanted, plan
from magflow.services.stock_sync.transfers import NewTransfer

LOOKED_AT: Final = 1_000
"""Alerts of one run, the worst first."""
FRESH: Final = timedelta(hours=24)
"""Nothing is moved by itself on readings that are older."""

ALERTS: Final = """
SELECT id, variant_id FROM stock_alerts
WHERE state = 'open' AND priority = 0 AND cause = 'zero_stock' AND %(account)s = ANY (account_ids)
ORDER BY place, id LIMIT %(most)s"""
KNOWN: Final = """
SELECT a.id, o.id,
       EXISTS (SELECT FROM transfers t WHERE t.variant_id = a.variant_id
               AND t.state IN ('suggested', 'approved', 'running', 'failed')),
       EXISTS (SELECT FROM transfers t WHERE t.alert_id = a.id AND t.state = 'cancelled'),
       %(dry)s AND EXISTS (SELECT FROM automation_entries e WHERE e.account_id = %(account)s AND e.rule = 'transfer'
               AND e.offer_id = o.id AND e.day = %(day)s AND e.outcome = 'would')
FROM stock_alerts a LEFT JOIN offers o ON o.account_id = %(account)s AND o.variant_id = a.variant_id
WHERE a.id = ANY (%(alerts)s::bigint[])"""
STILL: Final = "SELECT state = 'open' AND priority = 0 FROM stock_alerts WHERE id = %(alert)s"


@dataclass(frozen=True)
class Carry:
    account_id: int
    alert_id: int
    variant_id: int


@dataclass(frozen=True)
class Decided:
    """What was decided for an alert, and whether the rule may go on."""

    outcome: str
    reason: str = ""
    transfer_id: int | None = None
    more: bool = True


def run(account_id: int, *, actor: Actor) -> list[Decided]:
    """Look at the alerts of an account. Raises NotFound."""
    waiting = look(OfRule(account_id, "transfer"), actor=actor)
    decided: list[Decided] = []
    for command in waiting:
        decided.append(carry(command, actor=actor))
        if not decided[-1].more:
            break
    if decided:
        failed = all(one.outcome == "failed" for one in decided)
        rules.ran(OfRule(account_id, "transfer"), failed, actor=actor)
    return decided


@transactional
def look(session: Session, command: OfRule, *, actor: Actor) -> list[Carry]:
    """The alerts that the rule may act on; why it leaves the others alone is written down for all of them together.

    None when it is off or paused. Raises NotFound.
    """
    held = rules.hold(session, command.account_id, "transfer")
    now = rules.moment(session)
    if not rules.wakes(held, now):
        return []
    session.flush()
    today = local_day(now, rules.shop_zone())
    found = execute(session, ALERTS, {"account": held.account_id, "most": LOOKED_AT}).fetchall()
    if not found:
        return []
    about = {"alerts": [row[0] for row in found], "account": held.account_id, "day": today,
             "dry": held.mode == "dry_run"}  # fmt: skip
    known = {row[0]: _Known(*row[1:]) for row in execute(session, KNOWN, about)}
    left: list[Line] = []
    candidates = []
    for row in stock_alerts.alert_rows(session, [row[0] for row in found]):
        there = known[row.alert.id]
        reason = "seen" if there.seen else _why_not(row, there, held, now)
        if reason is None:
            candidates.append(Carry(held.account_id, row.alert.id, row.alert.variant_id))
        elif reason != "seen":
            sku = row.one.analysis.sku
            left.append(Line("skipped", reason, there.offer_id, row.alert.variant_id, sku))
    rules.note_many(session, held, today, left)
    return candidates


@transactional
def carry(session: Session, command: Carry, *, actor: Actor) -> Decided:
    """Decide on one alert, and do it. Decided again, nothing more happens."""
    # The variant's name as transfers hold it: what is read of its transfers here is still so when one is made.
    held = rules.hold(session, command.account_id, "transfer", transfers.names_of(command.variant_id))
    now = rules.moment(session)
    if not rules.wakes(held, now):
        return Decided("skipped", "off", more=False)
    still = execute(session, STILL, {"alert": command.alert_id}).fetchone()
    if not still or not still[0]:
        return Decided("skipped", "gone")
    today = local_day(now, rules.shop_zone())
    row = stock_alerts.alert(session, command.alert_id)
    advice = _advice(row.one.analysis.recommendations, command.account_id)
    about_it = {"alerts": [command.alert_id], "account": held.account_id, "day": today, "dry": False}
    there = _Known(*(execute(session, KNOWN, about_it).fetchone() or (0, None, False, False, False))[1:])
    about = _About(held, today, there.offer_id, command.variant_id, row.one.analysis.sku)
    reason = _why_not(row, there, held, now)
    if reason is None and rules.allowed(session, held, today).left == 0:
        reason = "maximum"
        rules.reached(held, now, rules.shop_zone())
    if reason is not None or advice is None:
        return _noted(session, about, Decided("skipped", reason or "no_giver", more=reason != "maximum"))
    return _done(session, command, about, advice, actor)


@dataclass(frozen=True)
class _About:
    rule: AutomationRule
    today: date
    offer_id: int | None
    variant_id: int
    sku: str


def _noted(session: Session, about: _About, decided: Decided, **more: str | int | None) -> Decided:
    amount, giver, said = more.get("amount"), more.get("giver"), more.get("said")
    line = Line(
        decided.outcome,
        decided.reason,
        about.offer_id,
        about.variant_id,
        about.sku,
        amount if isinstance(amount, int) else None,
        giver if isinstance(giver, str) else None,
        decided.transfer_id,
        said if isinstance(said, str) else None,
    )
    rules.note(session, about.rule, about.today, line)
    session.flush()
    return decided


def _advice(every: Sequence[Recommendation], account_id: int) -> Recommendation | None:
    fitting = (one for one in every if one.cause == "zero_stock" and one.giver and one.receiver)
    return next((one for one in fitting if one.receiver and one.receiver.account_id == account_id), None)


@dataclass(frozen=True)
class _Known:
    """What is known of an alert beside itself."""

    offer_id: int | None
    opened: bool
    """A transfer of its SKU is not finished."""
    turned_down: bool
    """A person cancelled what was proposed for it."""
    seen: bool
    """The dry run has said today what it would do."""


def _why_not(row: stock_alerts.AlertRow, known: _Known, held: AutomationRule, now: datetime) -> str | None:
    """The first reason to leave it alone; None when there is none."""
    advice = _advice(row.one.analysis.recommendations, held.account_id)
    if known.opened:
        return "transfer_open"
    if advice is None or advice.giver is None or advice.receiver is None:
        return "no_giver"
    if known.turned_down:
        return "turned_down"
    sides = {advice.giver.account_id, advice.receiver.account_id}
    read = [offer.last_read_at for offer in row.one.offers if offer.facts.account_id in sides]
    if any(at is None or now - at > FRESH for at in read):
        return "data_old"
    amount = _amount(advice, held)
    if amount < 1:
        return "floor"
    done = effect(advice.giver, advice.receiver, amount, row.one.analysis.thresholds)
    return "review" if done.from_impact != SAFE or done.warnings else None


def _amount(advice: Recommendation, held: AutomationRule) -> int:
    """What the giver can spare above its floor."""
    return min(advice.amount or 0, (advice.giver.stock if advice.giver else 0) - held.floor)


def _done(session: Session, command: Carry, about: _About, advice: Recommendation, actor: Actor) -> Decided:
    """Move it, or propose it, or say what would be done."""
    giver, receiver = advice.giver, advice.receiver
    assert giver is not None  # noqa: S101 - asked before
    assert receiver is not None  # noqa: S101 - as above
    amount = _amount(advice, about.rule)
    facts: dict[str, str | int | None] = {"amount": amount, "giver": giver.code}
    wanted = Wanted(command.variant_id, giver.code, receiver.code, amount)
    try:
        made = plan(session, wanted)
        # Only where numbers change and no goods move: inside one warehouse.
        at_once = made.kind == "redivide" and made.giver.pool == made.receiver.pool
        if about.rule.mode == "dry_run":
            return _noted(session, about, Decided("would", "carried_out" if at_once else "proposal"), **facts)
        new = NewTransfer(wanted, approve=at_once, alert_id=command.alert_id)
        with savepoint(session):
            transfer = transfers.create.within(session, new, actor=actor).transfer
    except Refused as refused:
        return _noted(session, about, Decided("failed", refused.code), **facts, said=str(refused))
    decided = Decided("done" if at_once else "proposed", transfer_id=transfer.id)
    return _noted(session, about, decided, **facts)
