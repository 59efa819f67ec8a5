"""What an error of the server means: to the transaction that met it, and to whoever asked for the work."""

import logging
from collections.abc import Callable
from typing import Final, cast

import psycopg
from sqlalchemy.exc import DBAPIError

from magflow.domain.errors import (
    AlreadyTaken,
    CombinationTaken,
    Conflict,
    ExternalIdTaken,
    FieldError,
    InUse,
    Invalid,
    NotFound,
    OrderNotEditable,
    OrderTaken,
    Refused,
    RetryLater,
    SkuTaken,
)

log = logging.getLogger(__name__)

DEADLOCK: Final = frozenset({"40001", "40P01"})
PREPARED_NO_MORE: Final = frozenset({"26000", "0A000"})
"""Somebody emptied the session, or a migration changed what a prepared statement answers: it is prepared anew."""
STATEMENT_TIMEOUT: Final = "57014"
CONNECTION_ENDED: Final = frozenset({"25P03", "25P04", "57P01", "57P02", "57P03", "57P05"})

EXHAUSTED: Final = frozenset({"53100", "53200", "53300"})
"""Disk, memory, connections: somebody must look at the server, so it is said louder."""

NOT_NOW: Final = {
    "55P03": "lock_timeout",
    STATEMENT_TIMEOUT: "statement_timeout",
    "53100": "disk_full",
    "53200": "memory",
    "53300": "connections",
    "40001": "serialization",
    "40P01": "deadlock",
    "25006": "read_only",
}

MEANING: Final[dict[str, Callable[[], Refused]]] = {
    "idx_unique_sku_per_product": SkuTaken,
    "idx_unique_external_sku": ExternalIdTaken,
    "idx_unique_variant_external_id": ExternalIdTaken,
    "idx_unique_active_options_per_product": CombinationTaken,
    "idx_unique_active_default_variant": CombinationTaken,
    "idx_unique_product_handle": lambda: AlreadyTaken("handle"),
    "idx_unique_order_number": lambda: AlreadyTaken("number"),
    "idx_unique_order_external_id": OrderTaken,
    "idx_unique_user_email": lambda: AlreadyTaken("email"),
    "idx_unique_option_type_name_key": lambda: AlreadyTaken("name"),
    "idx_unique_option_value_name_key": lambda: AlreadyTaken("name"),
    "uq_price_templates_name": lambda: AlreadyTaken("name"),
    "idx_unique_saved_view_name": lambda: AlreadyTaken("name"),
    "chk_variants_price_positive": lambda: invalid("price", "below_zero"),
    "chk_variants_price_number": lambda: invalid("price", "not_a_number"),
    "chk_variants_stock_positive": lambda: invalid("stock", "below_zero"),
    "chk_variants_sku_trimmed": lambda: invalid("sku", "blank"),
    "chk_order_items_quantity_positive": lambda: invalid("quantity", "below_one"),
    "chk_order_items_restocked_at_most_sold": lambda: invalid("quantity", "more_than_sold"),
    "chk_refunds_at_most_paid": lambda: invalid("refund", "more_than_paid"),
    "pk_order_series": lambda: AlreadyTaken("code"),
    "idx_unique_order_series_source": lambda: AlreadyTaken("source"),
    "fk_option_value_variants_option_value_id": lambda: InUse("option value", "", "variants"),
    "fk_variants_product_id": lambda: InUse("product", "", "variants"),
    "fk_order_items_variant_id": lambda: NotFound("variant", ""),
    "fk_order_items_product_id": lambda: NotFound("product", ""),
}
"""A constraint that trips is a race that somebody else won, or the last line under a check that was passed."""


def invalid(field: str, code: str) -> Invalid:
    """A refusal of one field."""
    return Invalid([FieldError(field, code)])


def sqlstate(error: BaseException | None) -> str | None:
    """The server's code for an error of the driver, however it was wrapped."""
    original = getattr(error, "orig", None) or error
    return cast("str | None", getattr(original, "sqlstate", None))


def refusal(error: DBAPIError | psycopg.Error) -> Exception:
    """What a database error means to a caller; the error itself when nobody has given it a meaning."""
    state = sqlstate(error) or ""
    if is_lost(error):
        return RetryLater("connection")
    if state in NOT_NOW:
        how_loud = logging.CRITICAL if state in EXHAUSTED else logging.WARNING
        log.log(how_loud, "database refused", extra={"sqlstate": state, "error": str(error).splitlines()[0]})
        return RetryLater(NOT_NOW[state])
    if state == "MF002":
        return OrderNotEditable(0, "confirmed")
    if state == "MF004":
        return Conflict("this status cannot follow the present one")
    if state in {"22003", "22008", "22P05", "22021"}:
        return Invalid(message="a value is outside of what can be stored")
    diagnostics = getattr(getattr(error, "orig", None) or error, "diag", None)
    name = getattr(diagnostics, "constraint_name", None)
    if name in MEANING:
        return MEANING[name]()
    return error


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that nothing can be asked of it any more."""
    state = sqlstate(error)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    original = getattr(error, "orig", None) or error
    if state is None:
        return isinstance(original, psycopg.OperationalError)
    return state.startswith("08") or state in CONNECTION_ENDED
