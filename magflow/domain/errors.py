"""Every way MagFlow can say no.

Refused
├── Invalid      cannot be right                 422  validation_error, invalid_options, same_account,
│                                                     generation_too_large, idempotency_key_reused
├── NotFound     no such thing                   404  not_found
├── Conflict     right in itself, not now        409  insufficient_stock, stale_version, sku_taken, ...
├── RateLimited  too many requests               429  rate_limited
└── RetryLater   ask the same again shortly      503  retry_later

`code` is the promise to integrators and never changes; the data is on the exception; the sentence for a person is
made where the language is known (`magflow.web.errors`). `str()` of one is a plain English sentence for logs and the
command line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field: its name, a stable code, and the values that a sentence needs."""

    field: str
    code: str
    params: dict[str, Any] | None = None


@dataclass(frozen=True)
class Shortage:
    """One SKU that an order asks more of than there is."""

    variant_id: int
    sku: str
    wanted: int
    available: int


class Refused(Exception):
    """The request was understood and refused; nothing was changed."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409

    def details(self) -> dict[str, Any]:
        """The data of the refusal, ready for JSON; its keys are part of the API."""
        return {}


class Invalid(Refused):
    """The request cannot be right as it stands."""

    code = "validation_error"
    status = 422

    def __init__(self, errors: Sequence[FieldError] = (), message: str = "") -> None:
        super().__init__(message or "; ".join(f"{e.field}: {e.code}" for e in errors) or self.code)
        self.errors = tuple(errors)


class InvalidOptions(Invalid):
    """Option values that do not exist, share a type, or belong to a type that the product does not use."""

    code = "invalid_options"


class SameAccount(Invalid):
    code = "same_account"


class GenerationTooLarge(Invalid):
    code = "generation_too_large"

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(message=f"{count} variants asked for, the limit is {limit}")
        self.count, self.limit = count, limit

    def details(self) -> dict[str, Any]:
        return {"count": self.count, "limit": self.limit}


class IdempotencyKeyReused(Invalid):
    """The same key came with another body."""

    code = "idempotency_key_reused"


class NotFound(Refused):
    code = "not_found"
    status = 404

    def __init__(self, kind: str, key: object) -> None:
        super().__init__(f"no {kind} {key}")
        self.kind, self.key = kind, key

    def details(self) -> dict[str, Any]:
        return {"kind": self.kind, "key": str(self.key)}


class Conflict(Refused):
    """Right in itself, but not in the present state."""

    code = "conflict"
    status = 409


class CombinationTaken(Conflict):
    """Another active variant of the product already has this combination (invariants 1 and 2)."""

    code = "conflict"

    def __init__(self, winner_id: int | None = None, winner_sku: str | None = None) -> None:
        super().__init__(f"the combination is taken by the active variant {winner_sku or winner_id or ''}".rstrip())
        self.winner_id, self.winner_sku = winner_id, winner_sku

    def details(self) -> dict[str, Any]:
        return {"variant_id": self.winner_id, "sku": self.winner_sku}


class AlreadyExists(CombinationTaken):
    """The variant that was asked for is there already, and active."""

    code = "already_exists"


class StatusMoveRefused(Conflict):
    """This status cannot follow that one (the table of moves is held by the database)."""

    def __init__(self, was: str, wanted: str) -> None:
        super().__init__(f"an order that is {was} cannot become {wanted}")
        self.was, self.wanted = was, wanted

    def details(self) -> dict[str, Any]:
        return {"was": self.was, "wanted": self.wanted}


class AlreadyTaken(Conflict):
    """A name that must be unique in the shop is in use: a handle, an order number, an e-mail address."""

    def __init__(self, field: str) -> None:
        super().__init__(f"this {field} is taken")
        self.field = field

    def details(self) -> dict[str, Any]:
        return {"field": self.field}


class OrderTaken(AlreadyTaken):
    """An order with this (source, account, external id) was taken before."""

    code = "external_id_taken"

    def __init__(self) -> None:
        super().__init__("external_id")


class InUse(Conflict):
    """It cannot go while something else needs it."""

    def __init__(self, kind: str, key: object, used_by: str) -> None:
        super().__init__(f"{kind} {key} is used by {used_by}")
        self.kind, self.key, self.used_by = kind, key, used_by

    def details(self) -> dict[str, Any]:
        return {"kind": self.kind, "key": str(self.key), "used_by": self.used_by}


class SkuTaken(Conflict):
    code = "sku_taken"

    def __init__(self, sku: str | None = None) -> None:
        super().__init__(f"SKU {sku or ''} is taken in this product")
        self.sku = sku

    def details(self) -> dict[str, Any]:
        return {"sku": self.sku}


class ExternalIdTaken(Conflict):
    code = "external_id_taken"

    def __init__(self, external_id: str | None = None) -> None:
        super().__init__(f"external id {external_id or ''} belongs to another variant")
        self.external_id = external_id

    def details(self) -> dict[str, Any]:
        return {"external_id": self.external_id}


class ProductMismatch(Conflict):
    """A feed names a variant by an external id that belongs to another product."""

    code = "product_mismatch"

    def __init__(self, external_id: str, product_id: int, mapped_product_id: int) -> None:
        super().__init__(f"external id {external_id} belongs to product {mapped_product_id}, not {product_id}")
        self.external_id, self.product_id, self.mapped_product_id = external_id, product_id, mapped_product_id

    def details(self) -> dict[str, Any]:
        return {
            "external_id": self.external_id,
            "product_id": self.product_id,
            "mapped_product_id": self.mapped_product_id,
        }


class StaleVersion(Conflict):
    """Somebody changed it since it was read: `changed` holds field -> what it is now."""

    code = "stale_version"

    def __init__(self, seen: object, current: object, changed: dict[str, Any] | None = None) -> None:
        super().__init__(f"seen {seen}, now {current}")
        self.seen, self.current, self.changed = seen, current, changed or {}

    def details(self) -> dict[str, Any]:
        return {"seen": self.seen, "current": self.current, "changed": self.changed}


class AmbiguousSku(Conflict):
    """Several products have this SKU; name the variant by its id."""

    code = "ambiguous_sku"

    def __init__(self, sku: str, variants: Sequence[dict[str, Any]]) -> None:
        super().__init__(f"SKU {sku} stands in {len(variants)} products")
        self.sku, self.variants = sku, list(variants)

    def details(self) -> dict[str, Any]:
        return {"sku": self.sku, "variants": self.variants}


class OrderNotEditable(Conflict):
    code = "order_not_editable"

    def __init__(self, order_id: int, order_status: str) -> None:
        super().__init__(f"order {order_id} is {order_status}")
        self.order_id, self.order_status = order_id, order_status

    def details(self) -> dict[str, Any]:
        return {"order_id": self.order_id, "order_status": self.order_status}


class AlreadyFinalized(OrderNotEditable):
    code = "already_finalized"


class EmptyOrder(Conflict):
    code = "empty_order"


class VariantUnavailable(Conflict):
    """Lines whose variant is inactive or gone: `skus` names those that still have one."""

    code = "variant_unavailable"

    def __init__(self, variants: Sequence[dict[str, Any]]) -> None:
        super().__init__("not available: " + ", ".join(str(v.get("sku") or v.get("name") or "?") for v in variants))
        self.variants = list(variants)

    def details(self) -> dict[str, Any]:
        return {"variants": self.variants}


class InsufficientStock(Conflict):
    """Every shortage, not only the first."""

    code = "insufficient_stock"

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        super().__init__(", ".join(f"{s.sku}: {s.wanted} asked, {s.available} there" for s in shortages))
        self.shortages = tuple(shortages)

    def details(self) -> dict[str, Any]:
        return {"shortages": [vars(s) for s in self.shortages]}


class PriceChanged(Conflict):
    """The catalogue's prices changed since the order was shown: it would cost another total now."""

    code = "price_changed"

    def __init__(self, seen: object, current: object, currency: str) -> None:
        super().__init__(f"the total was {seen}, it is {current} {currency} now")
        self.seen, self.current, self.currency = seen, current, currency

    def details(self) -> dict[str, Any]:
        return {"seen": str(self.seen), "current": str(self.current), "currency": self.currency}


class InsufficientOfferStock(Conflict):
    code = "insufficient_offer_stock"


class OverRestock(Conflict):
    """More would come back than was sold and is not yet returned."""

    def __init__(self, item_id: int, asked: int, returnable: int) -> None:
        super().__init__(f"line {item_id}: {asked} asked, {returnable} can come back")
        self.item_id, self.asked, self.returnable = item_id, asked, returnable

    def details(self) -> dict[str, Any]:
        return {"item_id": self.item_id, "asked": self.asked, "returnable": self.returnable}


class IdempotencyInProgress(Conflict):
    code = "idempotency_in_progress"


class RateLimited(Refused):
    code = "rate_limited"
    status = 429

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__(f"too many requests, try again in {retry_after} s")
        self.retry_after = retry_after


class RetryLater(Refused):
    """Nothing was done; the same request may be sent again in a moment.

    `cause` is for logs: lock_timeout, statement_timeout, deadlock, connection, disk_full, memory.
    """

    code = "retry_later"
    status = 503

    def __init__(self, cause: str, retry_after: int = 1) -> None:
        super().__init__(f"not now ({cause}), try again in {retry_after} s")
        self.cause, self.retry_after = cause, retry_after


class OutcomeUnknown(RetryLater):
    """The connection broke while COMMIT was on its way: it may have happened. Look before repeating."""

    def __init__(self) -> None:
        super().__init__("outcome_unknown", retry_after=2)
