"""The page on which the variants of a product are generated: values to combine, the SKU's pattern, preview, run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from flask import Blueprint, Response, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_pgettext
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from magflow.blueprints.variants.forms import LARGEST_STOCK
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import GenerationTooLarge, Invalid, NotFound, Refused, StaleVersion
from magflow.domain.generation import MODES, Axis, combinations, count
from magflow.queries import catalogue, price_templates
from magflow.services import generation
from magflow.services.generation import Generate, GenerationPlan
from magflow.web import border
from magflow.web.forms import Form, Landing, TypedMoney, show
from magflow.web.locale import _, _l, money, number
from magflow.web.permissions import requires
from magflow.web.sentences import field_sentence, sentence

blueprint = Blueprint("generate", __name__)

SAMPLES: Final = 8
LONGEST_PATTERN: Final = 200

MODE_WORDS: Final[dict[str, tuple[Any, Any]]] = {
    "all": (
        lazy_pgettext("combinations", "All"),
        _l("Every combination that has no active variant; drafts are activated again."),
    ),
    "missing": (
        lazy_pgettext("combinations", "Missing"),
        _l("Only combinations without any variant. What you removed on purpose stays away."),
    ),
    "selected": (
        lazy_pgettext("combinations", "Selected"),
        _l("Only combinations of the values that are ticked; drafts are activated again."),
    ),
}


def reading() -> Session:
    """The session of this request, for reads."""
    return cast("Session", db.session)


class GenerateForm(border.Query):
    """What is sent beside the ticked values."""

    mode = border.OneOf(MODES, load_default="all")
    sku_pattern = border.Text(most=LONGEST_PATTERN)
    price = TypedMoney()
    stock = border.Quantity(least=0, most=LARGEST_STOCK)
    price_template_id = border.Id()
    draft_default = border.Boolean()
    plan = border.Text(most=64)


@dataclass(frozen=True)
class Ticked:
    """The options of a product, and which of their values are to be combined."""

    axes: Sequence[Axis]
    ids: frozenset[int]

    @property
    def chosen(self) -> list[Axis]:
        return [Axis(a.type_id, a.name, tuple(v for v in a.values if v.id in self.ids)) for a in self.axes]

    @property
    def wanted(self) -> list[Mapping[str, str]]:
        return [combination.names for combination in combinations(self.chosen)]


def _ticked(product_id: int, given: "MultiDict[str, str]", *, sent: bool) -> Ticked:
    axes = generation.axes_of(reading(), product_id)
    offered = {value.id for axis in axes for value in axis.values}
    if not sent:
        return Ticked(axes, frozenset(offered))
    return Ticked(axes, frozenset(offered & {int(v) for v in given.getlist("value") if v.isascii() and v.isdigit()}))


def _command(product_id: int, form: Form, ticked: Ticked, limit: int) -> Generate:
    """What the form asks for. Raises GenerationTooLarge before the combinations are built one by one."""
    wanted: Sequence[Mapping[str, str]] = ()
    if form["mode"] == "selected":
        size = count(ticked.chosen)
        if size > limit:
            raise GenerationTooLarge(size, limit)
        wanted = ticked.wanted
    return Generate(
        product_id,
        mode=form["mode"],
        combinations=wanted,
        price=form["price"],
        stock=form["stock"] or 0,
        sku_pattern=form["sku_pattern"],
        price_template_id=form["price_template_id"],
        draft_default=bool(form["draft_default"]),
        seen_plan=form["plan"],
    )


@blueprint.get("/products/<int:product_id>/generate")
@requires("catalog:write")
def page(product_id: int) -> ResponseReturnValue:
    """The form, all values ticked."""
    form = Form()
    catalogue.product(reading(), product_id)
    default = generation.active_default(reading(), product_id)
    form.values = {"mode": "all", "draft_default": default is not None and not default.stock}
    return _page(product_id, form, _ticked(product_id, request.args, sent=False), None)


@blueprint.post("/products/<int:product_id>/generate")
@requires("catalog:write")
def run(product_id: int) -> ResponseReturnValue:
    """Show what a generation would do; do it once that very plan was agreed to."""
    form = Form.sent(GenerateForm())
    catalogue.product(reading(), product_id)
    ticked = _ticked(product_id, request.form, sent=True)
    plan = _plan(product_id, form, ticked) if form.ok else None
    if plan is not None and form["plan"] is not None and form["plan"] == plan.fingerprint:
        command = _command(product_id, form, ticked, generation.generation_limit(reading()))

        def work(session: Session, actor: Actor) -> Landing:
            done = generation.generate.within(session, command, actor=actor)
            return Landing(url_for("products.page", product_id=product_id), report(done))

        if (answer := form.once(work)) is not None:
            return answer
        if isinstance(form.refused, StaleVersion):
            form.general = []
            plan = _changed_meanwhile(product_id, form, ticked)
    elif plan is not None and form["plan"] is not None:
        form.general.append(_("It would do something else by now. Look at it again, then generate."))
    return _page(product_id, form, ticked, plan)


def _changed_meanwhile(product_id: int, form: Form, ticked: Ticked) -> GenerationPlan | None:
    form.general.append(_("Something changed meanwhile. This is what it would do now."))
    return _plan(product_id, form, ticked)


def _plan(product_id: int, form: Form, ticked: Ticked) -> GenerationPlan | None:
    """What the form would do; None when it is refused, and the form knows why."""
    try:
        command = _command(product_id, form, ticked, generation.generation_limit(reading()))
        return generation.preview(reading(), command)
    except NotFound:
        form.complain("price_template_id", _("This price template is gone; choose another."))
    except Refused as refused:
        form.refuse(refused, {"combinations": "value", "product": "value"})
    return None


def report(done: GenerationPlan) -> str:
    """What a generation did, as labels with figures."""
    counted = (
        (_("Created: %(count)s", count=number(len(done.created_ids))), True),
        (_("Activated again: %(count)s", count=number(len(done.reactivate))), bool(done.reactivate)),
        (_("Already active: %(count)s", count=number(done.already_active)), bool(done.already_active)),
        (_("Left alone: %(count)s", count=number(done.left_alone)), bool(done.left_alone)),
        (_("Refused: %(count)s", count=number(len(done.refused))), bool(done.refused)),
        (_("A draft now: %(sku)s", sku=done.drafted.sku if done.drafted else ""), done.drafted is not None),
    )
    return " · ".join(said for said, shown in counted if shown)


def _page(product_id: int, form: Form, ticked: Ticked, plan: GenerationPlan | None) -> ResponseReturnValue:
    sizes = [len(axis.values) for axis in ticked.chosen]
    page_ = show(
        "variants/generate.html",
        form=form,
        product=catalogue.product(reading(), product_id),
        axes=ticked.axes,
        ticked=ticked.ids,
        total=count(ticked.axes),
        selected=math.prod(sizes) if sizes else 0,
        limit=generation.generation_limit(reading()),
        modes=MODE_WORDS,
        default=generation.active_default(reading(), product_id),
        templates=price_templates.names(reading()),
        names=["product", "handle", *(axis.name for axis in ticked.axes)],
        plan=plan,
        samples=plan.create[:SAMPLES] if plan is not None else [],
        refused=[(r.combination, field_sentence(r.error)) for r in plan.refused[:50]] if plan is not None else [],
    )
    return page_, form.status


@blueprint.get("/products/<int:product_id>/generate/samples")
@requires("catalog:write")
def samples(product_id: int) -> Response:
    """The first variants that would be made, while the person types; nothing is written."""
    form = Form()
    given = {name: value for name, value in request.args.items() if name in GenerateForm().fields and value.strip()}
    catalogue.product(reading(), product_id)
    ticked = _ticked(product_id, request.args, sent=True)
    told: dict[str, Any]
    try:
        form.values = border.load(GenerateForm(), given)
        command = _command(product_id, form, ticked, generation.generation_limit(reading()))
        plan = generation.preview(reading(), command)
        told = {
            "create": len(plan.create),
            "said": report_of_plan(plan),
            "samples": [
                {"sku": new.sku, "title": new.title, "price": money(new.price)} for new in plan.create[:SAMPLES]
            ],
        }
    except Refused as refused:
        told = {"problem": _problem(refused), "samples": []}
    answer = jsonify(told)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def report_of_plan(plan: GenerationPlan) -> str:
    """What a plan would do, as labels with figures."""
    counted = (
        (_("To create: %(count)s", count=number(len(plan.create))), True),
        (_("To activate again: %(count)s", count=number(len(plan.reactivate))), bool(plan.reactivate)),
        (_("Already active: %(count)s", count=number(plan.already_active)), bool(plan.already_active)),
        (_("Left alone: %(count)s", count=number(plan.left_alone)), bool(plan.left_alone)),
    )
    return " · ".join(said for said, shown in counted if shown)


def _problem(refused: Refused) -> str:
    if isinstance(refused, Invalid) and refused.errors:
        return " ".join(dict.fromkeys(field_sentence(error) for error in refused.errors))
    return sentence(refused)
