"""What the pages of stock sync are asked and sent, as values."""

from typing import Final

from magflow.blueprints.stock_sync.requests import LARGEST_AMOUNT, LONGEST_SKU, TRANSFER_STATES
from magflow.domain.stock_sync import CAUSES, PRIORITIES
from magflow.services.stock_sync.alerts import REASONS
from magflow.web import border
from magflow.web.forms import TypedMoney

SNOOZES: Final = ("1", "7", "30", "stock")


class AlertsQuery(border.Query):
    """What the address of the queue says."""

    view = border.OneOf((*PRIORITIES, "snoozed"))
    cause = border.OneOf(tuple(CAUSES))
    account = border.Text(most=70)
    q = border.Text(most=LONGEST_SKU)


class ProductsQuery(border.Query):
    view = border.OneOf(("action",))
    q = border.Text(most=LONGEST_SKU)


class AnalysisForm(border.Query):
    """A list of SKUs, as it was pasted."""

    skus = border.LongText(most=2_000_000)


class AnalysisQuery(border.Query):
    view = border.OneOf(("action", "unknown"))


class TransfersQuery(border.Query):
    view = border.OneOf(TRANSFER_STATES)
    q = border.Text(most=LONGEST_SKU)


class HistoryQuery(border.Query):
    q = border.Text(most=LONGEST_SKU)


class SnoozeForm(border.Query):
    """`date`: until the day in `until`."""

    for_ = border.OneOf((*SNOOZES, "date"), data_key="for", required=True)
    until = border.Text(most=10)


class BulkQuery(border.Query):
    """Alerts of which the same is to be done: their ids, and where they stood."""

    ids = border.Text(most=1_000)
    back = border.Text(most=1_000)


class BulkForm(border.Query):
    ids = border.Text(most=1_000, required=True)
    back = border.Text(most=1_000)
    for_ = border.OneOf(SNOOZES, data_key="for")
    reason = border.OneOf(REASONS)


class OutcomeQuery(border.Query):
    """`of`: 12.done-13.resolved"""

    of = border.Text(most=3_000)
    back = border.Text(most=1_000)


class DismissForm(border.Query):
    reason = border.OneOf(REASONS, required=True)
    note = border.Text(most=200)


class WhichTransferQuery(border.Query):
    """What the wizard starts from."""

    variant_id = border.Id()
    from_account = border.Text(most=70)
    to_account = border.Text(most=70)
    amount = border.Integer(least=1, most=LARGEST_AMOUNT)
    alert_id = border.Id()


class TransferForm(border.Query):
    variant_id = border.Id(required=True)
    from_account = border.Text(most=70, required=True)
    to_account = border.Text(most=70, required=True)
    amount = border.Integer(least=1, most=LARGEST_AMOUNT, required=True)
    alert_id = border.Id()
    note = border.Text(most=200)
    confirm = border.Boolean()


class ReceiveForm(border.Query):
    quantity = border.Integer(least=0, most=LARGEST_AMOUNT, required=True)
    more = border.Boolean()
    reason = border.Text(most=200)


class PoolForm(border.Query):
    mode = border.OneOf(("shared", "divided"), required=True)


class RulesForm(border.Query):
    low_stock = border.Integer(least=1, most=1000, required=True)
    stale_days = border.Integer(least=1, most=365, required=True)
    default_transfer = border.Integer(least=1, most=100_000, required=True)
    horizon_days = border.Integer(least=7, most=180)
    lead_days = border.Integer(least=0, most=90)
    floor = border.Integer(least=0, most=100_000)
    margin_percent = border.Integer(least=1, most=100)
    transfer_cost = TypedMoney()
    unit_cost = TypedMoney()
    strict = border.Boolean()


class CategoryRulesForm(border.Query):
    """What differs for one category; what is left empty follows the shop."""

    category = border.Text(most=200, required=True)
    low_stock = border.Integer(least=1, most=1000)
    stale_days = border.Integer(least=1, most=365)
    default_transfer = border.Integer(least=1, most=100_000)
