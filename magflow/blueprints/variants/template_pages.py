"""Pages of price templates: the list, one with its rules, and a product that is priced by one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal, cast

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.variants.bulk_pages import SHOWN, drastic
from magflow.blueprints.variants.bulk_words import REASONS
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.border import MONEY_MAX, Unfit, decimal, text
from magflow.domain.errors import FieldError, Invalid, NotFound, StaleVersion
from magflow.domain.price_templates import PriceRule
from magflow.queries import bulk_edits, catalogue
from magflow.queries import price_templates as queries
from magflow.services import price_templates
from magflow.services.price_templates import MOST_RULES, ApplyTemplate, SaveTemplate, TemplatePlan
from magflow.web import border
from magflow.web.forms import Form, Landing, TypedMoney, act, ask_first, show, typed_text
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _, decimal_sign, ngettext
from magflow.web.permissions import requires
from magflow.web.sentences import field_sentence

blueprint = Blueprint("price_templates", __name__)

LONGEST_NAME: Final = 100


def reading() -> Session:
    """The session of this request, for reads."""
    return cast("Session", db.session)


class TemplateForm(border.Query):
    name = border.Text(required=True, most=LONGEST_NAME)


class ApplyForm(border.Query):
    """Which template, over which base price."""

    price_template_id = border.Id(required=True)
    base_price = TypedMoney()
    include_drafts = border.Boolean()
    follow = border.Boolean()
    fingerprint = border.Text(most=64)
    skip_refused = border.Boolean()
    confirmed = border.Boolean()


# --- rules as they are typed -----------------------------------------------------------------------------------------


@dataclass
class RuleRow:
    """One rule as it was typed."""

    option: str = ""
    value: str = ""
    amount: str = ""
    kind: str = "amount"
    errors: list[str] = field(default_factory=list)

    @property
    def blank(self) -> bool:
        return not (self.option.strip() or self.value.strip() or self.amount.strip())

    @property
    def rule(self) -> PriceRule | None:
        """What it means; None when that is nothing, and `errors` says why."""
        try:
            option, value = text(self.option, most=LONGEST_NAME), text(self.value, most=LONGEST_NAME)
            typed = self.amount.strip().removesuffix("%").replace("−", "-")
            if not typed:
                raise Unfit("required")
            amount = decimal(typed, least=-MONEY_MAX, sign=decimal_sign())
        except Unfit as unfit:
            self.errors.append(field_sentence(FieldError("rule", unfit.code, unfit.params)))
            return None
        kind: Literal["amount", "percent"] = "percent" if self.kind == "percent" else "amount"
        return PriceRule(option, value, kind, amount)


def _sent_rules() -> list[RuleRow]:
    columns = (request.form.getlist(name) for name in ("rule_option", "rule_value", "rule_amount", "rule_kind"))
    rows = [RuleRow(*(typed[:200] for typed in given)) for given in zip(*columns, strict=False)]
    return [row for row in rows if not row.blank][:MOST_RULES]


def _kept_rules(rules: Sequence[Any]) -> list[RuleRow]:
    return [RuleRow(r.option_name, r.option_value, typed_text(r.amount), r.kind) for r in rules]


# --- the list, and one -----------------------------------------------------------------------------------------------


@blueprint.get("/products/price-templates")
@requires("catalog:read")
def index() -> str:
    """All price templates."""
    listing = Listing(border.Query())
    page = queries.templates(reading(), after=listing.after_id, limit=PAGE)
    pages = listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=page.next_key)
    return show("price_templates/index.html", page=page, pages=pages)


@blueprint.get("/products/price-templates/new")
@requires("catalog:write")
def new() -> ResponseReturnValue:
    """The form for a template."""
    return _edit_page(Form(), [], None)


@blueprint.post("/products/price-templates/new")
@requires("catalog:write")
def create() -> ResponseReturnValue:
    """Make a template."""
    return _save(None)


@blueprint.get("/products/price-templates/<int:template_id>")
@requires("catalog:read")
def page(template_id: int) -> ResponseReturnValue:
    """A template, its rules, and the products that were priced by it."""
    row = queries.template(reading(), template_id)
    return _edit_page(Form(), _kept_rules(row.rules), row)


@blueprint.post("/products/price-templates/<int:template_id>")
@requires("catalog:write")
def save(template_id: int) -> ResponseReturnValue:
    """Change a template."""
    return _save(queries.template(reading(), template_id))


def _save(there: queries.TemplateRow | None) -> ResponseReturnValue:
    form = Form.sent(TemplateForm())
    rows = _sent_rules()
    rules = [rule for row in rows if (rule := row.rule) is not None]
    if form.ok and len(rules) == len(rows):
        command = SaveTemplate(form["name"], tuple(rules), there.template.id if there is not None else None)

        def work(session: Session, actor: Actor) -> Landing:
            service = price_templates.edit if there is not None else price_templates.create
            saved = service.within(session, command, actor=actor)
            url = url_for("price_templates.page", template_id=saved.id)
            return Landing(url, _("The price template %(name)s is saved.", name=saved.name))

        if (answer := form.once(work)) is not None:
            return answer
        _place(form, rows)
    return _edit_page(form, rows, there)


def _place(form: Form, rows: Sequence[RuleRow]) -> None:
    """Put what the service said about `rules[2].option_value` to the row it means."""
    for name in [name for name in form.errors if name.startswith("rules[")]:
        number = int(name[len("rules[") : name.index("]")])
        if number < len(rows):
            rows[number].errors += form.errors.pop(name)


def _edit_page(form: Form, rows: list[RuleRow], there: queries.TemplateRow | None) -> ResponseReturnValue:
    page_ = show(
        "price_templates/edit.html",
        form=form,
        rows=rows,
        blank=RuleRow(),
        there=there,
        products=queries.products_with(reading(), there.template.id) if there is not None else [],
        everything=catalogue.option_types(reading()),
        sign=decimal_sign(),
        delete_consequences=delete_consequences(),
    )
    return page_, 422 if any(row.errors for row in rows) else form.status


@blueprint.post("/products/price-templates/<int:template_id>/delete")
@requires("catalog:write")
def delete(template_id: int) -> ResponseReturnValue:
    """Delete a template; prices stay."""
    row = queries.template(reading(), template_id)
    back = url_for("price_templates.page", template_id=template_id)
    question = _("Delete the price template %(name)s?", name=row.template.name)
    if (asking := ask_first(question, delete_consequences(), _("Delete"), back, tone="bad")) is not None:
        return asking

    def work(session: Session, actor: Actor) -> Landing:
        name = price_templates.remove.within(session, template_id, actor=actor)
        return Landing(url_for("price_templates.index"), _("The price template %(name)s is deleted.", name=name))

    return act(work, back)


def delete_consequences() -> list[str]:
    """What deleting a template does."""
    return [
        _("Prices that were made with it stay as they are."),
        _("No product's prices follow their base price by it any more."),
    ]


# --- a product that is priced by one ---------------------------------------------------------------------------------


@blueprint.get("/products/<int:product_id>/price-template")
@requires("catalog:write")
def choose(product_id: int) -> ResponseReturnValue:
    """Which template, over which base price."""
    return _apply_page(product_id, Form(), None)


@blueprint.post("/products/<int:product_id>/price-template")
@requires("catalog:write")
def apply(product_id: int) -> ResponseReturnValue:
    """Show the new prices; write them once that very plan was agreed to."""
    form = Form.sent(ApplyForm())
    made = _planned(product_id, form) if form.ok else None
    if made is not None and form["fingerprint"] is not None and _agreed(form, made):
        command = _command(product_id, form)

        def work(session: Session, actor: Actor) -> Landing:
            edit = price_templates.apply.within(session, command, actor=actor)
            said = ngettext("%(num)d price was changed.", "%(num)d prices were changed.", edit.rows_changed)
            return Landing(url_for("bulk.result", bulk_edit_id=edit.id), said)

        if (answer := form.once(work)) is not None:
            return answer
        if isinstance(form.refused, StaleVersion):
            form.general = [_("Something changed meanwhile. These are the prices as they would become now.")]
            made = _planned(product_id, form)
    return _apply_page(product_id, form, made)


def _command(product_id: int, form: Form) -> ApplyTemplate:
    return ApplyTemplate(
        product_id,
        form["price_template_id"],
        base_price=form["base_price"],
        include_drafts=bool(form["include_drafts"]),
        follow=bool(form["follow"]),
        fingerprint=form["fingerprint"] or "",
        skip_refused=bool(form["skip_refused"]),
    )


def _planned(product_id: int, form: Form) -> TemplatePlan | None:
    catalogue.product(reading(), product_id)
    try:
        return price_templates.preview(reading(), _command(product_id, form))
    except NotFound:
        form.complain("price_template_id", _("This price template is gone; choose another."))
    except Invalid as invalid:
        form.refuse(invalid)
    return None


def _agreed(form: Form, made: TemplatePlan) -> bool:
    """Whether all was agreed to that this plan asks for; what is missing is said."""
    if form["fingerprint"] != made.plan.fingerprint:
        form.general.append(_("It would do something else by now. Look at it again, then apply it."))
    elif made.plan.refused and not form["skip_refused"]:
        form.general.append(_("Some variants cannot be changed. Say whether the others shall be."))
    elif drastic(made.plan) and not form["confirmed"]:
        form.general.append(_("Large changes are confirmed apart: tick the box above the button."))
    return form.ok


def _apply_page(product_id: int, form: Form, made: TemplatePlan | None) -> ResponseReturnValue:
    product = catalogue.product(reading(), product_id)
    plan = made.plan if made is not None else None
    page_ = show(
        "price_templates/apply.html",
        form=form,
        product=product,
        kept=queries.of_product(reading(), product_id),
        base_price=_base_price(product_id),
        templates=queries.names(reading()),
        made=made,
        plan=plan,
        shown=plan.changed[:SHOWN] if plan is not None else [],
        refused=plan.refused[:SHOWN] if plan is not None else [],
        drastic=drastic(plan) if plan is not None else None,
        products=bulk_edits.product_names(reading(), [product_id]),
        reasons=REASONS,
    )
    return page_, form.status


def _base_price(product_id: int) -> Decimal | None:
    return price_templates.base_price_of(reading(), product_id)
