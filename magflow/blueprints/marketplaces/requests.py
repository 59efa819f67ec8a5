"""What the endpoints of accounts and offers read."""

from typing import Final

from magflow.domain.marketplaces import FULFILMENTS
from magflow.services.accounts import LARGEST_BUFFER, LIMITS
from magflow.services.market_order_asks import PAPERS, PHONE
from magflow.web.api import PageQuery
from magflow.web.border import Body, Boolean, Id, Integer, ListOf, Money, Nested, OneOf, Query, Text

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


class LimitsBody(Body):
    """What is not given is as the marketplace documents it."""

    orders_per_second = Integer(least=1, most=LIMITS["orders_per_second"])
    orders_per_minute = Integer(least=1, most=LIMITS["orders_per_minute"])
    others_per_second = Integer(least=1, most=LIMITS["others_per_second"])
    others_per_minute = Integer(least=1, most=LIMITS["others_per_minute"])
    eans_per_second = Integer(least=1, most=LIMITS["eans_per_second"])
    eans_per_minute = Integer(least=1, most=LIMITS["eans_per_minute"])
    eans_per_day = Integer(least=1, most=LIMITS["eans_per_day"])


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
    limits = Nested(LimitsBody, metadata={"description": "What may be asked; replaces what was set before"})


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


class StatusBody(Body):
    active = Boolean(required=True, metadata={"description": "One at the end of its life comes back by `true`"})


class CatalogueQuery(Query):
    ean = Text(most=14, metadata={"description": "The barcode to look for", "pattern": "^[0-9]{6,14}$"})


class ListingBody(Body):
    """An offer on the catalogue's product of this key, of the variant's barcode, or on a new product. Prices are with
    VAT."""

    variant_id = Id(required=True)
    price = Money(required=True)
    price_min = Money(required=True)
    price_max = Money(required=True)
    vat_id = Integer(least=1, required=True, metadata={"description": "Of `GET /accounts/{account_id}/catalogue`"})
    handling_time = Integer(most=90, load_default=1, metadata={"default": 1, "description": "Days to send"})
    part_number_key = Text(most=20)
    by_ean = Boolean(load_default=False, metadata={"default": False})
    category_id = Integer(least=1, most=65_535, metadata={"description": "Of a new product"})


class TraitBody(Body):
    """Which option of ours says by what the members differ."""

    trait_id = Integer(least=1, required=True)
    option_type_id = Id(required=True)


class FamilyBody(Body):
    """All offers of a product in the account become one family of this kind."""

    product_id = Id(required=True)
    type_id = Integer(least=1, required=True, metadata={"description": "Of `GET /offers/{offer_id}/family-kinds`"})
    traits = ListOf(Nested(TraitBody), most=10, load_default=list, metadata={"default": []})


class RequestsQuery(PageQuery):
    q = Text(most=60, metadata={"description": "A SKU, an offer's id, an order's number here or there"})
    failed = Boolean(load_default=False, metadata={"default": False})


# --- orders and returns ----------------------------------------------------------------------------------------------


class OrderStatusBody(Body):
    status = OneOf(("prepared", "finalized"), required=True)


class WaybillBody(Body):
    """What is sent, and who hands it over; to whom, the order says. Parcels and envelopes cannot both be none."""

    sender = Text(most=255, least=3, required=True)
    contact = Text(most=255, required=True)
    phone = Text(most=12, least=8, required=True, metadata={"pattern": PHONE.pattern})
    address_id = Text(most=21, required=True, metadata={"description": "Of `GET /accounts/{account_id}/addresses`"})
    parcels = Integer(most=999, load_default=1, metadata={"default": 1})
    envelopes = Integer(most=9999, load_default=0, metadata={"default": 0})


class LabelQuery(Query):
    paper = OneOf(PAPERS, load_default="A4", metadata={"default": "A4"})


class InvoiceBody(Body):
    """Without `url` MagFlow hands its own document over, named by the order's invoice number."""

    name = Text(most=60)
    url = Text(most=1024, metadata={"pattern": r"^https?://[A-Za-z0-9.:-]+(/[A-Za-z0-9._/-]*)?$"})


class ReturnsQuery(PageQuery):
    state = OneOf(("open", "all"), load_default="open", metadata={"default": "open"})


class ReturnStatusBody(Body):
    status = OneOf(("approved", "refused", "cancelled", "received", "closed"), required=True)


class WritesQuery(PageQuery):
    state = OneOf(("waiting", "done", "refused", "unsure", "taken_back"))
