"""What a variant is called elsewhere: named and forgotten by hand, on its own page."""

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from magflow.domain.actors import Actor
from magflow.services import external_ids
from magflow.services.imports.commands import LONGEST_SOURCE
from magflow.web import border
from magflow.web.forms import Form, Landing, ask_first
from magflow.web.locale import _
from magflow.web.permissions import requires

blueprint = Blueprint("external_ids", __name__)


class NewExternalIdForm(border.Query):
    source = border.Text(required=True, most=LONGEST_SOURCE)
    source_account = border.Text(most=LONGEST_SOURCE)
    external_id = border.Text(required=True)


@blueprint.post("/products/variants/<int:variant_id>/external-ids")
@requires("catalog:write")
def add(variant_id: int) -> ResponseReturnValue:
    """Say what the variant is called in an account of a source."""
    back = url_for("variants.page", variant_id=variant_id, _anchor="elsewhere")
    form = Form.sent(NewExternalIdForm())
    if not form.ok:
        return _told(form, back)

    def work(session: Session, actor: Actor) -> Landing:
        account = form["source_account"] or "default"
        command = external_ids.NewExternalId(variant_id, form["source"], account, form["external_id"])
        named = external_ids.add.within(session, command, actor=actor)
        if not named.created:
            return Landing(back, _("It is called that already."), "info")
        return Landing(
            back, _("%(source)s calls it %(external_id)s from now on.", **form.pick("source", "external_id"))
        )

    return form.once(work) or _told(form, back)


@blueprint.post("/products/variants/<int:variant_id>/external-ids/<int:known_id>/delete")
@requires("catalog:write")
def remove(variant_id: int, known_id: int) -> ResponseReturnValue:
    """Forget one of its names, once that was agreed to."""
    back = url_for("variants.page", variant_id=variant_id, _anchor="elsewhere")
    question = _("Remove this external id?")
    if (asking := ask_first(question, [consequence()], _("Remove"), back, tone="bad")) is not None:
        return asking
    form = Form.sent(border.Query())

    def work(session: Session, actor: Actor) -> Landing:
        command = external_ids.ForgetExternalId(variant_id, known_id)
        known = external_ids.remove.within(session, command, actor=actor)
        return Landing(back, _("%(external_id)s no longer means this variant.", external_id=known.external_id))

    return form.once(work) or _told(form, back)


def consequence() -> str:
    """What forgetting a name does."""
    return _("A feed, an import or an order that still uses it no longer finds this variant.")


def _told(form: Form, back: str) -> Response:
    """Refused: why, on the page that it came from."""
    flash(" ".join(said for _field, said in form.summary()), "error")
    return redirect(back, 303)
