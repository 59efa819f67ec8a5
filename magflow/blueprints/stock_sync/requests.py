"""What the endpoints of stock sync read. Unknown fields are refused by name; limits stand on the OpenAPI page."""

from typing import Final

from magflow.domain.stock_sync import CAUSES, PRIORITIES, TYPES
from magflow.web.api import PageQuery
from magflow.web.border import Body, Boolean, Id, Integer, ListOf, LongText, Moment, OneOf, Quantity, Query, Text

LONGEST_SKU: Final = 120
MOST_SKUS: Final = 100_000
LARGEST_AMOUNT: Final = 1_000_000
STATES: Final = ("open", "snoozed", "dismissed", "resolved", "all")
TRANSFER_STATES: Final = ("suggested", "approved", "running", "done", "failed", "cancelled")
ALERT_TYPES: Final = tuple(dict.fromkeys([*TYPES.values(), *CAUSES]))
"""An alert is found by its cause, or by the recommendation that answers it."""
ACCOUNT: Final = {"description": "The account's code, such as `main`"}


class WhichVariantQuery(Query):
    variant_id = Id(metadata={"description": "Where several products have the SKU: the one that is meant"})


class BulkAnalyseBody(Body):
    """Unknown SKUs do not fail the rest. More than 1,000 become a job."""

    skus = ListOf(Text(most=LONGEST_SKU), least=1, most=MOST_SKUS, required=True)


class PartQuery(Query):
    part = Integer(least=1, most=MOST_SKUS, load_default=1, metadata={"default": 1})


class AlertsQuery(PageQuery):
    priority = OneOf(PRIORITIES)
    account = Text(most=70, metadata=ACCOUNT)
    type = OneOf(ALERT_TYPES)
    category = Text(metadata={"description": "The product's category"})
    sku = Text(most=LONGEST_SKU)
    needs_weekly_update = Boolean(metadata={"description": "Only SKUs of which an offer was not sent for 7 days"})
    state = OneOf(STATES, load_default="open", metadata={"default": "open"})


class SnoozeBody(Body):
    """Without anything: for 7 days."""

    until = Moment(metadata={"description": "When it comes back by itself"})
    days = Integer(least=1, most=365, metadata={"description": "Instead of `until`"})
    until_stock_changes = Boolean(load_default=False, metadata={"default": False})
    note = LongText(most=1000, least=1)


class DismissBody(Body):
    reason = Text(
        most=200,
        required=True,
        metadata={
            "description": "`wrong_data`, `not_worth_it`, `discontinued`, `handled_elsewhere`, or words of your own"
        },
    )
    note = LongText(most=1000, least=1)


class SuggestBody(Body):
    sku = Text(most=LONGEST_SKU)
    variant_id = Id()
    from_account = Text(most=70, required=True, metadata=ACCOUNT)
    to_account = Text(most=70, required=True, metadata=ACCOUNT)
    amount = Quantity(required=True, most=LARGEST_AMOUNT)


class NewTransferBody(SuggestBody):
    confirm = Boolean(
        load_default=False,
        metadata={
            "description": "The explicit word for a transfer that leaves the giver with 0 in a competition",
            "default": False,
        },
    )
    approve = Boolean(load_default=False, metadata={"description": "Approve it at once", "default": False})
    note = LongText(most=1000, least=1)
    alert_id = Id()


class TransfersQuery(PageQuery):
    state = OneOf(TRANSFER_STATES)
    status = OneOf(TRANSFER_STATES, metadata={"description": "As `state`"})
    sku = Text(most=LONGEST_SKU)


class ReceiveBody(Body):
    quantity = Integer(
        least=0,
        most=LARGEST_AMOUNT,
        metadata={
            "description": "What has arrived so far, in all; everything unless given. The same again is no change"
        },
    )
    final = Boolean(
        load_default=True, metadata={"description": "False: more of it is still on its way", "default": True}
    )
    reason = Text(most=200, metadata={"description": "Why less arrived than was sent"})


class NoteBody(Body):
    note = LongText(most=1000, least=1)
