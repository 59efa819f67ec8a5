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
from magflow.domain.stock_sync import SAFE, Recommendation
from magflow.models import AutomationRule
from magflow.queries import stock_alerts
from magflow.queries import stock_sync as reads
from magflow.services.automation import rules
from magflow.services.automation.rules import Line, OfRule
from magflow.services.stock_sync import transfers
from magflow.services.stock_sync.suggestion import Plan, Wanted, plan
from magflow.services.stock_sync.transfers import NewTransfer

LOOKED_AT: Final = 200
"""Alerts of one run, the worst first."""
FRESH: Final = timedelta(hours=24)
"""Nothing is moved by itself on readings that are older."""

ALERTS: Final = """
SELECT id, variant_id FROM stock_alerts
WHERE state = 'open' AND priority = 0 AND cause = 'zero_stock' AND %(account)s = ANY (account_ids)
ORDER BY place, id LIMIT %(most)s"""
OPEN: Final = """
SELECT EXISTS (SELECT FROM transfers WHERE variant_id = %(variant)s
               AND state IN ('suggested', 'approved', 'running', 'failed')),
       EXISTS (SELECT FROM transfers WHERE alert_id = %(alert)s AND state = 'cancelled')"""
OFFER: Final = "SELECT id FROM offers WHERE account_id = %(account)s AND variant_id = %(variant)s"
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
    """The alerts that the rule has to decide on; none when it is off or paused. Raises NotFound."""
    held = rules.hold(session, command.account_id, "transfer")
    if not rules.wakes(held, rules.moment(session)):
        return []
    session.flush()
    found = execute(session, ALERTS, {"account": held.account_id, "most": LOOKED_AT})
    return [Carry(held.account_id, alert_id, variant_id) for alert_id, variant_id in found]


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
    offer = execute(session, OFFER, {"account": command.account_id, "variant": command.variant_id}).fetchone()
    about = _About(held, today, offer[0] if offer else None, command.variant_id, row.one.analysis.sku)
    reason = _why_not(session, command, advice, row, now)
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


def _why_not(
    session: Session, command: Carry, advice: Recommendation | None, row: stock_alerts.AlertRow, now: datetime
) -> str | None:
    """The first reason to leave it alone; None when there is none."""
    if advice is None or advice.giver is None or advice.receiver is None:
        return "no_giver"
    opened, turned_down = execute(
        session, OPEN, {"variant": command.variant_id, "alert": command.alert_id}
    ).fetchone() or (False, False)
    if opened:
        return "transfer_open"
    if turned_down:
        return "turned_down"
    sides = {advice.giver.account_id, advice.receiver.account_id}
    read = [offer.last_read_at for offer in row.one.offers if offer.facts.account_id in sides]
    if any(at is None or now - at > FRESH for at in read):
        return "data_old"
    return None


def _done(session: Session, command: Carry, about: _About, advice: Recommendation, actor: Actor) -> Decided:
    """Move what the giver can spare above its floor, or say why not."""
    giver, receiver = advice.giver, advice.receiver
    assert giver is not None  # noqa: S101 - asked before
    assert receiver is not None  # noqa: S101 - as above
    amount = min(advice.amount or 0, giver.stock - about.rule.floor)
    facts: dict[str, str | int | None] = {"amount": amount, "giver": giver.code}
    if amount < 1:
        return _noted(session, about, Decided("skipped", "floor"), giver=giver.code)
    wanted = Wanted(command.variant_id, giver.code, receiver.code, amount)
    try:
        made = plan(session, wanted)
        if made.effect.from_impact != SAFE or made.effect.warnings:
            return _noted(session, about, Decided("skipped", "review"), **facts)
        at_once = _one_pool(session, made)
        if about.rule.mode == "dry_run":
            return _noted(session, about, Decided("would", "carried_out" if at_once else "proposal"), **facts)
        new = NewTransfer(wanted, approve=at_once, alert_id=command.alert_id)
        with savepoint(session):
            transfer = transfers.create.within(session, new, actor=actor).transfer
    except Refused as refused:
        return _noted(session, about, Decided("failed", refused.code), **facts, said=str(refused))
    decided = Decided("done" if at_once else "proposed", transfer_id=transfer.id)
    return _noted(session, about, decided, **facts)


def _one_pool(session: Session, made: Plan) -> bool:
    """Whether only numbers change, inside one warehouse."""
    pools = {account.id: account.pool for account in reads.accounts(session)}
    return made.kind == "redivide" and pools[made.giver.id] == pools[made.receiver.id]
