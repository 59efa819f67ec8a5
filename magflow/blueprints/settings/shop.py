"""What holds for the whole shop."""

from typing import Final

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from magflow.db import db
from magflow.domain.border import Unfit, percent, text
from magflow.domain.errors import FieldError, Invalid
from magflow.services import settings_store
from magflow.web.auth import current_actor
from magflow.web.locale import _, decimal_sign, number
from magflow.web.permissions import requires
from magflow.web.sentences import field_sentences

LONGEST_SELLER: Final = 600


def register(blueprint: Blueprint) -> None:
    """Add the pages to the area's blueprint."""
    blueprint.get("/settings/shop", endpoint="shop")(shop_page)
    blueprint.post("/settings/shop")(save_shop)
    blueprint.post("/settings/shop/seller", endpoint="save_seller")(save_seller)


@requires("admin")
def shop_page() -> ResponseReturnValue:
    """VAT, who sells; and what was decided when MagFlow was started."""
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


@requires("admin")
def save_seller() -> ResponseReturnValue:
    """Save who sells, as it stands on invoices."""
    try:
        given = text(request.form.get("seller", ""), least=0, most=LONGEST_SELLER, breaks=True)
    except Unfit as unfit:
        refused = Invalid([FieldError("seller", unfit.code, unfit.params)])
        return _page(number(settings_store.vat_rate(db.session())), field_sentences(refused)), refused.status
    settings_store.change(settings_store.ChangeSetting(settings_store.SELLER, given), actor=current_actor())
    flash(_("Saved."), "success")
    return redirect(url_for("settings.shop"), 303)


def _page(vat_rate: str, errors: dict[str, list[str]]) -> str:
    return render_template(
        "settings/shop.html",
        vat_rate=vat_rate,
        seller=request.form.get("seller") or settings_store.read(db.session(), settings_store.SELLER),
        longest=LONGEST_SELLER,
        errors=errors,
        settings=current_app.config["MAGFLOW"],
    )
