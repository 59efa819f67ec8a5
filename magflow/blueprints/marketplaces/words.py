"""What marketplaces and their accounts are called, and what is said when one of them refuses."""

from typing import Any, Final

from magflow.domain.marketplaces import Condition
from magflow.services.accounts import AccountPaused, NothingToAsk
from magflow.services.credentials import CredentialsUnreadable
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
    "answer": _l("The answer could not be understood."),
    "refused": _l("The marketplace refused the request."),
    "not_found": _l("The marketplace does not know this."),
}
"""What kind of trouble there is, and what to do about it."""

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


def condition_word(condition: Condition) -> str:
    """What keeps an offer from being seen."""
    return str(CONDITION_WORDS[condition.code])


def trouble(code: str) -> str:
    """Trouble in words."""
    return str(TROUBLES.get(code, code))


sentences.TITLES["not_signed"] = _l("Not signed")
sentences.FIELD.update(
    {
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
        OfferTaken: lambda _r: _("The variant has another offer in this account. Take it away there first."),
    }
)  # fmt: skip
