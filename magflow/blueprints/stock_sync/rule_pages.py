"""Settings, Rules: the limits of stock sync, for the shop and for single categories; what moving goods means."""

from decimal import Decimal
from typing import Any, Final

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.stock_sync import forms
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.amounts import Policy
from magflow.queries import demand
from magflow.queries import stock_sync as reads
from magflow.queries.stock_sync import Limits
from magflow.services import settings_store
from magflow.services.stock_sync import alerts, forecasting
from magflow.web.forms import Form, Landing, act, show
from magflow.web.locale import _
from magflow.web.permissions import requires

blueprint = Blueprint("sync_rules", __name__)

SHOP, CATEGORY = "shop", "category"
"""The two forms of the page."""
MOST_CATEGORIES: Final = 200


@blueprint.get("/settings/rules")
@requires("admin")
def index() -> ResponseReturnValue:
    """The limits of stock sync, and what differs for single categories."""
    return _page(Form())


def _page(form: Form) -> ResponseReturnValue:
    session = db.session()
    limits = reads.limits(session)
    edited = request.args.get("category", "")
    page = show(
        "stock_sync/rules.html",
        form=form,
        limits=limits,
        edited=edited if edited in limits.categories else "",
        categories=reads.categories(session),
        made=demand.made(session),
    )
    return page, form.status


@blueprint.post("/settings/rules")
@requires("admin")
def save() -> ResponseReturnValue:
    """Save the limits of the shop."""
    form = Form.sent(forms.RulesForm(), SHOP)
    if form.ok:
        kept = reads.limits(db.session())
        value = {
            **form.pick(*reads.FIGURES),
            **_moving(form, kept.policy),
            "competition": "other_sellers" if form["strict"] else "offers",
            "categories": {name: dict(own) for name, own in kept.categories.items()},
        }
        if (answer := form.once(_keeping(value))) is not None:
            return answer
    return _page(form)


def _moving(form: Form, kept: Policy) -> dict[str, int | float]:
    """What moving goods means to the shop; a field that was left empty stays as it is."""
    given = {name: form[name] for name in reads.MOVING}
    typed = {name: float(value) if isinstance(value, Decimal) else value for name, value in given.items()}
    return {name: getattr(kept, name) if value is None else value for name, value in typed.items()}


@blueprint.post("/settings/rules/category")
@requires("admin")
def save_category() -> ResponseReturnValue:
    """Save the limits of one category; one without any follows the shop again."""
    form = Form.sent(forms.CategoryRulesForm(), CATEGORY)
    if form.ok:
        kept = reads.limits(db.session())
        categories = {name: dict(own) for name, own in kept.categories.items()}
        categories.pop(form["category"], None)
        if own := {name: form[name] for name in reads.FIGURES if form[name] is not None}:
            categories[form["category"]] = own
        if len(categories) > MOST_CATEGORIES:
            form.complain(
                "category", _("At most %(limit)s categories have limits of their own.", limit=MOST_CATEGORIES)
            )
        elif (answer := form.once(_keeping(_stored(kept) | {"categories": categories}))) is not None:
            return answer
    return _page(form)


def _stored(limits: Limits) -> dict[str, Any]:
    """The limits of the shop as they are kept."""
    return {
        **{name: getattr(limits.shop, name) for name in reads.FIGURES},
        **{name: getattr(limits.policy, name) for name in reads.MOVING},
        "competition": "other_sellers" if limits.shop.strict_competition else "offers",
    }


def _keeping(value: dict[str, Any]) -> Any:
    def work(session: Session, actor: Actor) -> Landing:
        settings_store.change.within(
            session, settings_store.ChangeSetting(settings_store.STOCK_SYNC, value), actor=actor
        )
        alerts.look_soon(session)
        return Landing(url_for("sync_rules.index"), _("Saved. All offers are looked at again."))

    return work


@blueprint.post("/settings/rules/forecasts")
@requires("admin")
def forecast_again() -> ResponseReturnValue:
    """Have the forecasts made anew, without waiting for the night."""

    def work(session: Session, _actor: Actor) -> Landing:
        forecasting.forecast_soon(session)
        return Landing(url_for("sync_rules.index"), _("The forecasts are being made anew."))

    return act(work, url_for("sync_rules.index"))
