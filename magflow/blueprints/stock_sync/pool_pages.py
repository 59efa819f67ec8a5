"""Pages of the shop's warehouses: which accounts sell from them, and whether each has its share."""

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.stock_sync import forms
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.queries import pools as queries
from magflow.services.stock_sync import pools
from magflow.web.forms import Form, Landing, act, show
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _
from magflow.web.permissions import requires

blueprint = Blueprint("stock_pools", __name__)


@blueprint.get("/stock-sync/pools")
@requires("stock:read")
def index() -> str:
    """Every warehouse of the shop."""
    return show("stock_sync/pools.html", pools=queries.pools(db.session()))


@blueprint.get("/stock-sync/pools/<name>")
@requires("stock:read")
def page(name: str) -> str:
    """One warehouse: its SKUs, and whose they are."""
    listing = Listing(forms.HistoryQuery())
    one = queries.pool(db.session(), name)
    found = queries.shares(db.session(), name, sku=listing["q"], after=listing.after_id, limit=PAGE)
    return show(
        "stock_sync/pool.html",
        pool=one,
        listing=listing,
        page=found,
        pages=listing.pages(len(found.rows), found.total, estimate=found.total_is_estimate, next_key=found.next_key),
    )


@blueprint.post("/stock-sync/pools/<name>")
@requires("admin")
def change(name: str) -> ResponseReturnValue:
    """Divide it, or give all of it to every account again."""
    form = Form.sent(forms.PoolForm())
    back = url_for("stock_pools.page", name=name)

    def work(session: Session, actor: Actor) -> Landing:
        done = pools.change_mode.within(session, pools.ChangeMode(name, form["mode"] == "divided"), actor=actor)
        said = _("The stock is divided now; shares follow in a moment.") if done.mode == "divided" else _(
            "Every account is offered all of it now."
        )  # fmt: skip
        return Landing(back, said)

    return act(work, back)
