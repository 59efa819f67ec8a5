"""What the endpoints of accounts and offers read."""

from typing import Final

from magflow.domain.marketplaces import FULFILMENTS
from magflow.services.accounts import LARGEST_BUFFER
from magflow.web.api import PageQuery
from magflow.web.border import Body, Boolean, Id, Integer, Money, OneOf, Text

LONGEST_URL: Final = 500
STATES: Final = ("all", "unmatched", "differing", "rejected")
NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,31}$"
WEB: Final = {"pattern": r"^https?://[A-Za-z0-9.:-]+(/[A-Za-z0-9._/-]*)?$"}
USER: Final = {"pattern": r"^[A-Za-z0-9._@+-]+$"}
PASSWORD: Final = {"description": "Kept encrypted, and never given out again", "writeOnly": True}


class NewAccountBody(Body):
    """Only source and code must be given. The code `fbe` stands for goods in the marketplace's warehouse."""

    source = Text(most=32, required=True, metadata={"description": "Such as `emag`", "pattern": NAME})
    code = Text(most=32, required=True, metadata={"description": "Such as `main` or `fbe`", "pattern": NAME})
    fulfilment = OneOf(FULFILMENTS)
    pool = Text(most=32, metadata={"pattern": NAME})
    country = Text(most=10, load_default="ro", metadata={"default": "ro"})
    stock_writable = Boolean(load_default=False, metadata={"default": False})
    username = Text(most=200, metadata=USER)
    password = Text(most=500, metadata=PASSWORD)
    url = Text(most=LONGEST_URL, metadata=WEB)
    buffer = Integer(most=LARGEST_BUFFER, load_default=0, metadata={"default": 0})


class AccountBody(Body):
    """What is not given stays as it is."""

    username = Text(most=200, metadata=USER)
    password = Text(most=500, metadata=PASSWORD)
    url = Text(most=LONGEST_URL, metadata=WEB)
    buffer = Integer(most=LARGEST_BUFFER)
    stock_writable = Boolean()
    reading = Boolean(metadata={"description": "Read offers by itself"})
    ordering = Boolean(metadata={"description": "Read orders by itself"})
    confirming = Boolean(metadata={"description": "Confirm what can be covered by itself"})
    publishing = Boolean(metadata={"description": "Send stock by itself"})


class OffersQuery(PageQuery):
    account_id = Id()
    q = Text(most=100, metadata={"description": "SKU, EAN, product key, id, or a part of the name"})
    state = OneOf(STATES, load_default="all", metadata={"default": "all"})


class PriceBody(Body):
    """With VAT; sent without, four decimals. Bounds that are not given stay."""

    price = Money(required=True)
    price_min = Money()
    price_max = Money()


class MatchBody(Body):
    variant_id = Id(required=True, allow_none=True, metadata={"description": "null: none of ours"})
