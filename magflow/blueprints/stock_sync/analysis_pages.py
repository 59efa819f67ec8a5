"""Many SKUs at once: typed, pasted or uploaded; their analyses as a table and as a file."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from flask import Blueprint, Response, flash, redirect, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.stock_sync import forms, many, words
from magflow.blueprints.stock_sync.queue_pages import here, ids_of
from magflow.blueprints.stock_sync.requests import LONGEST_SKU, MOST_SKUS
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import Refused
from magflow.domain.imports.writing import blocks, cell
from magflow.marketplaces.errors import MarketplaceError
from magflow.queries import bulk_analyses, transfers
from magflow.queries import stock_sync as reads
from magflow.services import market_sync
from magflow.services.stock_sync import bulk, bulk_actions
from magflow.services.stock_sync.bulk_actions import SendAgain
from magflow.web.auth import current_actor
from magflow.web.forms import Form, Landing, act, show
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _, ngettext
from magflow.web.permissions import requires
from magflow.web.sentences import sentence

blueprint = Blueprint("sync_analysis", __name__)

BETWEEN: Final = re.compile(r"[\r\n\t;,]+")
"""What stands between two SKUs of a list: a line, or what spreadsheets put between cells."""
HEADINGS: Final = frozenset({"sku", "skus"})
LARGEST_LIST: Final = 4 * 1024 * 1024
CSV_PAGE: Final = 500


def skus_in(typed: str) -> list[str]:
    """The SKUs of a list that was typed or pasted, each once, in their order; a heading is none."""
    found = (" ".join(part.split()) for part in BETWEEN.split(typed))
    skus = list(dict.fromkeys(sku.strip("\"'") for sku in found if sku))
    return skus[1:] if skus and skus[0].casefold() in HEADINGS else skus


@blueprint.get("/stock-sync/analysis")
@requires("stock:read")
def new() -> ResponseReturnValue:
    """Where a list of SKUs is pasted; and the last ones that were."""
    return _new_page(Form())


def _new_page(form: Form) -> ResponseReturnValue:
    shown = show(
        "stock_sync/analysis_new.html",
        area_tabs=words.tabs("products"),
        form=form,
        latest=bulk_analyses.latest(db.session()),
        most=MOST_SKUS,
        at_once=bulk.PART,
    )
    return shown, form.status


@blueprint.post("/stock-sync/analysis")
@requires("stock:read")
def analyse() -> ResponseReturnValue:
    """Analyse them: a thousand at once, more in the background."""
    form = Form.sent(forms.AnalysisForm())
    skus = skus_in(f"{form.text('skus')}\n{_uploaded(form)}")
    if not skus:
        form.complain("skus", _("Paste at least one SKU, or choose a file."))
    elif len(skus) > MOST_SKUS:
        form.complain("skus", _("At most %(limit)s SKUs at a time.", limit=MOST_SKUS))
    elif too_long := next((sku for sku in skus if len(sku) > LONGEST_SKU), None):
        form.complain("skus", _("This is no SKU: %(sku)s…", sku=too_long[:40]))
    if form.ok:

        def work(session: Session, actor: Actor) -> Landing:
            if len(skus) > bulk.PART:
                asked = bulk.ask.within(session, bulk.AskAnalysis(skus), actor=actor)
            else:
                told = bulk.Analysed(skus, many.analysed(session, skus))
                asked = bulk.write_down.within(session, told, actor=actor)
            return Landing(url_for("sync_analysis.page", analysis_id=asked.id))

        if (answer := form.once(work)) is not None:
            return answer
    return _new_page(form)


def _uploaded(form: Form) -> str:
    """The text of the file that came along."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return ""
    raw = file.read(LARGEST_LIST + 1)
    if len(raw) > LARGEST_LIST:
        form.complain("file", _("A list has at most %(size)s MB.", size=LARGEST_LIST // 1024 // 1024))
        return ""
    try:
        return str(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        form.complain("file", _("The file is no text: one SKU a line is expected."))
        return ""


@blueprint.get("/stock-sync/analysis/<int:analysis_id>")
@requires("stock:read")
def page(analysis_id: int) -> str:
    """The results: a row per SKU as it stands now; unknown ones apart."""
    session, listing = db.session(), Listing(forms.AnalysisQuery())
    asked = bulk_analyses.asked(session, analysis_id)
    counts = bulk_analyses.counts(session, analysis_id)
    view = listing["view"] or ""
    after = [int(part) for part in listing.after.split(".")] if listing.after else []
    found, next_key = bulk_analyses.results(
        session, analysis_id, view, after=after if len(after) == 2 else (0, 0), limit=PAGE
    )
    known = reads.variants_of(session, [one.sku for one in found if one.told["status"] == "success"])
    looked = reads.analysed(session, [ids[0] for ids in known.values() if len(ids) == 1])
    return show(
        "stock_sync/analysis.html",
        area_tabs=words.tabs("products"),
        listing=listing,
        asked=asked,
        counts=counts,
        rows=list(looked.values()),
        refused=[one for one in found if one.told["status"] == "error"],
        pages=listing.pages(
            len(found), counts[view], estimate=False, next_key=".".join(map(str, next_key)) if next_key else None
        ),
        views=[
            listing.tab(_("All"), "", count=counts[""]),
            listing.tab(_("Action required"), "action", count=counts["action"]),
            listing.tab(_("Not analysed"), "unknown", count=counts["unknown"]),
        ],
        accounts=reads.accounts(session),
        travelling=transfers.in_transit(session, list(looked)),
        chains=reads.chains(session, list(looked)),
    )


# --- as a file -------------------------------------------------------------------------------------------------------

FACTS: Final = ("stock", "offers", "rank", "has_competition")
FIRST: Final = ("sku", "status", "error", "priority", "action_required", "total_stock")
LAST: Final = ("recommendation", "from_account", "to_account", "account", "suggested_amount", "reason", "rule")


@blueprint.get("/stock-sync/analysis/<int:analysis_id>.csv")
@requires("stock:read")
def as_csv(analysis_id: int) -> Response:
    """Everything that was found, as it was found: a line per recommendation, and one for a SKU without any."""
    bulk_analyses.asked(db.session(), analysis_id)
    codes = [account.label for account in reads.accounts(db.session())]
    db.session.remove()
    facts = [f"{name}_{code}" for code in codes for name in FACTS]
    lines = _lines(analysis_id, facts)
    answer = Response(stream_with_context(blocks((*FIRST, *facts, *LAST), lines)), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="analysis-{analysis_id}.csv"'
    return answer


def _lines(analysis_id: int, facts: Sequence[str]) -> Iterator[list[str]]:
    after: Sequence[int] | None = (0, 0)
    while after is not None:
        found, after = bulk_analyses.results(db.session(), analysis_id, after=after, limit=CSV_PAGE)
        db.session.remove()
        for one in found:
            yield from lines_of(one.told, facts)


def lines_of(told: Mapping[str, Any], facts: Sequence[str]) -> Iterator[list[str]]:
    """The lines of one SKU."""
    error = (told.get("error") or {}).get("code")
    analysis = told.get("analysis") or {}
    situation = analysis.get("current_situation", {})
    first = [told["sku"], told["status"], error, analysis.get("priority"), _said(analysis.get("action_required")),
             situation.get("total_stock"), *(_said(situation.get(name)) for name in facts)]  # fmt: skip
    rule = (told.get("amounts") or {}).get("rule")
    for advice in analysis.get("recommendations") or [{}]:
        last = [advice.get("type"), *(advice.get(name) for name in LAST[1:-1]), rule if advice else None]
        yield [cell(value) for value in (*first, *last)]


def _said(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


# --- what can be done with the rows of the unified list --------------------------------------------------------------


@blueprint.post("/stock-sync/products/bulk")
@requires("stock:write")
def of_rows() -> ResponseReturnValue:
    """The ticked rows: analysed, or their offers sent again."""
    back = here(request.form.get("url"))
    ids, action = ids_of(request.form.getlist("rowid")), request.form.get("action")
    if not ids or action not in {"analyse", "send"}:
        flash(_("Tick the rows first."), "error")
        return redirect(back, 303)
    return act(_send(ids, back) if action == "send" else _analysis_of(ids), back)


def _analysis_of(ids: Sequence[int]) -> Callable[[Session, Actor], Landing]:
    def work(session: Session, actor: Actor) -> Landing:
        looked = reads.analysed(session, ids)
        skus = list(dict.fromkeys(looked[id_].analysis.sku for id_ in ids if id_ in looked))
        told = bulk.Analysed(skus, many.analysed(session, skus))
        asked = bulk.write_down.within(session, told, actor=actor)
        return Landing(url_for("sync_analysis.page", analysis_id=asked.id))

    return work


def _send(ids: Sequence[int], back: str) -> Callable[[Session, Actor], Landing]:
    def work(session: Session, actor: Actor) -> Landing:
        sent = bulk_actions.send_again.within(session, SendAgain(ids), actor=actor)
        said = ngettext("%(num)d SKU is being sent again.", "%(num)d SKUs are being sent again.", sent)
        if left := len(ids) - sent:
            said += " " + ngettext(
                "%(num)d is not sent by the shop: its account is not published from here.",
                "%(num)d are not sent by the shop: their accounts are not published from here.",
                left,
            )
        return Landing(back, said, "warning" if left else "success")

    return work


@blueprint.post("/stock-sync/products/<int:variant_id>/read")
@requires("stock:write")
def read_again(variant_id: int) -> ResponseReturnValue:
    """Read a SKU's offers again, in every account, now."""
    back = here(request.form.get("back"))
    one = reads.analyse_one(db.session(), variant_id)
    db.session.remove()
    done = 0
    for row in one.offers:
        try:
            done += market_sync.read_offer_now(row.facts.account_id, row.offer_id, actor=current_actor())
        except MarketplaceError:
            flash(_("%(account)s does not answer now.", account=row.facts.name), "error")
        except Refused as refused:
            flash(f"{row.facts.name}: {sentence(refused)}", "warning")
    if done:
        flash(ngettext("%(num)d offer read again.", "%(num)d offers read again.", done), "success")
    return redirect(back, 303)
