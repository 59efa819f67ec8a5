"""Series of order numbers: how far each has counted, which numbers no order has and why, and a new one."""

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.orders.shown import reading
from magflow.domain.actors import Actor
from magflow.queries import order_numbers
from magflow.services import order_series
from magflow.services.order_series import AddSeries
from magflow.web import border
from magflow.web.forms import Form, Landing, show
from magflow.web.locale import _, _l
from magflow.web.permissions import requires
from magflow.web.sentences import add_sentences

blueprint = Blueprint("order_numbers", __name__)

add_sentences({"not_a_series": _l("A series has two to eight letters or digits and begins with a letter, such as EM.")})


class SeriesForm(border.Query):
    code = border.Text(most=8, required=True)
    label = border.Text(most=60, required=True)
    source = border.Text(most=64)


@blueprint.get("/orders/numbers")
@requires("orders:read")
def index() -> ResponseReturnValue:
    """The series and their gaps."""
    return _page(Form())


def _page(form: Form) -> ResponseReturnValue:
    return show("orders/numbers.html", series=order_numbers.series(reading()), form=form), form.status


@blueprint.post("/orders/numbers")
@requires("admin")
def add() -> ResponseReturnValue:
    """Begin a series."""
    form = Form.sent(SeriesForm())

    def work(session: Session, actor: Actor) -> Landing:
        command = AddSeries(form["code"], form["label"], form["source"])
        code = order_series.add.within(session, command, actor=actor)
        return Landing(url_for("order_numbers.index"), _("Series %(code)s begins at 1.", code=code))

    answer = form.once(work) if form.ok else None
    return answer or _page(form)
