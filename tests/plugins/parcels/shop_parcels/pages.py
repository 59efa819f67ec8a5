"""The page of parcels, in MagFlow's frame."""

from flask import Blueprint, render_template

from magflow.db import db
from magflow.web.permissions import requires
from shop_parcels.weights import weights

blueprint = Blueprint("parcels", __name__, template_folder="templates")


@blueprint.get("/parcels")
@requires("orders:read")
def index() -> str:
    """The weights."""
    return render_template("parcels/index.html", weights=weights(db.session()))
