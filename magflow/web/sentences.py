"""What a refusal says to a person: one sentence with the field, the value and the way out, in the reader's language."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from magflow.domain.errors import (
    AlreadyFinalized,
    AlreadyTaken,
    AmbiguousSku,
    CombinationTaken,
    EmptyOrder,
    ExternalIdTaken,
    FieldError,
    GenerationTooLarge,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    InsufficientOfferStock,
    InsufficientStock,
    InUse,
    Invalid,
    NotFound,
    OrderNotEditable,
    OutcomeUnknown,
    OverRestock,
    PriceChanged,
    ProductMismatch,
    RateLimited,
    Refused,
    RetryLater,
    SameAccount,
    SkuTaken,
    StaleVersion,
    StatusMoveRefused,
    VariantUnavailable,
)
from magflow.services.users import LastOwner
from magflow.web.locale import _, _l, ngettext

FIELD: Final[dict[str, Any]] = {
    "required": _l("Please give a value."),
    "null": _l("This cannot be empty."),
    "blank": _l("This cannot be blank."),
    "invalid": _l("This value is not accepted."),
    "unknown": _l("There is no such thing."),
    "unknown_field": _l("There is no field of this name; check how it is spelled."),
    "not_an_object": _l("An object with named fields is expected here."),
    "not_a_list": _l("A list is expected here."),
    "not_text": _l("A text is expected here."),
    "not_unicode": _l("The text holds a character that does not exist; type it again."),
    "control_characters": _l("The text holds an invisible control character; type it again."),
    "too_long": _l("At most %(limit)s characters fit here."),
    "too_short": _l("At least %(least)s characters are needed."),
    "too_many": _l("At most %(limit)s are taken at once."),
    "too_few": _l("At least %(least)s must be given."),
    "not_an_integer": _l("A whole number is expected, such as 12."),
    "not_a_number": _l("A number is expected, such as 19.90."),
    "not_a_boolean": _l("Only true or false are possible here."),
    "not_a_date": _l("A date is expected, such as 2026-03-05."),
    "not_a_time": _l("A time is expected, such as 2026-03-05T14:05:00Z."),
    "not_an_email": _l("This is not an e-mail address."),
    "not_a_currency": _l("A currency has three capital letters, such as RON."),
    "not_one_of": _l("Choose one of: %(choices)s."),
    "one_of": _l("Give exactly one of: %(fields)s."),
    "out_of_range": _l("It must be from %(least)s to %(limit)s."),
    "too_large": _l("It can be at most %(limit)s."),
    "too_many_decimals": _l("At most %(places)s decimals are possible."),
    "below_zero": _l("It cannot be below zero."),
    "below_one": _l("It must be 1 or more."),
    "zero": _l("It cannot be zero."),
    "repeated": _l("“%(value)s” stands here twice; keep one."),
    "more_than_sold": _l("More cannot come back than was sold."),
    "more_than_paid": _l("At most %(limit)s can still be owed back for this line."),
    "nothing_there": _l("Nothing of this order is in stock; there is nothing that could go first."),
    "nothing_missing": _l("Nothing is missing for this order."),
    "more_than_own": _l("You cannot give rights that you do not have: %(value)s."),
    "unknown_option_value": _l("The option value %(value)s does not exist."),
    "value_not_offered": _l("“%(value)s” is not among the values that the product offers."),
    "not_an_option_of_product": _l("“%(value)s” does not belong to an option of this product."),
    "not_its_sku": _l("The variant with this variant_id has the SKU %(sku)s; give one of the two."),
    "two_values_of_one_option": _l("A variant has one value per option; choose one of the two."),
    "has_no_options": _l("The product has no options yet; give it some first."),
    "option_missing": _l("A value for “%(option)s” is missing."),
    "unknown_name": _l("“%(value)s” is no name that can stand here; known are %(known)s."),
    "not_whole": _l("Stock is counted in whole units."),
    "not_a_url": _l("A web address is expected, such as https://shop.example/mug.jpg."),
    "wrong_password": _l("This is not your present password."),
    "password_common": _l("This password is among the first that are tried; choose another."),
    "password_differs": _l("The two passwords differ; type them again."),
}
"""Code of a field's error -> sentence. An area adds its own codes with `add_sentences`."""

TITLES: Final[dict[str, Any]] = {
    "bad_request": _l("The request cannot be read"),
    "unauthorized": _l("Sign in first"),
    "forbidden": _l("Not allowed"),
    "not_found": _l("Not found"),
    "method_not_allowed": _l("Not possible here"),
    "not_acceptable": _l("Not available in this form"),
    "payload_too_large": _l("Too large"),
    "unsupported_media_type": _l("Not a format that is read here"),
    "validation_error": _l("A value is not accepted"),
    "invalid_options": _l("These options do not fit"),
    "same_account": _l("Twice the same account"),
    "generation_too_large": _l("Too many variants at once"),
    "idempotency_key_reused": _l("The key was used for something else"),
    "idempotency_in_progress": _l("The first request is still running"),
    "already_exists": _l("It exists already"),
    "conflict": _l("Not possible now"),
    "sku_taken": _l("The SKU is taken"),
    "external_id_taken": _l("The external id is taken"),
    "product_mismatch": _l("It belongs to another product"),
    "stale_version": _l("Somebody changed it meanwhile"),
    "ambiguous_sku": _l("Several variants have this SKU"),
    "order_not_editable": _l("The order can no longer be changed"),
    "already_finalized": _l("The order is confirmed already"),
    "variant_unavailable": _l("A variant is not available"),
    "insufficient_stock": _l("Not enough stock"),
    "price_changed": _l("The price has changed"),
    "insufficient_offer_stock": _l("Not enough stock at the marketplace"),
    "empty_order": _l("The order has no lines"),
    "rate_limited": _l("Too many requests"),
    "retry_later": _l("Try again in a moment"),
    "internal_error": _l("Something went wrong"),
}
"""Code of an answer -> a few words above the sentence."""


def add_sentences(fields: Mapping[str, Any]) -> None:
    """Sentences (lazy translations with `%(name)s`) for the field codes of an area from outside."""
    FIELD.update(fields)


def field_sentence(error: FieldError) -> str:
    """What is wrong with a field."""
    sentence = FIELD.get(error.code)
    if sentence is None:
        return _("This value is not accepted (%(code)s).", code=error.code)
    params = dict(error.params or {})
    if error.code == "required" and "or" in params:
        return _("Give a value here or in “%(other)s”.", other=params["or"])
    if "most" in params:
        params.setdefault("limit", params["most"])
    try:
        return str(sentence) % params
    except (KeyError, ValueError):
        # The one who refused left a figure out: the code still says what is meant.
        return _("This value is not accepted (%(code)s).", code=error.code)


def field_sentences(refused: Refused) -> dict[str, list[str]]:
    """Field -> sentences, for a form that is shown again."""
    found: dict[str, list[str]] = {}
    for error in getattr(refused, "errors", ()):
        found.setdefault(error.field, []).append(field_sentence(error))
    return found


def title_of(code: str) -> str:
    """A few words for an error code."""
    return str(TITLES.get(code) or TITLES["conflict"])


def sentence(refused: Refused) -> str:
    """What happened and what to do about it, for a person."""
    for kind in type(refused).__mro__:
        maker = SENTENCES.get(kind)
        if maker is not None:
            return maker(refused)
    return _("This is not possible now.")


def _invalid(refused: Any) -> str:
    if not refused.errors:
        return _("A value is outside of what can be stored; correct it and try again.")
    if len(refused.errors) == 1:
        error = refused.errors[0]
        return f"{error.field}: {field_sentence(error)}"
    count = len(refused.errors)
    return ngettext("%(num)d field must be corrected.", "%(num)d fields must be corrected.", count)


def _not_found(refused: Any) -> str:
    named = {
        "variant": _l("There is no variant %(key)s."),
        "product": _l("There is no product %(key)s."),
        "order": _l("There is no order %(key)s."),
        "user": _l("There is no user %(key)s."),
        "token": _l("There is no API token %(key)s."),
        "link": _l("This link was used already, was replaced by a newer one, or has expired. Ask for a new one."),
    }.get(refused.kind.replace("orderitem", "order"), _l("What you asked for (%(key)s) does not exist."))
    return str(named) % {"key": refused.key}


def _combination_taken(refused: Any) -> str:
    if refused.winner_sku is None:
        return _(
            "Another active variant already has this combination. Deactivate it first, or choose another combination."
        )
    return _(
        "The active variant %(sku)s already has this combination. Deactivate it first, or choose another combination.",
        sku=refused.winner_sku,
    )


def _already_taken(refused: Any) -> str:
    named = {
        "email": _l("There is an account with this e-mail address already."),
        "handle": _l("Another product has this handle; choose another."),
        "number": _l("Another order has this number; choose another."),
        "external_id": _l("An order with this external id was taken already."),
        "name": _l("This name is in use already; choose another."),
    }.get(refused.field, _l("This value is in use already; choose another."))
    return str(named)


def _in_use(refused: Any) -> str:
    if refused.used_by == "variants":
        return _("Variants still use it. Deactivate it instead, or change those variants first.")
    if refused.used_by == "orders":
        return _("Orders still use it. Finish or cancel those orders first.")
    return _("It is still in use: %(used_by)s.", used_by=refused.used_by)


def _stale(refused: Any) -> str:
    if refused.changed:
        now = ", ".join(f"{name}: {value}" for name, value in refused.changed.items())
        return _("Somebody changed it since you opened it. Now it is %(now)s. Look at it again, then save.", now=now)
    return _(
        "Somebody changed it since you opened it (you saw %(seen)s, now it is %(current)s). Open it again, then save.",
        seen=refused.seen,
        current=refused.current,
    )


ORDER_STATUS: Final[dict[str, Any]] = {
    "pending": _l("pending"),
    "confirmed": _l("confirmed"),
    "cancelled": _l("cancelled"),
    "returned": _l("returned"),
}


def _status(status: str) -> str:
    return str(ORDER_STATUS.get(status, status))


def _not_editable(refused: Any) -> str:
    return _(
        "This order is %(status)s; only a pending order can be changed. What came back is put back by a restock.",
        status=_status(refused.order_status),
    )


def _already_finalized(refused: Any) -> str:
    return _(
        "This order is %(status)s already; only a pending order can be confirmed.", status=_status(refused.order_status)
    )


def _unavailable(refused: Any) -> str:
    names = ", ".join(str(v.get("sku") or v.get("name") or "?") for v in refused.variants)
    return _(
        "Not available any more: %(names)s. Choose another variant, activate it, or take the line out.", names=names
    )


def _short(refused: Any) -> str:
    each = "; ".join(
        _("%(sku)s: %(wanted)s asked, %(available)s there", sku=s.sku, wanted=s.wanted, available=s.available)
        for s in refused.shortages
    )
    return _(
        "Not enough stock. %(each)s. Change the quantity, choose another variant, or take the line out.", each=each
    )


def _over_restock(refused: Any) -> str:
    return ngettext(
        "%(num)d unit of this line can still come back; you asked for %(asked)s.",
        "%(num)d units of this line can still come back; you asked for %(asked)s.",
        refused.returnable,
        asked=refused.asked,
    )


def _status_move(refused: Any) -> str:
    return _(
        "An order that is %(was)s cannot become %(wanted)s.", was=_status(refused.was), wanted=_status(refused.wanted)
    )


def _retry(refused: Any) -> str:
    if refused.cause in {"lock_timeout", "deadlock", "serialization"}:
        return _("Somebody else is working on the same thing. Nothing was changed; try again in a moment.")
    if refused.cause in {"disk_full", "memory"}:
        return _("The database has no room left. Nothing was changed; free some space, then try again.")
    return _("The database does not answer in time. Nothing was changed; try again in a moment.")


SENTENCES: Final[dict[type[Refused], Callable[[Any], str]]] = {
    Invalid: _invalid,
    SameAccount: lambda _r: _("Giver and receiver are the same account; choose two."),
    GenerationTooLarge: lambda r: _(
        "This would make %(count)s variants; at most %(limit)s are made at once. Choose fewer values.",
        count=r.count,
        limit=r.limit,
    ),
    IdempotencyKeyReused: lambda _r: _("This Idempotency-Key came with another request before; use a new key."),
    IdempotencyInProgress: lambda _r: _(
        "The first request with this Idempotency-Key is still running; ask again soon."
    ),
    NotFound: _not_found,
    CombinationTaken: _combination_taken,
    AlreadyTaken: _already_taken,
    InUse: _in_use,
    SkuTaken: lambda r: _("Another variant of this product has the SKU %(sku)s; choose another.", sku=r.sku or ""),
    ExternalIdTaken: lambda r: _(
        "The external id %(external_id)s belongs to another variant.", external_id=r.external_id or ""
    ),
    ProductMismatch: lambda r: _(
        "The external id %(external_id)s belongs to a variant of product %(other)s, not of product %(product)s. "
        "Correct the feed, or remove the old assignment first.",
        external_id=r.external_id,
        other=r.mapped_product_id,
        product=r.product_id,
    ),
    StaleVersion: _stale,
    AmbiguousSku: lambda r: _(
        "Several products have a variant with the SKU %(sku)s; name the one you mean by its variant_id.", sku=r.sku
    ),
    OrderNotEditable: _not_editable,
    AlreadyFinalized: _already_finalized,
    EmptyOrder: lambda _r: _("The order has no lines; add one first."),
    VariantUnavailable: _unavailable,
    InsufficientStock: _short,
    InsufficientOfferStock: lambda _r: _("The giving account has less stock than that; choose a smaller quantity."),
    PriceChanged: lambda r: _(
        "The order would cost %(current)s %(currency)s now, not %(seen)s. Look at its lines, then confirm again.",
        current=r.current,
        currency=r.currency,
        seen=r.seen,
    ),
    OverRestock: _over_restock,
    StatusMoveRefused: _status_move,
    LastOwner: lambda _r: _("The shop needs an owner who can sign in. Make somebody else an owner first."),
    RateLimited: lambda r: ngettext(
        "Too many requests; try again in %(num)d second.",
        "Too many requests; try again in %(num)d seconds.",
        r.retry_after,
    ),
    OutcomeUnknown: lambda _r: _(
        "The connection to the database broke at the last moment. Look whether it was done before you try again."
    ),
    RetryLater: _retry,
}
