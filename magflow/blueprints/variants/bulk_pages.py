"""Pages of bulk edits: what to change, what it would do, how far it is, what it did, and the way back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, cast
from urllib.parse import urlencode

from flask import Blueprint, Response, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.variants.bulk_words import REASONS, ROUNDING, WHAT, failure, told_change
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.border import INT64_MAX, MONEY_MAX, Unfit, decimal, integer
from magflow.domain.bulk_edit import ROUNDINGS, Rule, is_drastic
from magflow.domain.errors import FieldError, Invalid, StaleVersion
from magflow.queries import bulk_edits, catalogue, troubles
from magflow.queries.variant_lists import VariantFilter, variant_ids
from magflow.services import bulk_edit, bulk_undo
from magflow.services.bulk_edit import BulkPlan, EditInBulk, PlannedRow, Selection
from magflow.services.bulk_undo import NothingToUndo
from magflow.web import border
from magflow.web.forms import Form, Landing, ask_first, show
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _, decimal_sign, ngettext
from magflow.web.permissions import requires
from magflow.web.sentences import field_sentence, sentence

blueprint = Blueprint("bulk", __name__)

MOST_CHANGES: Final = 4
MOST_CHOSEN: Final = 200_000
"""Variants that a list's filter may mean here."""
FIELDS: Final = ("price", "compare_at_price", "stock", "status", "options")
SHOWN: Final = 100
"""Rows of a preview, of a result, and of what was refused."""


def reading() -> Session:
    """The session of this request, for reads."""
    return cast("Session", db.session)


# --- which variants --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chosen:
    """The variants that a bulk edit is about, and where they were chosen."""

    ids: tuple[int, ...]
    back_url: str
    where: str = ""
    """In words, when they were not ticked one by one."""
    sent: str = ""
    """The ids for the form to carry, where its address does not say them."""

    @property
    def selection(self) -> Selection:
        return Selection(ids=self.ids)


def picked(ids: Sequence[int]) -> Chosen:
    """Variants that were ticked in a list."""
    found = tuple(sorted(set(ids)))
    back = url_for("admin_variants.index_view")
    return Chosen(found, back, sent="-".join(map(str, found)))


def _chosen() -> Chosen:
    """What the present request is about: ids that it carries, a product, or all that a list's filter shows."""
    carried = request.form.get("ids") or request.args.get("ids")
    if carried or request.form.getlist("rowid"):
        return picked(_numbers(carried.split("-") if carried else request.form.getlist("rowid")))
    if request.args.get("product_id"):
        [product_id] = _numbers([request.args["product_id"]])
        return _of_product(product_id)
    # Here and not above: the list imports this module for its button.
    from magflow.blueprints.variants import admin

    ids = admin.matching(MOST_CHOSEN)
    if len(ids) > MOST_CHOSEN:
        raise Invalid([FieldError("filter", "too_many", {"limit": MOST_CHOSEN})])
    back = _with_query(url_for("admin_variants.index_view"))
    narrowed = any(request.args.values())
    return Chosen(
        tuple(ids), back, _("all that match the list's filter") if narrowed else _("all variants of the shop")
    )


def _with_query(path: str) -> str:
    """An address with what stands behind the question mark of this one; it is text there, and steers no link."""
    query = urlencode(list(request.args.items(multi=True)))
    return f"{path}?{query}" if query else path


def _of_product(product_id: int) -> Chosen:
    product = catalogue.product(reading(), product_id)
    ids = reading().scalars(variant_ids(VariantFilter(product_id=product_id)))
    back = url_for("products.page", product_id=product_id)
    return Chosen(tuple(sorted(ids)), back, _("all variants of %(name)s", name=product.name))


def _numbers(given: Sequence[str]) -> list[int]:
    try:
        return [integer(value, least=1, most=INT64_MAX, as_text=True) for value in given[:MOST_CHOSEN]]
    except Unfit as unfit:
        raise Invalid([FieldError("ids", unfit.code, unfit.params)]) from unfit


# --- what to change --------------------------------------------------------------------------------------------------


class BulkForm(border.Query):
    """What the form sends beside its rows."""

    fingerprint = border.Text(most=64)
    skip_refused = border.Boolean()
    confirmed = border.Boolean()


@dataclass
class ChangeRow:
    """One change as it was typed."""

    what: str = ""
    value: str = ""
    rounding: str = "cent"
    errors: list[str] = field(default_factory=list)

    @property
    def rule(self) -> Rule | None:
        """What it means; None when that is nothing, and `errors` says why."""
        name, _colon, action = self.what.partition(":")
        if self.what not in WHAT:
            self.errors.append(field_sentence(FieldError("what", "required")))
            return None
        if self.rounding not in ROUNDINGS:
            self.rounding = "cent"
        try:
            value = self._number() if action in {"set", "add", "percent"} else None
        except Unfit as unfit:
            self.errors.append(field_sentence(FieldError("value", unfit.code, unfit.params)))
            return None
        rounding = self.rounding if name in {"price", "compare_at_price"} and action != "set" else "cent"
        return Rule(cast("Any", name), cast("Any", action), value, cast("Any", rounding))

    def _number(self) -> Decimal:
        typed = self.value.strip().removesuffix("%").replace("−", "-")
        if not typed:
            raise Unfit("required")
        return decimal(typed, least=-MONEY_MAX, sign=decimal_sign())


def _sent_changes() -> list[ChangeRow]:
    whats, values, roundings = (request.form.getlist(name) for name in ("what", "value", "rounding"))
    rows = [
        ChangeRow(what, value[:60], rounding)
        for what, value, rounding in zip(whats, values, roundings, strict=False)
        if what or value.strip()
    ]
    return rows[:MOST_CHANGES] or [ChangeRow()]


@blueprint.get("/products/variants/bulk-edit")
@requires("catalog:write")
def choose() -> ResponseReturnValue:
    """The form for a change of many variants."""
    return asked(_chosen())


def asked(chosen: Chosen) -> ResponseReturnValue:
    """The form, before anything was typed."""
    return _page(chosen, Form(), [ChangeRow()], None)


@blueprint.post("/products/variants/bulk-edit")
@requires("catalog:write")
def change() -> ResponseReturnValue:
    """Show what a change would do; do it once that very plan was agreed to."""
    chosen = _chosen()
    form = Form.sent(BulkForm())
    if request.form.getlist("rowid") and not request.form.getlist("what"):
        return asked(chosen)
    rows = _sent_changes()
    rules = [rule for row in rows if (rule := row.rule) is not None]
    plan = _planned(chosen, rules, form) if len(rules) == len(rows) and chosen.ids else None
    if plan is not None and form["fingerprint"] is not None and _agreed(form, plan):

        def work(session: Session, actor: Actor) -> Landing:
            command = EditInBulk(
                chosen.selection, tuple(rules), form["fingerprint"], skip_refused=bool(form["skip_refused"])
            )
            edit = bulk_edit.start.within(session, command, actor=actor)
            return Landing(url_for("bulk.result", bulk_edit_id=edit.id), _said(edit))

        if (answer := form.once(work)) is not None:
            return answer
        if isinstance(form.refused, StaleVersion):
            form.general = [_("Something changed meanwhile. This is what your change would do now.")]
            plan = _planned(chosen, rules, form)
    return _page(chosen, form, rows, plan)


def _planned(chosen: Chosen, rules: Sequence[Rule], form: Form) -> BulkPlan | None:
    try:
        return bulk_edit.preview(reading(), chosen.selection, rules)
    except Invalid as invalid:
        form.refused = invalid
        form.general += [field_sentence(error) for error in invalid.errors]
        return None


def _agreed(form: Form, plan: BulkPlan) -> bool:
    """Whether all was agreed to that this plan asks for; what is missing is said."""
    if form["fingerprint"] != plan.fingerprint:
        form.general.append(_("It would do something else by now. Look at it again, then apply it."))
    elif plan.refused and not form["skip_refused"]:
        form.general.append(_("Some variants cannot be changed. Say whether the others shall be."))
    elif drastic(plan) and not form["confirmed"]:
        form.general.append(_("Large changes are confirmed apart: tick the box above the button."))
    return form.ok


@dataclass(frozen=True)
class Drastic:
    """What a plan does that is confirmed apart, counted."""

    far: int
    free: int
    sold_out: int

    def __bool__(self) -> bool:
        return bool(self.far or self.free or self.sold_out)

    @property
    def sentences(self) -> list[str]:
        said = []
        if self.free:
            said.append(ngettext("%(num)d price becomes 0.", "%(num)d prices become 0.", self.free))
        if self.far:
            said.append(
                ngettext(
                    "%(num)d price changes by more than 20 %%.", "%(num)d prices change by more than 20 %%.", self.far
                )
            )
        if self.sold_out:
            said.append(ngettext("%(num)d stock becomes 0.", "%(num)d stocks become 0.", self.sold_out))
        return said


def drastic(plan: BulkPlan) -> Drastic:
    """What of a plan is wide enough to be confirmed apart."""
    prices = [(row.row.price, row.new["price"]) for row in plan.changed if "price" in row.new]
    return Drastic(
        far=sum(new != 0 and is_drastic(old, new) for old, new in prices),
        free=sum(new == 0 for _old, new in prices),
        sold_out=sum(row.new.get("stock") == 0 for row in plan.changed),
    )


def _said(edit: Any) -> str:
    if edit.status == "queued":
        return _("It is being done. You may leave this page.")
    return ngettext("%(num)d variant was changed.", "%(num)d variants were changed.", edit.rows_changed)


def _page(chosen: Chosen, form: Form, rows: list[ChangeRow], plan: BulkPlan | None) -> ResponseReturnValue:
    shown = plan.changed[:SHOWN] if plan is not None else []
    refused = plan.refused[:SHOWN] if plan is not None else []
    bad = any(row.errors for row in rows)
    page = show(
        "variants/bulk_edit.html",
        chosen=chosen,
        form=form,
        rows=rows,
        plan=plan,
        shown=shown,
        refused=refused,
        fields=_fields(shown),
        drastic=drastic(plan) if plan is not None else None,
        products=bulk_edits.product_names(reading(), list({r.row.product_id for r in (*shown, *refused)})),
        what=WHAT,
        rounding=ROUNDING,
        reasons=REASONS,
        most=MOST_CHANGES,
        action=url_for("bulk.change") if chosen.sent else _with_query(url_for("bulk.change")),
    )
    return page, 422 if bad else form.status


def _fields(rows: Sequence[PlannedRow]) -> list[str]:
    """The fields that change, in the order in which pages show them."""
    changed = {name for row in rows for name in row.new}
    return [name for name in FIELDS if name in changed]


# --- what it did -----------------------------------------------------------------------------------------------------


@blueprint.get("/products/bulk-edits")
@requires("catalog:read")
def index() -> str:
    """All bulk edits, newest first: what was changed, by whom, and whether it was undone."""
    listing = Listing(border.Query())
    page = bulk_edits.edits(reading(), after=listing.after_id, limit=PAGE)
    pages = listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=page.next_key)
    return show("variants/bulk_edits.html", page=page, pages=pages, told=told_change)


@blueprint.get("/products/bulk-edits/<int:bulk_edit_id>")
@requires("catalog:read")
def result(bulk_edit_id: int) -> ResponseReturnValue:
    """One bulk edit: how far it is, or what it did to each variant."""
    return _result(bulk_edit_id)


def _result(bulk_edit_id: int, kept: Mapping[int, str] | None = None, status: int = 200) -> ResponseReturnValue:
    edit = bulk_edits.bulk_edit(reading(), bulk_edit_id)
    rows = bulk_edits.edited_rows(reading(), bulk_edit_id, limit=SHOWN)
    undone = edit.status == "undone"
    skus = {row.variant_id: row.sku for row in rows}
    kept_rows = bulk_edits.edited_rows(reading(), bulk_edit_id, kept=True, limit=SHOWN) if undone else []
    return (
        show(
            "variants/bulk_result.html",
            edit=edit,
            rows=rows,
            progress=bulk_edits.progress(reading(), edit),
            fields=[name for name in FIELDS if any(name in row.new for row in rows)],
            told=told_change,
            value_names=_value_names(rows),
            as_decimal=_decimal,
            undo_question=undo_question,
            undo_consequence=undo_consequence,
            reasons=REASONS,
            failure=failure(edit.error) if edit.error else None,
            kept=[(r.variant_id, r.sku, r.undo_refused) for r in kept_rows],
            kept_count=bulk_edits.kept_count(reading(), bulk_edit_id) if undone else 0,
            stuck=[(id_, skus.get(id_), reason) for id_, reason in list((kept or {}).items())[:SHOWN]],
        ),
        status,
    )


def _value_names(rows: Sequence[bulk_edits.EditedRow]) -> dict[int, str]:
    held = {value for row in rows for side in (row.old, row.new) for value in side.get("options", ())}
    return troubles.value_names(reading(), held) if held else {}


def _decimal(kept: str | None) -> Decimal | None:
    """An amount as the record keeps it."""
    return None if kept is None else Decimal(kept)


@blueprint.get("/products/bulk-edits/<int:bulk_edit_id>/state")
@requires("catalog:read")
def state(bulk_edit_id: int) -> Response:
    """How far it is, for the page that waits."""
    edit = bulk_edits.bulk_edit(reading(), bulk_edit_id)
    far = bulk_edits.progress(reading(), edit)
    answer = jsonify({"status": edit.status, "done": far.done, "total": far.total})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/products/bulk-edits/<int:bulk_edit_id>/undo")
@requires("catalog:write")
def undo(bulk_edit_id: int) -> ResponseReturnValue:
    """Set it back, wherever nothing else has touched the variants since."""
    back = url_for("bulk.result", bulk_edit_id=bulk_edit_id)
    edit = bulk_edits.bulk_edit(reading(), bulk_edit_id)
    if (asking := ask_first(undo_question(edit.rows_changed), [undo_consequence()], _("Undo"), back)) is not None:
        return asking
    form = Form()

    def work(session: Session, actor: Actor) -> Landing:
        done = bulk_undo.start.within(session, bulk_edit_id, actor=actor)
        if done.edit.status == "running":
            return Landing(back, _("It is being done. You may leave this page."))
        said = ngettext("%(num)d variant was set back.", "%(num)d variants were set back.", done.restored)
        return Landing(back, said)

    if (answer := form.once(work)) is not None:
        return answer
    if isinstance(form.refused, NothingToUndo):
        return _result(bulk_edit_id, form.refused.kept, 409)
    flash(sentence(form.refused or Invalid()), "error")
    return redirect(back, 303)


def undo_question(count: int) -> str:
    """What is asked before an undo."""
    return ngettext("Set %(num)d variant back?", "Set %(num)d variants back?", count)


def undo_consequence() -> str:
    """What an undo does."""
    return _("Each gets its old values again. What somebody or something else has changed since stays as it is.")
