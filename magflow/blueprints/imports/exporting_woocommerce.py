"""The catalogue in WooCommerce's columns: a product with options is a `variable` row and its `variation` rows.

WooCommerce refers to a product by its SKU, which ours do not have: the handle stands there, and in a column of its own
that WooCommerce keeps as a note, so that a file that comes back finds its product.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from magflow.domain.imports.layouts import WOOCOMMERCE_HANDLE
from magflow.domain.imports.woocommerce import in_list, on_one_line
from magflow.domain.imports.writing import cell
from magflow.queries.exports import VariantLine
from magflow.services.variants import ACTIVE

FIXED: Final = (
    "ID", "Type", "SKU", "GTIN, UPC, EAN, or ISBN", "Name", "Published", "Visibility in catalog", "Description",
    "In stock?", "Stock", "Backorders allowed?", "Sale price", "Regular price", "Categories", "Images", "Parent",
    "Position", "Brands", WOOCOMMERCE_HANDLE,
)  # fmt: skip
NUMBERS: Final = frozenset({"Stock", "Sale price", "Regular price"})
PUBLISHED, PRIVATE, DRAFT = "1", "0", "-1"

Row = dict[str, str]


def header_for(options: int) -> tuple[str, ...]:
    """The columns of a file whose products have at most so many options."""
    kinds = ("name", "value(s)", "visible", "global")
    return (*FIXED, *(f"Attribute {n} {kind}" for n in range(1, options + 1) for kind in kinds))


def rows(lines: Iterator[VariantLine], header: Sequence[str]) -> Iterator[list[str]]:
    """Row after row; a product's stand together, itself first."""
    blank = dict.fromkeys(header, "")
    for _product, of_product in groupby(lines, key=lambda line: line.key[0]):
        for row in _product_rows(list(of_product)):
            yield list((blank | row).values())


def _product_rows(lines: Sequence[VariantLine]) -> Iterator[Row]:
    active = [line for line in lines if line.variant["status"] == ACTIVE]
    if not lines[0].options:
        # Without options a product is its one variant; the drafts beside it have no place there.
        yield _simple((active or lines)[0])
        return
    yield _variable(lines, PUBLISHED if active else DRAFT)
    for place, line in enumerate(lines, 1):
        yield _variation(line, place)


def _simple(line: VariantLine) -> Row:
    published = PUBLISHED if line.variant["status"] == ACTIVE else DRAFT
    return {**_product(line), **_variant(line), "Type": "simple", "Published": published}


def _variable(lines: Sequence[VariantLine], published: str) -> Row:
    row = {**_product(lines[0]), "Type": "variable", "SKU": cell(lines[0].product["handle"]), "Published": published}
    for n, (name, _value) in enumerate(lines[0].options):
        values = dict.fromkeys(value for line in lines if (value := line.options[n][1]) is not None)
        row |= _attribute(n, name, ", ".join(map(in_list, values)), visible="1")
    return row


def _variation(line: VariantLine, place: int) -> Row:
    named = [value for _name, value in line.options if value is not None]
    row = {
        **_variant(line),
        "Type": "variation",
        "Name": cell(" - ".join([line.product["name"], *([" ".join(named)] if named else [])])),
        "Published": PUBLISHED if line.variant["status"] == ACTIVE else PRIVATE,
        "Images": _images(line.images),
        "Parent": cell(line.product["handle"]),
        "Position": str(place),
    }
    for n, (name, value) in enumerate(line.options):
        row |= _attribute(n, name, "" if value is None else in_list(value))
    return row


def _product(line: VariantLine) -> Row:
    product = line.product
    return {
        "Name": cell(product["name"]),
        "Visibility in catalog": "visible",
        "Description": cell(on_one_line(product["description"] or "")),
        "Categories": cell(in_list(product["category"] or "")),
        "Images": _images([url for url, _alt in line.product_images]),
        "Brands": cell(in_list(product["brand"] or "")),
        WOOCOMMERCE_HANDLE: cell(product["handle"]),
    }


def _variant(line: VariantLine) -> Row:
    variant = line.variant
    external_id = variant["external_id"] or ""
    return {
        # WooCommerce's own numbers; what others call a variant is none of its business.
        "ID": external_id if external_id.isascii() and external_id.isdigit() else "",
        "SKU": cell(variant["sku"]),
        "GTIN, UPC, EAN, or ISBN": cell(variant["ean"]),
        "In stock?": "1" if variant["stock"] > 0 else "0",
        "Stock": cell(variant["stock"]),
        "Backorders allowed?": "0",
        **_prices(variant),
    }


def _prices(variant: Any) -> Row:
    """What a price is compared with is the regular one, and the price then that of a sale."""
    price: Decimal = variant["price"]
    before: Decimal | None = variant["compare_at_price"]
    return {"Sale price": "" if before is None else cell(price), "Regular price": cell(before or price)}


def _attribute(n: int, name: str, values: str, *, visible: str = "") -> Row:
    start = f"Attribute {n + 1}"
    return {f"{start} name": cell(name), f"{start} value(s)": cell(values), f"{start} visible": visible,
            f"{start} global": "1"}  # fmt: skip


def _images(urls: Sequence[str]) -> str:
    return ", ".join(in_list(url) for url in urls)
