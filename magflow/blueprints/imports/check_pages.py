"""The data checks of `magflow audit` as a page: what was found, in which rows, and what to do about it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import request
from flask.typing import ResponseReturnValue

from magflow.blueprints.imports.pages import blueprint
from magflow.db import db
from magflow.queries import adopted, imports
from magflow.services import invariants
from magflow.web.forms import show
from magflow.web.locale import _l
from magflow.web.permissions import requires

SHOWN: Final = 20

CATALOGUE: Final = _l("Open the variants and give each its own SKU or options, or deactivate the surplus ones.")
FIGURES: Final = _l("Open the variant and type the price, or count the stock.")
OPTIONS: Final = _l("Open the variant and choose its options again; saving computes the combination anew.")
LEDGER: Final = _l("Stop selling these variants, count them, and tell who looks after the server.")
ORDERS: Final = _l("Look at the order and its documents, and tell who looks after the server.")
SERVER: Final = _l("Tell who looks after the server; until then the data are less well protected.")
NOTHING: Final = _l("Nothing has to be done; it is worth knowing.")
OLD_SHOP: Final = _l("Mend these rows in the old shop, or let the adoption do it where its report says so.")

WORDS: Final[Mapping[str, tuple[Any, Any]]] = {
    "duplicate_sku": (_l("Several variants of one product have the same SKU."), CATALOGUE),
    "duplicate_external_sku": (_l("Several variants have the same external SKU."), CATALOGUE),
    "duplicate_active_options": (_l("Several active variants of one product have the same options."), CATALOGUE),
    "surplus_active_default": (_l("A product has several active variants without options."), CATALOGUE),
    "invalid_price": (_l("A price is missing or negative."), FIGURES),
    "invalid_stock": (_l("A stock is missing or negative."), FIGURES),
    "several_values_of_one_type": (_l("A variant holds several values of one option."), OPTIONS),
    "stale_digest": (_l("A variant's combination is not the one of its values."), OPTIONS),
    "orphan_variant": (_l("A variant has no product."), OLD_SHOP),
    "orphan_variant_value": (_l("A variant refers to a value that does not exist."), OLD_SHOP),
    "ledger_balance": (_l("A stock is not what its movements say."), LEDGER),
    "ledger_chain": (_l("A movement is missing, or does not follow from the one before."), LEDGER),
    "ledger_of_deleted_variants": (_l("A variant is gone, but its movements do not end at zero."), LEDGER),
    "incomplete_snapshot": (_l("A line of a confirmed order does not say what was sold."), ORDERS),
    "line_total": (_l("A line's amount is not its quantity times its price."), ORDERS),
    "order_total": (_l("An order's total is not the sum of its lines."), ORDERS),
    "sold_without_movement": (_l("What an order sold is not what was taken from stock for it."), ORDERS),
    "restocked_more_than_sold": (_l("More came back than was sold."), ORDERS),
    "restock_without_movement": (_l("What came back to stock is not what its movements say."), ORDERS),
    "line_without_variant": (_l("A confirmed line's variant is gone; what was sold is still told."), NOTHING),
    "unanswered_key": (_l("A request was kept without its answer."), SERVER),
    "stalled_job": (_l("A job is held by a worker that is not heard of."), SERVER),
    "guard_missing": (_l("A trigger that protects the data is missing."), SERVER),
    "constraint_not_validated": (_l("A rule was never checked against older rows."), SERVER),
    "index_invalid": (_l("An index is broken."), SERVER),
    "role_too_strong": (_l("The application's login could break the rules by hand-written SQL."), SERVER),
    "server_may_lose_data": (_l("The server may lose confirmed data when the power goes."), SERVER),
}
"""Check -> what its rows are, and what to do. What the preflight of an adoption asks besides has its own words."""


COLUMNS: Final[Mapping[str, Any]] = {
    "variant_id": _l("Variant"),
    "variant_ids": _l("Variants"),
    "product_id": _l("Product"),
    "order_id": _l("Order"),
    "order_item_id": _l("Line"),
    "order_item_ids": _l("Lines"),
    "sku": _l("SKU"),
    "variant_sku": _l("SKU"),
    "external_sku": _l("External SKU"),
    "options_digest": _l("Combination"),
    "option_type_id": _l("Option"),
    "option_value_id": _l("Value"),
    "option_value_ids": _l("Values"),
    "price": _l("Price"),
    "unit_price": _l("Price of one"),
    "stock": _l("Stock"),
    "status": _l("Status"),
    "quantity": _l("Quantity"),
    "movements": _l("Sum of the movements"),
    "balance_after": _l("After the last movement"),
    "delta": _l("Difference"),
    "expected": _l("Expected"),
    "total_gross": _l("Total"),
    "gross": _l("Sum of the lines"),
    "total_tax": _l("VAT"),
    "tax": _l("VAT of the lines"),
    "sold": _l("Sold"),
    "taken": _l("Taken from stock"),
    "back": _l("Back"),
    "booked": _l("Booked"),
    "table": _l("Table"),
    "trigger": _l("Trigger"),
}
"""What the columns of findings are called; those of the machinery alone keep their names."""


@blueprint.get("/imports/checks")
@requires("admin")
def checks() -> ResponseReturnValue:
    """Ask the database whether everything is as it must be; on a shop that is not adopted yet, whether it can be."""
    asked = invariants.audit() if request.args.get("run") == "1" else []
    found = sorted(invariants.findings(asked), key=lambda check: not check.critical)
    return show(
        "imports/checks.html",
        asked=asked,
        found=[(check, *WORDS.get(check.name, (check.meaning, OLD_SHOP))) for check in found],
        good=[WORDS.get(check.name, (check.meaning,))[0] for check in asked if not check.count and not check.skipped],
        skipped=sum(1 for check in asked if check.skipped),
        most=SHOWN,
        column_words=COLUMNS,
        names=_names(found),
        adopted=bool(adopted.rules(db.session())),
    )


def _names(found: Sequence[invariants.Check]) -> dict[str, dict[int, str]]:
    """What the variants, products and orders of the shown rows are called: nobody knows them by their ids."""
    rows = [row for check in found for row in check.rows[:SHOWN]]

    def ids(name: str) -> set[int]:
        one = {row[name] for row in rows if row.get(name)}
        return one | {id_ for row in rows for id_ in row.get(f"{name}s") or ()}

    session = db.session()
    return {
        "variant_id": imports.skus(session, ids("variant_id")),
        "product_id": imports.product_names(session, ids("product_id")),
        "order_id": imports.order_numbers(session, ids("order_id")),
    }
