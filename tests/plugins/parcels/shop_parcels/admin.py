"""The list of what came back, by Flask-Admin."""

from collections.abc import Sequence
from typing import Any

from magflow.models import Restock
from magflow.web.admin import ReadView


class ReturnsView(ReadView):
    """Restocks, newest first."""

    permission = "orders:read"
    column_list = ("document_id", "order_id", "quantity", "reason", "at")


def views() -> Sequence[Any]:
    """Made anew for each application."""
    return [ReturnsView(Restock, name="Parcel returns", endpoint="admin_parcel_returns", url="/parcel-returns")]
