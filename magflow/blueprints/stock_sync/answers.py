"""What the endpoints of stock sync answer: the shapes of the specification, and the descriptions for the OpenAPI page.

The sentences of these answers are fixed English: programs compare them. What people read is made in `words`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from marshmallow import fields

from magflow.blueprints.stock_sync.requests import TRANSFER_STATES
from magflow.domain import amounts
from magflow.domain.amounts import in_short
from magflow.domain.money import to_cents
from magflow.domain.stock_sync import CAUSES, Analysis, OfferFacts, Recommendation, has_competition
from magflow.queries.stock_alerts import AlertRow, Summary
from magflow.queries.stock_sync import Analysed
from magflow.queries.transfers import TransferRow
from magflow.services.stock_sync.suggestion import Plan
from magflow.web.answers import Amount, Answer, Count, Time, Word

PRIORITIES: Final = ("high", "medium", "normal")
MARKETPLACES: Final = {"emag": "eMAG"}


class AnalysisOut(Answer):
    """One SKU. `current_situation` has `stock_`, `offers_`, `rank_`, `has_competition_` of each account."""

    sku = fields.String(required=True)
    current_situation = fields.Dict(required=True)
    recommendations = fields.List(fields.Dict(), required=True)
    priority = Word(*PRIORITIES, required=True)
    action_required = fields.Boolean(required=True)


class BulkResultOut(Answer):
    """One SKU of many: its analysis, or why there is none."""

    sku = fields.String(required=True)
    status = Word("success", "error", required=True)
    analysis = fields.Nested(AnalysisOut, required=True, allow_none=True)
    amounts = fields.Dict(required=True, allow_none=True)
    error = fields.Dict(required=True, allow_none=True)


class BulkOut(Answer):
    """Many SKUs, in the order that they were sent. Of a job: `id`, `status`, and the results of one part."""

    id = fields.Integer()
    status = Word("running", "done")
    total = Count(required=True)
    analysed = Count(required=True)
    failed = Count(required=True)
    results = fields.List(fields.Nested(BulkResultOut), required=True)


def marketplace_name(source: str) -> str:
    """What a source is called in a sentence."""
    return MARKETPLACES.get(source, source.capitalize())


def analysis_json(one: Analysed) -> dict[str, Any]:
    """`data` of an analysis."""
    analysis = one.analysis
    situation: dict[str, Any] = {f"stock_{offer.code}": offer.stock for offer in analysis.offers}
    situation["total_stock"] = analysis.total_stock
    for name, of in (
        ("offers", lambda offer: offer.sellers),
        ("rank", lambda offer: offer.rank),
        ("has_competition", lambda offer: competes(offer, analysis)),
    ):
        situation |= {f"{name}_{offer.code}": of(offer) for offer in analysis.offers}
    return {
        "sku": analysis.sku,
        "current_situation": situation,
        "recommendations": [recommendation_json(advice, analysis) for advice in analysis.recommendations],
        "priority": analysis.priority,
        "action_required": analysis.action_required,
    }


def analysis_meta(one: Analysed) -> dict[str, Any]:
    """What stands beside an analysis: where its figures come from, and how amounts were found."""
    return {
        "variant_id": one.analysis.variant_id,
        "product_id": one.product_id,
        "own_stock": one.own_stock,
        "other_sellers": {offer.code: offer.other_sellers for offer in one.analysis.offers},
        "read_at": {row.facts.code: row.last_read_at for row in one.offers},
        "needs_weekly_update": one.analysis.needs_update,
        "days_of_cover": {offer.code: in_short(offer.cover) for offer in one.analysis.offers},
        "weekly_demand": {o.code: in_short(o.demand.weekly if o.demand else None) for o in one.analysis.offers},
        "amounts": amounts_json(one),
    }


def amounts_json(one: Analysed) -> dict[str, Any]:
    """Which rule found the amounts, why, and with which figures."""
    told = [amount_json(advice) for advice in one.analysis.recommendations if advice.basis]
    forecast = any(amount["rule"] == "forecast" for amount in told)
    limit = one.analysis.thresholds.default_transfer
    return {
        "rule": "forecast" if forecast else "default",
        "why": "From the demand forecast: the amount with the best expected margin after the cost of moving"
        if forecast
        else f"No demand forecast: at most {limit}, and at most half of what the giver has",
        "recommendations": told,
    }


def amount_json(advice: Recommendation) -> dict[str, Any]:
    """Where the amount of one recommendation comes from."""
    figures = amounts.summary(advice.basis) if advice.basis else {}
    return {"type": advice.type, "cause": advice.cause, "suggested_amount": advice.amount, **figures}


def competes(offer: OfferFacts, analysis: Analysis) -> bool:
    """Whether an offer has competition, by the shop's rule."""
    return has_competition(offer, analysis.thresholds)


def recommendation_json(advice: Recommendation, analysis: Analysis) -> dict[str, Any]:
    """One recommendation, with its reason."""
    return {"type": advice.type, **_BUILDERS[advice.type](advice, analysis)}


def _transfer(advice: Recommendation, _analysis: Analysis) -> dict[str, Any]:
    giver, receiver = _both(advice)
    zero = advice.cause == "zero_stock"
    reason = (
        f"{receiver.name} has 0 stock with competition - losing buy button"
        if zero
        else f"{receiver.name} has low stock ({receiver.stock}) with competition - may lose buy button"
    )
    return {
        "from_account": giver.code,
        "to_account": receiver.code,
        "suggested_amount": advice.amount,
        "reason": reason,
        "impact": f"{'Regain' if zero else 'Keep'} buy button on {receiver.name} account",
    }


def _restock(advice: Recommendation, _analysis: Analysis) -> dict[str, Any]:
    [offer] = advice.about
    return {
        "account": offer.code,
        "suggested_amount": advice.amount,
        "reason": f"{offer.name} has {offer.stock} stock with competition and no account has spare stock",
        "suggested_action": "Order more from the supplier",
    }


def _rebalance(advice: Recommendation, _analysis: Analysis) -> dict[str, Any]:
    giver, receiver = _both(advice)
    return {
        "from_account": giver.code,
        "to_account": receiver.code,
        "suggested_amount": advice.amount,
        "reason": (
            f"{receiver.name} ranks {receiver.rank} with {receiver.stock} in stock, "
            f"{giver.name} ranks {giver.rank} with {giver.stock}"
        ),
        "impact": f"More stock where the rank is better: {receiver.name}",
    }


def _reduce(advice: Recommendation, _analysis: Analysis) -> dict[str, Any]:
    giver, receiver = _both(advice)
    return {
        "account": giver.code,
        "from_account": giver.code,
        "to_account": receiver.code,
        "suggested_amount": advice.amount,
        "reason": f"{giver.name} has no competition, {receiver.name} has - stock can safely move",
        "impact": f"More stock where competition is: {receiver.name}",
    }


def _product_key(advice: Recommendation, _analysis: Analysis) -> dict[str, Any]:
    return {
        "accounts": [offer.code for offer in advice.about],
        "part_number_keys": dict(advice.figures["keys"]),
        "reason": "The accounts' offers carry different part number keys",
        "suggested_action": "Attach the offers to one product; update them, never create them again",
    }


def _update(advice: Recommendation, _analysis: Analysis) -> dict[str, Any]:
    [offer] = advice.about
    days = advice.figures["days"]
    when = "Never synced" if days is None else f"Last sync {days} {'day' if days == 1 else 'days'} ago"
    return {
        "account": offer.code,
        "reason": f"{when} - {marketplace_name(offer.source)} recommends weekly updates",
        "suggested_action": "Update offer even if nothing changed",
    }


def _correct(advice: Recommendation, _analysis: Analysis) -> dict[str, Any]:
    [offer] = advice.about
    sent, shown = advice.figures["sent"], advice.figures["shown"]
    return {
        "account": offer.code,
        "reason": f"Sent {sent}, {marketplace_name(offer.source)} shows {shown}",
        "suggested_action": "Read the offer again, then correct it",
    }


def _fix(advice: Recommendation, _analysis: Analysis) -> dict[str, Any]:
    [offer] = advice.about
    faults = list(advice.figures["faults"])
    return {
        "account": offer.code,
        "conditions": faults,
        "reason": f"{offer.name} is not for sale at {marketplace_name(offer.source)}: {', '.join(faults)}",
        "suggested_action": "Correct what is named",
    }


def _both(advice: Recommendation) -> tuple[OfferFacts, OfferFacts]:
    if advice.giver is None or advice.receiver is None:
        raise AssertionError("a transfer has two sides")
    return advice.giver, advice.receiver


_BUILDERS: Final = {
    "stock_transfer": _transfer,
    "restock": _restock,
    "rebalance": _rebalance,
    "reduce_stock": _reduce,
    "fix_part_number_key": _product_key,
    "offer_update": _update,
    "correct_stock": _correct,
    "fix_offer": _fix,
}


def bulk_json(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Many analyses with their counts."""
    failed = sum(one["status"] == "error" for one in results)
    return {"total": len(results), "analysed": len(results) - failed, "failed": failed, "results": list(results)}


def bulk_job_json(asked: Any, results: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """A job's progress, and the results of one of its parts."""
    told = bulk_json(results)
    status = "done" if asked.done == asked.total else "running"
    return {"id": asked.id, "status": status, **told, "total": asked.total, "analysed": asked.done}


# --- alerts ----------------------------------------------------------------------------------------------------------


class AlertOut(Answer):
    """One cause at one SKU, from the crossing of a limit until the condition is gone. `status` is `state`."""

    id = fields.Integer(required=True)
    sku = fields.String(required=True)
    variant_id = fields.Integer(required=True)
    product_id = fields.Integer(required=True)
    product_name = fields.String(required=True)
    cause = Word(*CAUSES, required=True)
    type = fields.String(required=True)
    priority = Word(*PRIORITIES, required=True)
    accounts = fields.List(fields.String(), required=True)
    state = Word("open", "snoozed", "dismissed", "resolved", required=True)
    status = Word("open", "snoozed", "dismissed", "resolved", required=True)
    since = Time(required=True)
    estimated_lost_value = Amount(required=True)
    estimated_weekly_value = Amount(required=True)
    currency = fields.String(required=True)
    needs_weekly_update = fields.Boolean(required=True)
    reason = fields.String(required=True, allow_none=True)
    recommendation = fields.Dict(required=True, allow_none=True)
    amounts = fields.Dict(required=True, allow_none=True)
    snoozed_until = Time(required=True, allow_none=True)
    dismissed_reason = fields.String(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = Time(required=True, allow_none=True)
    resolved_at = Time(required=True, allow_none=True)
    resolved_by = Word("action", "itself", required=True, allow_none=True)


class SummaryOut(Answer):
    """How many alerts are open. Critical: nothing left, with competition. Maintenance: a weekly update is due."""

    total_alerts = Count(required=True)
    critical = Count(required=True)
    maintenance = Count(required=True)
    by_priority = fields.Dict(required=True)
    by_type = fields.Dict(required=True)
    by_cause = fields.Dict(required=True)
    snoozed = Count(required=True)


def alert_json(row: AlertRow, currency: str) -> dict[str, Any]:
    """An alert, with what to do as things stand now."""
    alert, advice = row.alert, row.recommendation
    told = recommendation_json(advice, row.one.analysis) if advice and alert.resolved_at is None else None
    return {
        "id": alert.id,
        "sku": row.one.analysis.sku,
        "variant_id": alert.variant_id,
        "product_id": row.one.product_id,
        "product_name": row.product_name,
        "cause": alert.cause,
        "type": row.type,
        "priority": row.priority,
        "accounts": [account.label for account in row.accounts],
        "state": alert.state,
        "status": alert.state,
        "since": alert.opened_at,
        "estimated_lost_value": to_cents(row.lost),
        "estimated_weekly_value": to_cents(row.weekly),
        "currency": currency,
        "needs_weekly_update": row.needs_weekly_update,
        "reason": told and told["reason"],
        "recommendation": told,
        "amounts": amount_json(advice) if told and advice and advice.basis else None,
        "snoozed_until": alert.snoozed_until,
        "dismissed_reason": alert.dismissed_reason,
        "note": alert.note,
        "decided_by": alert.decided_by,
        "decided_at": alert.decided_at,
        "resolved_at": alert.resolved_at,
        "resolved_by": alert.resolved_by,
    }


def summary_json(counts: Summary) -> dict[str, Any]:
    """The figures of the dashboard."""
    return {
        "total_alerts": counts.total,
        "critical": counts.critical,
        "maintenance": counts.maintenance,
        "by_priority": dict(counts.by_priority),
        "by_type": counts.by_type,
        "by_cause": dict(counts.by_cause),
        "snoozed": counts.snoozed,
    }


# --- transfers -------------------------------------------------------------------------------------------------------


class SuggestionOut(Answer):
    """What a transfer would do. Both states have `stock_` of each side."""

    sku = fields.String(required=True)
    transfer = fields.Dict(required=True)
    current_state = fields.Dict(required=True)
    proposed_state = fields.Dict(required=True)
    impact = fields.Dict(required=True)
    warnings = fields.List(fields.String(), required=True)
    recommendation = Word("Proceed", "Review", required=True)


class StepOut(Answer):
    """Something that happened to the goods."""

    id = fields.Integer(required=True)
    step = Word("approved", "left", "received", "written", "back", "ended", required=True)
    quantity = Count(required=True)
    total = fields.Integer(required=True)
    actor = fields.String(required=True)
    at = Time(required=True)


class TransferOut(Answer):
    """A transfer. A re-division changes two numbers; a shipment has stages. `status` is `state`."""

    id = fields.Integer(required=True)
    sku = fields.String(required=True)
    variant_id = fields.Integer(required=True, allow_none=True)
    from_account = fields.String(required=True)
    to_account = fields.String(required=True)
    kind = Word("redivide", "shipment", required=True)
    amount = Count(required=True)
    state = Word(*TRANSFER_STATES, required=True)
    status = Word(*TRANSFER_STATES, required=True)
    stage = Word("requested", "in_transit", "received", required=True, allow_none=True)
    received = Count(required=True)
    sides = fields.Dict(required=True)
    half_done = fields.Boolean(required=True)
    stock_before = fields.Dict(required=True)
    stock_after = fields.Dict(required=True, allow_none=True)
    warnings = fields.List(fields.String(), required=True)
    alert_id = fields.Integer(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    difference_reason = fields.String(required=True, allow_none=True)
    problem = fields.String(required=True, allow_none=True)
    priority_before = Word(*PRIORITIES, required=True, allow_none=True)
    priority_after = Word(*PRIORITIES, required=True, allow_none=True)
    created_by = fields.String(required=True)
    created_at = Time(required=True)
    approved_by = fields.String(required=True, allow_none=True)
    approved_at = Time(required=True, allow_none=True)
    shipped_at = Time(required=True, allow_none=True)
    ended_by = fields.String(required=True, allow_none=True)
    ended_at = Time(required=True, allow_none=True)
    steps = fields.List(fields.Nested(StepOut), required=True)


def suggestion_json(plan: Plan) -> dict[str, Any]:
    """What a transfer would do, in the shape of the specification."""
    done = plan.effect
    giver, receiver = f"stock_{plan.giver.label}", f"stock_{plan.receiver.label}"
    return {
        "sku": plan.sku,
        "transfer": {"from_account": plan.giver.label, "to_account": plan.receiver.label, "amount": plan.amount},
        "current_state": {giver: done.giver.stock, receiver: done.receiver.stock},
        "proposed_state": {giver: done.giver.stock - plan.amount, receiver: done.receiver.stock + plan.amount},
        "impact": {"from_account_impact": done.from_impact, "to_account_impact": done.to_impact},
        "warnings": list(done.warnings),
        "recommendation": done.recommendation,
    }


def suggestion_meta(plan: Plan) -> dict[str, Any]:
    """What is expected of a transfer: days of cover and the chance of running out, before and after."""
    return {"kind": plan.kind, **amounts.summary(plan.outlook)}


def transfer_json(row: TransferRow) -> dict[str, Any]:
    """A transfer with its steps."""
    transfer = row.transfer
    same = (
        "id", "sku", "variant_id", "kind", "amount", "state", "stage", "received", "stock_before", "stock_after",
        "warnings", "alert_id", "note", "difference_reason", "problem", "priority_before", "priority_after",
        "created_by", "created_at", "approved_by", "approved_at", "shipped_at", "ended_by", "ended_at",
    )  # fmt: skip
    steps = ("id", "step", "quantity", "total", "actor", "at")
    return {
        **{name: getattr(transfer, name) for name in same},
        "status": transfer.state,
        "from_account": row.giver.label,
        "to_account": row.receiver.label,
        "sides": {"from_account": transfer.giver_written, "to_account": transfer.receiver_written},
        "half_done": row.half_done,
        "steps": [{name: getattr(step, name) for name in steps} for step in row.steps],
    }
