"""What marketplaces and their accounts are called, and what is said when one of them refuses."""

from typing import Any, Final

from flask import request

from magflow.domain.marketplaces import Condition
from magflow.services.accounts import AccountPaused, MarketplaceTrouble, NothingToAsk
from magflow.services.credentials import CredentialsUnreadable
from magflow.services.market_writes import WriteEnded, WriteWaiting
from magflow.services.offers import OfferTaken
from magflow.services.webhooks import NotSigned
from magflow.web import sentences
from magflow.web.locale import _, _l

TROUBLES: Final[dict[str, Any]] = {
    "wrong_password": _l("User name or password is wrong, or the user has no API rights."),
    "address_not_allowed": _l("Your address is not on the account's list of permitted addresses."),
    "no_rights": _l("The user may not use the API: switch its API rights on in the seller panel."),
    "down": _l("The marketplace does not answer."),
    "busy": _l("The marketplace asked for a pause: too many requests."),
    "day_used_up": _l("As much was asked today as may be asked in a day; tomorrow it goes on."),
    "answer": _l("The answer could not be understood."),
    "refused": _l("The marketplace refused the request."),
    "not_found": _l("The marketplace does not know this."),
}
"""What kind of trouble there is, and what to do about it."""

COUNTRY_WORDS: Final[dict[str, Any]] = {
    "ro": _l("Romania"),
    "bg": _l("Bulgaria"),
    "hu": _l("Hungary"),
    "fd-ro": _l("Fashion Days Romania"),
    "fd-bg": _l("Fashion Days Bulgaria"),
}
"""The platforms that accounts stand on; another one, from outside, is shown by its code."""

FULFILMENT_WORDS: Final[dict[str, Any]] = {
    "seller": _l("You ship"),
    "marketplace": _l("The marketplace ships"),
}

SWITCH_WORDS: Final[dict[str, Any]] = {
    "reading": (_l("Read offers"), _l("Prices, stock, competition; every six hours.")),
    "ordering": (_l("Read orders"), _l("Every minute, and at once when the marketplace calls.")),
    "confirming": (_l("Confirm orders by itself"), _l("Takes the stock; what cannot be covered waits for you.")),
    "publishing": (_l("Send stock"), _l("MagFlow → marketplace, whenever it changes.")),
}

MATCH_WORDS: Final[dict[str, Any]] = {
    "external_id": _l("id known before"),
    "part_number_key": _l("same product key (PNK)"),
    "ean": _l("same barcode"),
    "sku": _l("same SKU"),
    "person": _l("chosen by hand"),
}


EVIDENCE_WORDS: Final[dict[str, Any]] = {**MATCH_WORDS, "like_sku": _l("nearly the same SKU")}
EVENT_WORDS: Final[dict[str, Any]] = {
    "order.confirmed": _l("An order was confirmed"),
    "order.cancelled": _l("An order was cancelled"),
    "stock.changed": _l("Stock changed"),
    "alert.opened": _l("Stock sync found something"),
    "import.finished": _l("An import ended"),
}
"""What subscribers may be told."""
TAB_WORDS: Final[dict[str, Any]] = {
    "all": _l("All"),
    "unmatched": _l("Not matched"),
    "differing": _l("Shown differs from sent"),
    "rejected": _l("Rejected"),
}
CONDITION_WORDS: Final[dict[str, Any]] = {
    "stock": _l("no stock"),
    "status": _l("not active"),
    "price": _l("price not valid at the marketplace"),
    "documentation": _l("documentation not approved"),
    "translation": _l("translation not ready"),
}


CONDITION_NAMES: Final[dict[str, Any]] = {
    "stock": _l("There is stock"),
    "status": _l("The offer is switched on"),
    "price": _l("The price is valid"),
    "documentation": _l("The product's documentation is approved"),
    "translation": _l("The translation is ready"),
}
STATE_WORDS: Final[dict[int, Any]] = {0: _l("switched off"), 1: _l("switched on"), 2: _l("end of life")}
VALIDATION_WORDS: Final[dict[int, Any]] = {
    0: _l("draft"),
    1: _l("in validation"),
    2: _l("waiting for the brand"),
    3: _l("waiting for the barcode, sold meanwhile"),
    4: _l("new documentation waits"),
    5: _l("brand rejected"),
    6: _l("barcode rejected"),
    8: _l("documentation rejected"),
    9: _l("approved"),
    10: _l("blocked by the marketplace"),
    11: _l("update waits for approval"),
    12: _l("update rejected, the old one stays"),
    13: _l("waiting for a saleable offer"),
    14: _l("translation failed"),
    15: _l("translation in progress"),
    16: _l("translation waits"),
    17: _l("translated in part"),
}
"""What a marketplace says of a product's documentation and of its translation."""

WRITE_WORDS: Final[dict[str, Any]] = {
    "price": _l("Price"),
    "status": _l("Switched on or off"),
    "listing": _l("New offer"),
    "family": _l("Family of variants"),
    "invoice": _l("Invoice"),
    "waybill": _l("Waybill"),
    "order_status": _l("Order status"),
    "storno": _l("Storno"),
    "return_status": _l("Step of a return"),
}
WRITE_STATES: Final[dict[str, Any]] = {
    "waiting": (_l("waiting"), "info", "clock"),
    "done": (_l("accepted"), "good", "ok"),
    "refused": (_l("rejected"), "bad", "error"),
    "unsure": (_l("nobody knows: look there"), "warn", "warning"),
    "taken_back": (_l("taken back"), "neutral", "undo"),
}
ORDER_STATUS: Final[dict[int, Any]] = {
    0: _l("cancelled"),
    1: _l("new"),
    2: _l("in progress"),
    3: _l("prepared"),
    4: _l("finalized"),
    5: _l("returned"),
}
RETURN_STATUS: Final[dict[int, Any]] = {
    1: _l("incomplete"),
    2: _l("new"),
    3: _l("approved"),
    4: _l("refused"),
    5: _l("cancelled"),
    6: _l("goods received"),
    7: _l("closed"),
}
RETURN_VERBS: Final[dict[int, Any]] = {
    3: _l("Approve"),
    4: _l("Refuse"),
    5: _l("Cancel"),
    6: _l("Goods received"),
    7: _l("Close"),
}


def condition_word(condition: Condition) -> str:
    """What keeps an offer from being seen."""
    return str(CONDITION_WORDS[condition.code])


def told(rows: Any) -> dict[str, Any]:
    """What the list of writes (`writes_list`) needs."""
    return {"writes": rows, "write_words": WRITE_WORDS, "write_states": WRITE_STATES, "here": request.path}


def trouble(code: str) -> str:
    """Trouble in words."""
    return str(TROUBLES.get(code, code))


sentences.TITLES["not_signed"] = _l("Not signed")
sentences.TITLES["marketplace_trouble"] = _l("The marketplace did not do it")
sentences.FIELD.update(
    {
        "vat_unknown": _l("The VAT rate of this offer is not known yet: read the offer first."),
        "bounds": _l("The highest price must be above the lowest, and neither can be nothing."),
        "outside_bounds": _l("The price must lie between the lowest and the highest."),
        "no_ean": _l("The variant has no barcode."),
        "marketplace_ships": _l("The marketplace ships this order itself."),
        "not_to_be_sent": _l("Only an order that was accepted there can be sent."),
        "not_finalized": _l("Only a finalized order can have units returned there."),
        "nothing_came_back": _l("Nothing came back here that the marketplace does not know of."),
        "no_public_address": _l(
            "MagFlow can hand its own invoice over once it is known where this shop is reached from outside."
        ),
        "no_invoice_number": _l("MagFlow can hand its own invoice over once the order has an invoice number."),
        "not_confirmed": _l("MagFlow can hand its own invoice over once the order is confirmed."),
        "address_not_https": _l("Only https addresses are called."),
        "address_port": _l("Only the ports 443 and 8443 are called."),
        "address_user": _l("An address with user and password in it is not called."),
        "address_name": _l("Nothing is found under this name."),
        "address_private": _l("Addresses of this machine or its network are not called."),
    }
)
sentences.SENTENCES.update(
    {
        AccountPaused: lambda r: _("The account is paused: %(reason)s Test the connection to go on.",
                                   reason=trouble(r.reason)),
        NothingToAsk: lambda _r: _("The account has no user and password; its readings come from files."),
        CredentialsUnreadable: lambda _r: _("The password was kept with another key: enter it again."),
        NotSigned: lambda _r: _("The signature is missing or not good."),
        WriteWaiting: lambda _r: _("The same was asked for a moment ago and waits to be sent."),
        MarketplaceTrouble: lambda r: _("The marketplace was asked and did not do it: %(reason)s",
                                        reason=trouble(r.trouble)),
        WriteEnded: lambda _r: _("It was sent or ended meanwhile."),
        OfferTaken: lambda _r: _("The variant has another offer in this account. Take it away there first."),
    }
)  # fmt: skip
