"""The rules of an account: switched, limited, paused, let go on; and the log of what they did.

Everything that counts what a rule did today, or adds to it, holds the rule's name (`hold`): two workers together never
do more than was allowed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, transactional
from magflow.domain.actors import Actor
from magflow.domain.automation import (
    DAILY_MAX,
    FAILURES,
    FLOOR,
    LARGEST_FLOOR,
    LARGEST_MAX,
    MODES,
    RULES,
    Allowed,
    Rule,
)
from magflow.domain.errors import FieldError, Invalid
from magflow.domain.notices import local_day, next_midnight
from magflow.models import AutomationRule
from magflow.services import accounts, jobs

KEPT_DAYS: Final = 90
RUN_TASKS: Final = {"refresh": "automation.refresh_account", "transfer": "automation.transfer_account"}

FIND: Final = """
INSERT INTO automation_rules (account_id, rule, daily_max, floor)
VALUES (%(account)s, %(rule)s, %(daily_max)s, %(floor)s) ON CONFLICT DO NOTHING"""
USED: Final = """
SELECT count(*) FROM automation_entries
WHERE account_id = %(account)s AND rule = %(rule)s AND day = %(day)s
  AND outcome = ANY (CASE WHEN %(dry)s THEN ARRAY['would']
                          ELSE ARRAY['waiting', 'done', 'proposed', 'rejected', 'failed'] END)"""
# The same line again is no news; a transfer is.
NOTE: Final = """
INSERT INTO automation_entries (day, account_id, rule, offer_id, variant_id, sku, outcome, reason, amount, giver,
                                transfer_id, said, settled_at)
VALUES (%(day)s, %(account)s, %(rule)s, %(offer)s, %(variant)s, %(sku)s, %(outcome)s, %(reason)s, %(amount)s,
        %(giver)s, %(transfer)s, %(said)s, CASE WHEN %(outcome)s = 'waiting' THEN NULL ELSE clock_timestamp() END)
ON CONFLICT (account_id, rule, offer_id, day, outcome, reason) WHERE transfer_id IS NULL DO NOTHING"""


@dataclass(frozen=True)
class ChangeRule:
    """What is None stays as it is."""

    account_id: int
    rule: str
    mode: str | None = None
    daily_max: int | None = None
    floor: int | None = None


@dataclass(frozen=True)
class OfRule:
    account_id: int
    rule: str


@dataclass(frozen=True)
class Line:
    """A line of the log."""

    outcome: str
    reason: str = ""
    offer_id: int | None = None
    variant_id: int | None = None
    sku: str | None = None
    amount: int | None = None
    giver: str | None = None
    transfer_id: int | None = None
    said: str | None = None


@transactional
def change(session: Session, command: ChangeRule, *, actor: Actor) -> AutomationRule:
    """Switch a rule, or change its limits; switching it ends a pause. Raises NotFound, Invalid."""
    rule = checked(command.rule)
    errors = []
    if command.mode is not None and command.mode not in MODES:
        errors.append(FieldError("mode", "not_one_of", {"choices": ", ".join(MODES)}))
    for name, value, least, most in (
        ("daily_max", command.daily_max, 1, LARGEST_MAX[rule]),
        ("floor", command.floor, 0, LARGEST_FLOOR),
    ):
        if value is not None and not least <= value <= most:
            errors.append(FieldError(name, "out_of_range", {"least": least, "limit": most}))
    if errors:
        raise Invalid(errors)
    found = hold(session, command.account_id, rule)
    for name in ("daily_max", "floor"):
        if (given := getattr(command, name)) is not None:
            setattr(found, name, given)
    if command.mode is not None and command.mode != found.mode:
        found.mode = command.mode
        _go_on(found)
    session.flush()
    return found


@transactional
def pause(session: Session, command: OfRule, *, actor: Actor) -> AutomationRule:
    """Stop a rule until a person lets it go on. Again changes nothing. Raises NotFound, Invalid."""
    found = hold(session, command.account_id, checked(command.rule))
    if found.paused_reason != "person":
        _stop(found, "person", None)
        session.flush()
    return found


@transactional
def resume(session: Session, command: OfRule, *, actor: Actor) -> AutomationRule:
    """Let a paused rule go on; one that has reached its maximum may do as much again today.

    Again changes nothing. Raises NotFound, Invalid.
    """
    found = hold(session, command.account_id, checked(command.rule))
    if found.paused_reason is None:
        return found
    if found.paused_reason == "maximum":
        today = shop_day(session)
        found.more = (found.more if found.more_on == today else 0) + found.daily_max
        found.more_on = today
    _go_on(found)
    session.flush()
    return found


@transactional
def ask(session: Session, command: OfRule, *, actor: Actor) -> None:
    """Somebody wants a rule to run now; a job does it. Raises NotFound, Invalid."""
    rule = checked(command.rule)
    accounts.get(session, command.account_id)
    task = RUN_TASKS[rule]
    jobs.enqueue(session, task, queueing_lock=f"{task}:{command.account_id}", account_id=command.account_id)


def checked(rule: str) -> Rule:
    """The rule of this name. Raises Invalid."""
    for known in RULES:
        if rule == known:
            return known
    raise Invalid([FieldError("rule", "not_one_of", {"choices": ", ".join(RULES)})])


# --- for the rules themselves ----------------------------------------------------------------------------------------


def names_of(account_id: int, rule: str) -> tuple[str, str, str]:
    """What whoever works as a rule holds."""
    return ("automation", rule, str(account_id))


def hold(session: Session, account_id: int, rule: Rule, *more: Sequence[str]) -> AutomationRule:
    """The rule as it stands, with its name held until the end of the transaction, and `more` names. Raises NotFound."""
    lock_names(session, [names_of(account_id, rule), *more])
    accounts.get(session, account_id)
    execute(session, FIND, {"account": account_id, "rule": rule, "daily_max": DAILY_MAX[rule],
                            "floor": FLOOR if rule == "transfer" else 0})  # fmt: skip
    found = session.get(AutomationRule, (account_id, rule), populate_existing=True)
    assert found is not None  # noqa: S101 - it was just made sure
    return found


def wakes(rule: AutomationRule, now: datetime) -> bool:
    """Whether it may work now; a pause that is over ends here."""
    if rule.mode == "off":
        return False
    if rule.paused_reason is None:
        return True
    if rule.paused_until is None or rule.paused_until > now:
        return False
    _go_on(rule)
    return True


def allowed(session: Session, rule: AutomationRule, today: date) -> Allowed:
    """What it may do today, and what it has done. The caller holds the rule."""
    given = {"account": rule.account_id, "rule": rule.rule, "day": today, "dry": rule.mode == "dry_run"}
    row = execute(session, USED, given).fetchone()
    return Allowed(rule.daily_max + (rule.more if rule.more_on == today else 0), row[0] if row else 0)


def reached(rule: AutomationRule, now: datetime, zone: str) -> None:
    """It has done all it may today: it sleeps until midnight, and Home says so."""
    if rule.paused_reason is None and rule.mode == "on":
        _stop(rule, "maximum", next_midnight(now, zone))


def note(session: Session, rule: AutomationRule, today: date, line: Line) -> None:
    """Write a line of the log; the same line again the same day is no news."""
    execute(
        session,
        NOTE,
        {
            "day": today, "account": rule.account_id, "rule": rule.rule, "offer": line.offer_id,
            "variant": line.variant_id, "sku": line.sku, "outcome": line.outcome, "reason": line.reason,
            "amount": line.amount, "giver": line.giver, "transfer": line.transfer_id, "said": line.said,
        },
    )  # fmt: skip


NOTE_MANY: Final = """
INSERT INTO automation_entries (day, account_id, rule, offer_id, variant_id, sku, outcome, reason, settled_at)
SELECT %(day)s, %(account)s, %(rule)s, g.offer_id, g.variant_id, g.sku, g.outcome, g.reason, clock_timestamp()
FROM jsonb_to_recordset(%(lines)s::jsonb) AS g (offer_id bigint, variant_id bigint, sku text, outcome text, reason text)
ON CONFLICT (account_id, rule, offer_id, day, outcome, reason) WHERE transfer_id IS NULL DO NOTHING"""


def note_many(session: Session, rule: AutomationRule, today: date, lines: Sequence[Line]) -> None:
    """The same for what was left alone, in one statement."""
    if lines:
        given = json.dumps([vars(line) for line in lines])
        parameters = {"day": today, "account": rule.account_id, "rule": rule.rule, "lines": given}
        execute(session, NOTE_MANY, parameters)


@transactional
def ran(session: Session, command: OfRule, failed: bool, *, actor: Actor) -> AutomationRule:
    """A run is over. After some that failed in a row the rule waits for a person."""
    found = hold(session, command.account_id, checked(command.rule))
    found.ran_at = datetime.now(UTC)
    found.failures = found.failures + 1 if failed else 0
    if found.failures >= FAILURES and found.mode == "on" and found.paused_reason is None:
        _stop(found, "failures", None)
    session.flush()
    return found


def _stop(rule: AutomationRule, reason: str, until: datetime | None) -> None:
    rule.paused_reason, rule.paused_at, rule.paused_until = reason, datetime.now(UTC), until


def _go_on(rule: AutomationRule) -> None:
    rule.paused_reason = rule.paused_at = rule.paused_until = None
    rule.failures = 0


_zone: list[str] = ["Europe/Bucharest"]


def configure(timezone: str) -> None:
    """The clock by which days are counted in this process: the shop's."""
    _zone[:] = [timezone]


def shop_zone() -> str:
    """The shop's time zone."""
    return _zone[0]


def shop_day(session: Session) -> date:
    """Today, on the shop's clock."""
    return local_day(moment(session), shop_zone())


def moment(session: Session) -> datetime:
    """The database's time."""
    found: Any = execute(session, "SELECT clock_timestamp()").fetchone()
    now: datetime = found[0]
    return now


@transactional
def forget_old(session: Session, *, actor: Actor) -> int:
    """Delete the log after three months."""
    return execute(
        session,
        "DELETE FROM automation_entries WHERE at < clock_timestamp() - make_interval(days => %(days)s)",
        {"days": KEPT_DAYS},
    ).rowcount
