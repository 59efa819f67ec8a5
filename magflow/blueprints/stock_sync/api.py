"""The API of stock sync: what is wrong with a SKU, what to do about it, and doing it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Response, current_app
from sqlalchemy.orm import Session

from magflow.blueprints.stock_sync import answers, check_api, figure_answers, many, requests
from magflow.blueprints.stock_sync.current import bring_up_to_date
from magflow.db import db
from magflow.domain.border import Unfit, text
from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.queries import bulk_analyses, stock_alerts, stock_figures
from magflow.queries import stock_sync as reads
from magflow.services.stock_sync import alerts, bulk
from magflow.web.api import ApiBlueprint, page_meta, perform, success
from magflow.web.bodies import EmptyBody
from magflow.web.permissions import requires

api = ApiBlueprint("api_stock_sync", __name__, description="Stock in several accounts: analysis, alerts, transfers")


@api.get("/stock-sync/analyze/<path:sku>")
@requires("stock:read")
@api.filters(requests.WhichVariantQuery)
@api.answers(answers.AnalysisOut, description="The SKU in all accounts, and what to do")
def analyze(query: dict[str, Any], sku: str) -> Response:
    """Analyse one SKU. `meta` says where the figures come from and how amounts were found."""
    session = db.session()
    try:
        text(sku, most=requests.LONGEST_SKU)
    except Unfit:
        raise NotFound("variant", sku) from None
    variant_id = query.get("variant_id") or reads.variant_of(session, sku)
    one = reads.analyse_one(session, variant_id)
    if one.analysis.sku != sku:
        raise NotFound("variant", sku)
    return success(answers.analysis_json(one), meta=answers.analysis_meta(one))


@api.post("/stock-sync/bulk-analyze")
@requires("stock:read")
@api.reads(requests.BulkAnalyseBody)
@api.answers(answers.BulkOut, status=(200, 202), description="Per SKU its analysis or its error; 202: a job does it")
def bulk_analyze(data: dict[str, Any]) -> Response:
    """Analyse up to 1,000 SKUs; an unknown one does not fail the rest. More become a job, whose result is fetched."""
    skus = list(dict.fromkeys(data["skus"]))
    if len(skus) <= bulk.PART:
        return success(answers.bulk_json(many.analysed(db.session(), skus)))
    command = bulk.AskAnalysis(skus)
    return perform(bulk.ask, command, present=lambda _, asked: answers.bulk_job_json(asked), status=202)


@api.get("/stock-sync/bulk-analyze/<int:analysis_id>")
@requires("stock:read")
@api.filters(requests.PartQuery)
@api.answers(answers.BulkOut, description="How far it is, and the results of one part: 1,000 SKUs")
def bulk_result(query: dict[str, Any], analysis_id: int) -> Response:
    """Fetch what a job has analysed so far, part by part: `meta.next_part` says where to go on."""
    asked, results = bulk_analyses.bulk_part(db.session(), analysis_id, query["part"])
    more = query["part"] * bulk.PART < asked.total
    meta = {"next_part": query["part"] + 1 if more else None}
    return success(answers.bulk_job_json(asked, results), meta=meta)


# --- alerts ----------------------------------------------------------------------------------------------------------


@api.get("/stock-sync/alerts")
@requires("stock:read")
@api.filters(requests.AlertsQuery)
@api.answers(answers.AlertOut, many=True, description="Alerts, the worst first; `meta.categories` counts the open ones")
def list_alerts(query: dict[str, Any]) -> Response:
    """List alerts by priority, and by estimated money within it."""
    bring_up_to_date()
    session = db.session()
    names = ("priority", "account", "type", "category", "sku", "needs_weekly_update")
    wanted = stock_alerts.AlertFilter(
        state=None if query["state"] == "all" else query["state"],
        **{name: query[name] for name in names if name in query},
    )
    page = stock_alerts.alerts(session, wanted, after=_place(query["cursor"]), limit=query["limit"])
    meta = page_meta(page.total, page.next_key, estimated=page.total_is_estimate)
    meta["categories"] = dict(stock_alerts.summary(session).by_cause)
    return success([answers.alert_json(row, _currency()) for row in page.rows], meta=meta)


@api.get("/stock-sync/alerts/<int:alert_id>")
@requires("stock:read")
@api.answers(answers.AlertOut, description="The alert, with what to do as things stand now")
def get_alert(alert_id: int) -> Response:
    """Read an alert."""
    return success(_alert(db.session(), alert_id))


@api.post("/stock-sync/alerts/<int:alert_id>/snooze")
@requires("stock:write")
@api.reads(requests.SnoozeBody, required=False)
@api.answers(answers.AlertOut, description="The alert, asleep")
def snooze(data: dict[str, Any], alert_id: int) -> Response:
    """Put an alert to sleep: until a moment, or until the stock of an account changes. 7 days unless said otherwise."""
    if "until" in data and "days" in data:
        raise Invalid([FieldError("days", "one_of", {"fields": "until, days"})])
    until = data.get("until")
    if "days" in data:
        until = datetime.now(UTC) + timedelta(days=data["days"])
    command = alerts.Snooze(alert_id, until, data.get("until_stock_changes", False), data.get("note"))
    return perform(alerts.snooze, command, present=lambda session, done: _alert(session, done.id))


@api.post("/stock-sync/alerts/<int:alert_id>/dismiss")
@requires("stock:write")
@api.reads(requests.DismissBody)
@api.answers(answers.AlertOut, description="The alert, dismissed")
def dismiss(data: dict[str, Any], alert_id: int) -> Response:
    """Close an alert for a reason. It comes back when its condition went away and came back."""
    command = alerts.Dismiss(alert_id, data["reason"], data.get("note"))
    return perform(alerts.dismiss, command, present=lambda session, done: _alert(session, done.id))


@api.post("/stock-sync/alerts/<int:alert_id>/reopen")
@requires("stock:write")
@api.reads(EmptyBody, required=False)
@api.answers(answers.AlertOut, description="The alert, open again")
def reopen(_data: dict[str, Any], alert_id: int) -> Response:
    """Take a snooze or a dismissal back."""
    return perform(alerts.reopen, alerts.Reopen(alert_id), present=lambda session, done: _alert(session, done.id))


@api.get("/stock-sync/dashboard/summary")
@requires("stock:read")
@api.answers(answers.SummaryOut, description="How many alerts are open")
def dashboard() -> Response:
    """Count the open alerts by priority and by type; `meta.last_check` says when every offer was last looked at."""
    bring_up_to_date()
    session = db.session()
    last = check_api.pass_json(stock_alerts.last_pass(session))
    return success(answers.summary_json(stock_alerts.summary(session)), meta={"last_check": last})


@api.get("/stock-sync/figures")
@requires("stock:read")
@api.filters(figure_answers.FiguresQuery)
@api.answers(figure_answers.FiguresOut, description="Each figure with its definition and a point a day")
def figures(query: dict[str, Any]) -> Response:
    """Follow the figures of stock sync over time."""
    found = stock_figures.figures(db.session(), figure_answers.wanted(query))
    return success(figure_answers.figures_json(found, _currency(), query.get("figure")))


def _alert(session: Session, alert_id: int) -> dict[str, Any]:
    return answers.alert_json(stock_alerts.alert(session, alert_id), _currency())


def _currency() -> str:
    return str(current_app.config["MAGFLOW"].currency)


def _place(cursor: list[Any] | None) -> list[int] | None:
    if cursor is None:
        return None
    if len(cursor) != 2 or not all(isinstance(key, int) for key in cursor):
        raise Invalid([FieldError("cursor", "invalid")])
    return cursor
