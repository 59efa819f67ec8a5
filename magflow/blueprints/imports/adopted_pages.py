"""What the adoption of an old shop changed in it: by rule, row by row, before and today, and what is left to do."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from flask import Response
from flask.typing import ResponseReturnValue

from magflow.blueprints.imports.check_pages import COLUMNS
from magflow.blueprints.imports.pages import blueprint, sent_file
from magflow.db import db
from magflow.domain.imports.writing import blocks, cell
from magflow.queries import adopted
from magflow.queries.adopted import Change
from magflow.web.forms import show
from magflow.web.locale import _l
from magflow.web.permissions import requires

SHOWN: Final = 50

LOOK: Final = _l("Open the variants: of those with the same options, the one that is sold should be the active one.")
TYPE: Final = _l("Open the variant, type the price, and count the stock.")
LABELS: Final = _l("Where labels or marketplaces use the old SKU, type it again where it is free, or change it there.")
MAP: Final = _l("Map the external id to the variant that it means.")
LOST: Final = _l("Open the product that stands in, give it its name, and activate what is still sold.")
ORDER: Final = _l("Look at the order; what was sold is still told by its lines.")
NOTHING: Final = _l("Nothing has to be done; it is worth knowing.")

WORDS: Final[Mapping[str, tuple[Any, Any]]] = {
    "identifiers": (_l("SKUs were trimmed, or made where there was none."), LABELS),
    "duplicate_sku": (_l("SKUs that several variants of a product had became different ones."), LABELS),
    "duplicate_external_sku": (_l("External SKUs that several variants had stayed with one of them."), MAP),
    "repeated_variant_value": (_l("Values that a variant held twice are held once."), NOTHING),
    "repeated_product_type": (_l("Options that a product had twice are there once."), NOTHING),
    "stale_digest": (_l("Combinations were computed anew from the values."), NOTHING),
    "surplus_active_default": (_l("Of several active variants without options one stayed active."), LOOK),
    "duplicate_active_options": (_l("Of several active variants with the same options one stayed active."), LOOK),
    "invalid_price_or_stock": (_l("Prices and stocks that were missing or negative became 0."), TYPE),
    "orphan_variant_value": (_l("Values of variants that do not exist were taken away."), NOTHING),
    "orphan_product_type": (_l("Options of products that do not exist were taken away."), NOTHING),
    "orphan_variant": (_l("Variants without a product, which no order uses, were taken away."), NOTHING),
    "orphan_variant_in_orders": (_l("Variants without a product that orders use got one that stands in."), LOST),
    "line_without_quantity": (_l("Lines of orders without a quantity were taken away."), ORDER),
    "line_without_variant": (_l("Lines of orders let go of variants that do not exist."), ORDER),
    "line_without_product": (_l("Lines of orders let go of products that do not exist."), ORDER),
    "line_without_order": (_l("Lines without an order were put into a cancelled one."), ORDER),
    "value_without_option": (_l("Values without an option were put under one that stands in."), NOTHING),
}
"""Rule of the adoption -> what it did, and what is left for a person."""


@blueprint.get("/imports/adopted")
@requires("admin")
def adopted_shop() -> ResponseReturnValue:
    """By rule what was changed, with the first rows of each."""
    rules = adopted.rules(db.session())
    shown = [
        (rule, count, *WORDS.get(rule, (rule, NOTHING)), adopted.changes(db.session(), rule, most=SHOWN))
        for rule, count, _when in rules
    ]
    when = rules[0][2] if rules else None
    return show("imports/adopted.html", rules=shown, when=when, most=SHOWN, column_words=COLUMNS)


@blueprint.get("/imports/adopted.csv")
@requires("admin")
def adopted_rows() -> Response:
    """All rows as a file."""
    header = ("rule", "table", "row", "sku_or_name", "order", "column", "before", "now")
    return sent_file(blocks(header, _rows()), "adopted", workbook=False)


def _rows() -> Iterator[list[str]]:
    for change in adopted.every(db.session()):
        for name, before in change.old.items():
            yield [*_told(change), name, cell(before), "" if change.now is None else cell(change.now[name])]


def _told(change: Change) -> list[str]:
    return [change.rule, change.table, change.row_id or "", cell(change.called), cell(change.number)]
