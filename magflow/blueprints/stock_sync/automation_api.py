"""The API of automation: its rules, switched and limited account by account, and the log of what they did."""

from typing import Any

from flask import Response
from marshmallow import fields
from sqlalchemy.orm import Session

from magflow.db import db
from magflow.domain.automation import LARGEST_FLOOR, LARGEST_MAX, MODES, OUTCOMES, RULES
from magflow.domain.errors import NotFound
from magflow.queries import automation as reads
from magflow.queries import stock_sync
from magflow.queries.automation import LogRow, RuleRow
from magflow.queries.paging import Page
from magflow.services.automation import rules
from magflow.services.automation.rules import ChangeRule, OfRule
from magflow.web.answers import Answer, Count, Time, Word, listed
from magflow.web.api import ApiBlueprint, PageQuery, id_after, perform
from magflow.web.border import Body, Integer, OneOf, Text
from magflow.web.permissions import requires

api = ApiBlueprint("api_automation", __name__, description="What is done by itself")


class RuleBody(Body):
    """What is left out stays as it is."""

    mode = OneOf(MODES, metadata={"description": "`dry_run`: the log says what would be done, nothing is written"})
    daily_max = Integer(
        least=1, most=max(LARGEST_MAX.values()), metadata={"description": "Offers, or transfers, a day"}
    )
    floor = Integer(least=0, most=LARGEST_FLOOR, metadata={"description": "Units that a giver keeps, of transfers"})


class LogQuery(PageQuery):
    account = Text(most=70, metadata={"description": "The account's code, such as `main`"})
    rule = OneOf(RULES)
    outcome = OneOf(OUTCOMES)
    sku = Text(most=120)


class RuleOut(Answer):
    """A rule in an account. A paused one does nothing until `paused_until`, or until it is resumed."""

    id = fields.String(required=True)
    account = fields.String(required=True)
    rule = Word(*RULES, required=True)
    mode = Word(*MODES, required=True)
    daily_max = Count(required=True)
    floor = Count(required=True)
    used_today = Count(required=True)
    allowed_today = Count(required=True)
    paused_reason = Word("maximum", "failures", "person", required=True, allow_none=True)
    paused_until = Time(required=True, allow_none=True)
    ran_at = Time(required=True, allow_none=True)


class LogOut(Answer):
    """A line of the log: what was done, would have been done, or was left alone and why."""

    id = fields.Integer(required=True)
    at = Time(required=True)
    account = fields.String(required=True)
    rule = Word(*RULES, required=True)
    outcome = Word(*OUTCOMES, required=True)
    reason = fields.String(required=True)
    sku = fields.String(required=True, allow_none=True)
    variant_id = fields.Integer(required=True, allow_none=True)
    amount = Count(required=True, allow_none=True)
    from_account = fields.String(required=True, allow_none=True)
    transfer_id = fields.Integer(required=True, allow_none=True)
    said = fields.String(required=True, allow_none=True)


def rule_json(row: RuleRow) -> dict[str, Any]:
    """A rule and how its day goes."""
    return {
        "id": f"{row.account.label}:{row.rule}",
        "account": row.account.label,
        "used_today": row.used,
        "allowed_today": row.most,
        **{name: getattr(row, name) for name in (
            "rule", "mode", "daily_max", "floor", "paused_reason", "paused_until", "ran_at")},
    }  # fmt: skip


def log_json(row: LogRow) -> dict[str, Any]:
    """A line of the log."""
    entry = row.entry
    same = ("id", "at", "rule", "outcome", "reason", "sku", "variant_id", "amount", "transfer_id", "said")
    return {
        **{name: getattr(entry, name) for name in same},
        "account": row.account.label if row.account else "",
        "from_account": entry.giver,
    }


@api.get("/stock-sync/automation")
@requires("stock:read")
@api.filters(PageQuery)
@api.answers(RuleOut, many=True, description="Every rule of every account")
def list_rules(query: dict[str, Any]) -> Response:
    """List the rules of automation."""
    rows, after = _rules(db.session()), id_after(query)
    shown = rows[after : after + query["limit"]]
    more = after + len(shown) if after + len(shown) < len(rows) else None
    return listed([rule_json(row) for row in shown], Page(shown, len(rows), False, more))


@api.put("/stock-sync/automation/<account>/<rule>")
@requires("admin")
@api.reads(RuleBody)
@api.answers(RuleOut, description="The rule as it is now; switching it ends a pause")
def change_rule(data: dict[str, Any], account: str, rule: str) -> Response:
    """Switch a rule, or change its limits."""
    command = ChangeRule(_of(account, rule).account_id, rule, **data)
    return perform(rules.change, command, present=lambda session, _done: _one(session, command.account_id, rule))


@api.post("/stock-sync/automation/<account>/<rule>/pause")
@requires("admin")
@api.answers(RuleOut, description="The rule, paused until it is resumed")
def pause_rule(account: str, rule: str) -> Response:
    """Pause a rule. Again changes nothing."""
    command = _of(account, rule)
    return perform(rules.pause, command, present=lambda session, _done: _one(session, command.account_id, rule))


@api.post("/stock-sync/automation/<account>/<rule>/resume")
@requires("admin")
@api.answers(RuleOut, description="The rule; one that had reached its maximum may do as much again today")
def resume_rule(account: str, rule: str) -> Response:
    """Let a paused rule go on. Again changes nothing."""
    command = _of(account, rule)
    return perform(rules.resume, command, present=lambda session, _done: _one(session, command.account_id, rule))


@api.post("/stock-sync/automation/<account>/<rule>/run")
@requires("admin")
@api.answers(RuleOut, description="The rule; a worker runs it now, if it is switched on or dry")
def run_rule(account: str, rule: str) -> Response:
    """Have a rule run now. What it does stands in the log."""
    command = _of(account, rule)
    return perform(rules.ask, command, present=lambda session, _done: _one(session, command.account_id, rule))


@api.get("/stock-sync/automation/log")
@requires("stock:read")
@api.filters(LogQuery)
@api.answers(LogOut, many=True, description="The log, newest first")
def list_log(query: dict[str, Any]) -> Response:
    """List what was done by itself, would have been done, or was left alone and why."""
    account_id = None
    if "account" in query:
        # A filter that fits nothing finds nothing.
        account_id = next((one.id for one in stock_sync.accounts(db.session()) if one.label == query["account"]), 0)
    wanted = reads.LogFilter(account_id, query.get("rule"), query.get("outcome"), query.get("sku"))
    page = reads.log(db.session(), wanted, after=id_after(query) or None, limit=query["limit"])
    return listed([log_json(row) for row in page.rows], page)


def _rules(session: Session) -> list[RuleRow]:
    return reads.rules(session, rules.shop_day(session))


def _one(session: Session, account_id: int, rule: str) -> dict[str, Any]:
    return next(rule_json(row) for row in _rules(session) if (row.account.id, row.rule) == (account_id, rule))


def _of(account: str, rule: str) -> OfRule:
    """Raises NotFound for an account or a rule that is not there."""
    if rule not in RULES:
        raise NotFound("rule", rule)
    return OfRule(_account(account), rule)


def _account(name: str) -> int:
    found = next((one for one in stock_sync.accounts(db.session()) if one.label == name.lower()), None)
    if found is None:
        raise NotFound("account", name)
    return found.id
