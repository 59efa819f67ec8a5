"""What holds for the whole shop."""

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from magflow.db import db
from magflow.domain.border import Unfit, percent
from magflow.domain.errors import FieldError, Invalid
from magflow.services import settings_store
from magflow.web.auth import current_actor
from magflow.web.locale import _, decimal_sign, number
from magflow.web.permissions import requires
from magflow.web.sentences import field_sentences


def register(blueprint: Blueprint) -> None:
    """Add the pages to the area's blueprint."""
    blueprint.get("/settings/shop", endpoint="shop")(shop_page)
    blueprint.post("/settings/shop")(save_shop)


@requires("admin")
def shop_page() -> ResponseReturnValue:
    """VAT; and what was decided when MagFlow was started."""
    return _page(number(settings_store.vat_rate(db.session())), {})


@requires("admin")
def save_shop() -> ResponseReturnValue:
    """Save the VAT rate of products that name none of their own."""
    given = request.form.get("vat_rate", "")
    try:
        rate = percent(given, sign=decimal_sign())
    except Unfit as unfit:
        refused = Invalid([FieldError("vat_rate", unfit.code, unfit.params)])
        return _page(given, field_sentences(refused)), refused.status
    command = settings_store.ChangeSetting(settings_store.VAT_RATE, str(rate))
    settings_store.change(command, actor=current_actor())
    flash(_("Saved."), "success")
    return redirect(url_for("settings.shop"), 303)


def _page(vat_rate: str, errors: dict[str, list[str]]) -> str:
    return render_template(
        "settings/shop.html", vat_rate=vat_rate, errors=errors, settings=current_app.config["MAGFLOW"]
    )
