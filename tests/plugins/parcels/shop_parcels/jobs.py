"""What the worker does for parcels."""

from magflow.services import jobs
from shop_parcels import weighing


def weigh(*, order_id: int) -> None:
    """Weigh an order's parcel."""
    weighing.weigh(order_id, actor=jobs.actor())


WEIGH = jobs.Task(weighing.TASK, weigh)
