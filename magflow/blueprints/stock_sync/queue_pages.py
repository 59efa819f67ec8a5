"""The queue of alerts, many at a time: what would become of each, doing it, what became of each; and as a file."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from flask import Blueprint, Response, abort, flash, redirect, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.stock_sync import answers, forms
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.border import INT64_MAX, Unfit, integer
from magflow.domain.imports.writing import blocks, cell
from magflow.domain.stock_sync import PRIORITIES
from magflow.queries import stock_alerts
from magflow.queries.stock_alerts import AlertFilter, AlertRow
from magflow.services.stock_sync import bulk_actions
from magflow.services.stock_sync.bulk_actions import ACTIONS, CODES, MOST, Action, Many
from magflow.web.forms import Form, Landing, show
from magflow.web.listing import Listing
from magflow.web.locale import _, ngettext
from magflow.web.permissions import requires

blueprint = Blueprint("sync_queue", __name__)

CSV_HEADER: Final = (
    "id", "sku", "product", "cause", "recommendation", "priority", "accounts", "state", "since", "weekly_value",
    "lost_value", "currency", "from_account", "to_account", "amount", "reason", "snoozed_until", "dismissed_reason",
)  # fmt: skip
CSV_PAGE: Final = 200


@blueprint.post("/stock-sync/alerts/bulk")
@requires("stock:write")
def choose() -> ResponseReturnValue:
    """The ticked alerts lead to the page that says what would become of each."""
    ids = ids_of(request.form.getlist("rowid"))
    action = request.form.get("action", "")
    back = here(request.form.get("url"))
    if not ids or action not in ACTIONS:
        flash(_("Tick the alerts first."), "error")
        return redirect(back, 303)
    return redirect(url_for("sync_queue.look", action=action, ids="-".join(map(str, ids)), back=back), 303)


@blueprint.get("/stock-sync/alerts/bulk/<action>")
@requires("stock:write")
def look(action: str) -> ResponseReturnValue:
    """How many change, how many do not, and why; nothing is done yet."""
    asked = Listing(forms.BulkQuery())
    return _page(_known(action), ids_of((asked["ids"] or "").split("-")), here(asked["back"]), Form())


@blueprint.post("/stock-sync/alerts/bulk/<action>")
@requires("stock:write")
def do(action: str) -> ResponseReturnValue:
    """Do it, and show what became of each."""
    known = _known(action)
    form = Form.sent(forms.BulkForm())
    ids, back = ids_of(form.text("ids").split("-")), here(form["back"])
    if form.ok:
        how = form["for_"] or ""
        command = Many(known, ids, int(how) if how.isdigit() else None, how == "stock", form["reason"])

        def work(session: Session, actor: Actor) -> Landing:
            done = bulk_actions.act.within(session, command, actor=actor)
            good = sum(outcome.code == "done" for outcome in done)
            of = "-".join(f"{outcome.alert_id}.{outcome.code}" for outcome in done)
            said = ngettext("Done with %(num)d alert.", "Done with %(num)d alerts.", good)
            if left := len(done) - good:
                said += " " + ngettext("%(num)d is left as it was.", "%(num)d are left as they were.", left)
            where = url_for("sync_queue.outcome", action=known, of=of, back=back)
            return Landing(where, said, "warning" if left else "success")

        if (answer := form.once(work)) is not None:
            return answer
    return _page(known, ids, back, form)


def _page(action: Action, ids: Sequence[int], back: str, form: Form) -> ResponseReturnValue:
    items = bulk_actions.expected(db.session(), action, ids)
    page = show(
        "stock_sync/bulk.html",
        action=action,
        ids="-".join(str(row.alert.id) for row, _code in items),
        items=items,
        will=sum(code == "done" for _row, code in items),
        back_url=back,
        form=form,
    )
    return page, form.status


@blueprint.get("/stock-sync/alerts/bulk/<action>/outcome")
@requires("stock:read")
def outcome(action: str) -> str:
    """What became of each."""
    known = _known(action)
    asked = Listing(forms.OutcomeQuery())
    codes: dict[int, str] = {}
    for part in (asked["of"] or "").split("-")[:MOST]:
        id_, _dot, code = part.partition(".")
        for number in ids_of([id_]):
            if code in CODES:
                codes[number] = code
    rows = stock_alerts.alert_rows(db.session(), list(codes))
    return show(
        "stock_sync/bulk_outcome.html",
        action=known,
        rows=[(row, codes[row.alert.id]) for row in rows],
        done=sum(code == "done" for code in codes.values()),
        left=sum(code != "done" for code in codes.values()),
        back_url=here(asked["back"]),
    )


def _known(action: str) -> Action:
    known = next((one for one in ACTIONS if one == action), None)
    return known or abort(404)


def ids_of(values: Sequence[str]) -> list[int]:
    """The alerts that were ticked, at most a page of them, each once."""
    found = []
    for value in values[:MOST]:
        try:
            found.append(integer(value, least=1, most=INT64_MAX, as_text=True))
        except Unfit:
            continue
    return list(dict.fromkeys(found))


def here(address: str | None) -> str:
    """Where a button stood: one of our pages."""
    fits = address and address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if address and fits else url_for("stock_sync.index")


# --- as a file -------------------------------------------------------------------------------------------------------


def wanted(listing: Listing) -> AlertFilter:
    """What the address of the queue asks for."""
    view = listing["view"]
    return AlertFilter(
        state="snoozed" if view == "snoozed" else "open",
        priority=view if view in PRIORITIES else None,
        type=listing["cause"],
        account=listing["account"],
        sku=listing["q"],
    )


@blueprint.get("/stock-sync/alerts.csv")
@requires("stock:read")
def as_csv() -> Response:
    """The queue as it is filtered, as a file; it is sent as it is read."""
    asked = wanted(Listing(forms.AlertsQuery()))
    db.session.remove()
    answer = Response(stream_with_context(blocks(CSV_HEADER, _rows(asked))), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="alerts.csv"'
    return answer


def _rows(asked: AlertFilter) -> Iterator[list[str]]:
    """Row after row; each page is read by itself, and its transaction is over before anybody sees a row of it."""
    after: Sequence[int] | None = None
    while True:
        page = stock_alerts.alerts(db.session(), asked, after=after, limit=CSV_PAGE)
        values = [_values(row) for row in page.rows]
        db.session.remove()
        yield from values
        after = page.next_key
        if after is None:
            return


def _values(row: AlertRow) -> list[str]:
    told = answers.alert_json(row, row.one.offers[0].currency if row.one.offers else "")
    advice = told["recommendation"] or {}
    given: tuple[Any, ...] = (
        told["id"], told["sku"], told["product_name"], told["cause"], told["type"], told["priority"],
        " ".join(told["accounts"]), told["state"], told["since"], told["estimated_weekly_value"],
        told["estimated_lost_value"], told["currency"], advice.get("from_account"), advice.get("to_account"),
        advice.get("suggested_amount"), told["reason"], told["snoozed_until"], told["dismissed_reason"],
    )  # fmt: skip
    return [value.isoformat(timespec="seconds") if hasattr(value, "isoformat") else cell(value) for value in given]
