"""Exports as streams of CSV: what pages, API and command line send."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Literal, TypeVar

from magflow.blueprints.imports import exporting_woocommerce as woocommerce
from magflow.db import db
from magflow.domain.errors import FieldError, Invalid
from magflow.domain.imports import workbooks
from magflow.domain.imports.faults import FileFault
from magflow.domain.imports.layouts import MAGFLOW_OFFERS
from magflow.domain.imports.writing import blocks, cell
from magflow.queries import exports
from magflow.queries.exports import ALL_ORDERS, EVERYTHING, START, Key, VariantLine, Wanted, WantedOrders
from magflow.services import accounts
from magflow.services.variants import ACTIVE

Row = TypeVar("Row")
What = Literal["variants", "stock", "orders", "offers"]

WHATS: Final = ("variants", "stock", "orders", "offers")
FORMATS: Final = ("magflow", "shopify", "woocommerce")
FILES: Final = ("csv", "xlsx")
MIMES: Final = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
STATUS: Final = {"active": 0, "inactive": 1}
KEPT: Final = "exports"
"""Where in the home folder exports by the clock are."""

SHOPIFY_OPTIONS: Final = 3
SHOPIFY_HEADER: Final = (
    "Title", "URL handle", "Description", "Vendor", "Type", "Status", "SKU", "Barcode", "Option1 name",
    "Option1 value", "Option2 name", "Option2 value", "Option3 name", "Option3 value", "Price", "Compare-at price",
    "Inventory tracker", "Inventory quantity", "Continue selling when out of stock", "Product image URL",
    "Image position", "Image alt text", "Variant image URL",
)  # fmt: skip


NUMBERS: Final = woocommerce.NUMBERS | {
    "price", "compare_at_price", "stock", "expected", "vat_rate", "quantity", "unit_price", "sale_price",
    "number_of_offers", "buy_button_rank", "Price", "Compare-at price", "Inventory quantity",
}  # fmt: skip
"""Columns that a workbook holds as numbers."""

Written = Callable[[Sequence[str], Iterator[Sequence[str]]], Iterator[bytes]]


def _workbook(header: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[bytes]:
    return workbooks.blocks(header, rows, numbers=NUMBERS)


def export(
    what: str, form: str, *, source: str = "file", account: str = "default", wanted: Wanted = EVERYTHING,
    orders: WantedOrders = ALL_ORDERS, workbook: bool = False,
) -> Iterator[bytes]:  # fmt: skip
    """A CSV file or a workbook, piece by piece. Raises Invalid before the first piece when it cannot be written."""
    written: Written = _workbook if workbook else blocks
    if what not in WHATS:
        raise Invalid([FieldError("what", "not_one_of", {"choices": ", ".join(WHATS)})])
    if form not in FORMATS or (form != "magflow" and what != "variants"):
        choices = FORMATS if what == "variants" else FORMATS[:1]
        raise Invalid([FieldError("format", "not_one_of", {"choices": ", ".join(choices)})])
    if what == "stock":
        return written(("sku", "product", "stock", "expected"), _stock_rows(wanted))
    if what == "orders":
        return written(ORDER_COLUMNS, _order_rows(orders))
    if what == "offers":
        if accounts.find(db.session(), source, account) is None:
            raise FileFault("unknown_account", source=source, account=account)
        return written(tuple(MAGFLOW_OFFERS), _offer_rows(source, account))
    if form == "woocommerce":
        # Its numbers are its own external ids, unless another source is named.
        lines = _variant_lines("woocommerce" if source == "file" else source, account, wanted)
        header = woocommerce.header_for(exports.most_options(db.session()))
        return written(header, woocommerce.rows(lines, header))
    lines = _variant_lines(source, account, wanted)
    return _shopify(lines, written) if form == "shopify" else _magflow(lines, written)


def scheduled(what: str, form: str, filters: Mapping[str, Any]) -> Iterator[bytes]:
    """An export by the clock, narrowed as it was asked for. Raises Invalid like `export`."""
    days = filters.get("days")
    wanted = Wanted(STATUS.get(filters.get("status", "")), filters.get("brand"), filters.get("category"),
                    filters.get("text"))  # fmt: skip
    orders = WantedOrders(
        filters.get("status"), filters.get("source"), filters.get("source_account"),
        None if days is None else datetime.now(UTC) - timedelta(days=days),
    )  # fmt: skip
    named = {"source": filters["source"], "account": filters["source_account"]} if what == "offers" else {}
    return export(what, form, wanted=wanted, orders=orders, workbook=filters.get("file") == "xlsx", **named)


def _pages(read: Callable[[Key], Sequence[Row]], key: Callable[[Row], Key], after: Key = START) -> Iterator[Row]:
    """Row after row; each page is read by itself, and its transaction is over before anybody sees a row of it."""
    while rows := read(after):
        db.session.remove()
        yield from rows
        after = key(rows[-1])
    db.session.remove()


def _variant_lines(source: str, account: str, wanted: Wanted) -> Iterator[VariantLine]:
    for some, start in _parts(wanted):
        yield from _pages(
            partial(_variant_page, source=source, account=account, wanted=some), lambda line: line.key, start
        )


def _variant_page(after: Key, *, source: str, account: str, wanted: Wanted) -> Sequence[VariantLine]:
    return exports.variants(db.session(), after, source=source, account=account, wanted=wanted)


def _parts(wanted: Wanted) -> Iterator[tuple[Wanted, Key]]:
    """Of a list of products, some hundred at a time and where they begin; else everything at once."""
    if wanted.products is None:
        yield wanted, START
        return
    after = 0
    while ids := exports.listed_products(db.session(), wanted, after):
        db.session.remove()
        yield replace(wanted, product_ids=ids), (ids[0], 0)
        after = ids[-1]
    db.session.remove()


# --- MagFlow's own columns --------------------------------------------------------------------------------------------


def _magflow(lines: Iterator[VariantLine], written: Written) -> Iterator[bytes]:
    options = exports.most_options(db.session())
    header = ["handle", "product", "description", "brand", "category", "sku", "title"]
    for n in range(1, options + 1):
        header += [f"option{n}_name", f"option{n}_value"]
    header += ["price", "compare_at_price", "stock", "status", "ean", "vat_rate", "external_id", "image_urls",
               "product_image_urls"]  # fmt: skip
    return written(header, (_magflow_row(line, options) for line in lines))


def _magflow_row(line: VariantLine, options: int) -> list[str]:
    product, variant = line.product, line.variant
    row = [cell(product[name]) for name in ("handle", "name", "description", "brand", "category")]
    row += [cell(variant["sku"]), cell(variant["title"])]
    for name, value in line.options:
        row += [cell(name), cell(value)]
    row += [""] * (2 * (options - len(line.options)))
    status = "active" if variant["status"] == ACTIVE else "archived" if product["archived"] else "inactive"
    row += [cell(variant["price"]), cell(variant["compare_at_price"]), cell(variant["stock"]), status]
    row += [cell(variant["ean"]), cell(variant["vat_rate"]), cell(variant["external_id"])]
    return [*row, " ".join(line.images), " ".join(url for url, _alt in line.product_images)]


# --- Shopify's --------------------------------------------------------------------------------------------------------


def _shopify(lines: Iterator[VariantLine], written: Written) -> Iterator[bytes]:
    if too_many := exports.with_more_options(db.session(), SHOPIFY_OPTIONS):
        detail = {"limit": SHOPIFY_OPTIONS, "products": ", ".join(too_many)}
        raise Invalid([FieldError("format", "too_many_options", detail)])
    return written(SHOPIFY_HEADER, _shopify_rows(lines))


def _shopify_rows(all_lines: Iterator[VariantLine]) -> Iterator[list[str]]:
    """Shopify's status is the product's: of a product with active variants, the drafts have no place in its file."""
    lines: list[VariantLine] = []
    for line in all_lines:
        if lines and lines[0].key[0] != line.key[0]:
            yield from _shopify_product(lines)
            lines = []
        lines.append(line)
    if lines:
        yield from _shopify_product(lines)


def _shopify_product(lines: Sequence[VariantLine]) -> Iterator[list[str]]:
    active = [line for line in lines if line.variant["status"] == ACTIVE]
    product, images = lines[0].product, list(lines[0].product_images)
    status = "archived" if product["archived"] else "active" if active else "draft"
    shown = active or lines
    for n, line in enumerate(shown):
        yield _shopify_row(line, status if n == 0 else "", images[n] if n < len(images) else None, n)
    for n in range(len(shown), len(images)):
        row = dict.fromkeys(SHOPIFY_HEADER, "")
        row["URL handle"] = cell(product["handle"])
        yield list((row | _picture(images[n], n)).values())


def _shopify_row(line: VariantLine, status: str, image: tuple[str, str | None] | None, place: int) -> list[str]:
    product, variant, first = line.product, line.variant, bool(status)
    row: dict[str, str] = dict.fromkeys(SHOPIFY_HEADER, "")
    row |= {
        "URL handle": cell(product["handle"]), "Status": status, "SKU": cell(variant["sku"]),
        "Barcode": cell(variant["ean"]), "Price": cell(variant["price"]),
        "Compare-at price": cell(variant["compare_at_price"]), "Inventory tracker": "shopify",
        "Inventory quantity": cell(variant["stock"]), "Continue selling when out of stock": "DENY",
        "Variant image URL": line.images[0] if line.images else "",
    }  # fmt: skip
    if first:
        row |= {
            "Title": cell(product["name"]), "Description": cell(product["description"]),
            "Vendor": cell(product["brand"]), "Type": cell(product["category"]),
        }  # fmt: skip
    for n, (name, value) in enumerate(line.options or [("Title", "Default Title")], 1):
        row |= {f"Option{n} name": cell(name) if first else "", f"Option{n} value": cell(value)}
    if image is not None:
        row |= _picture(image, place)
    return list(row.values())


def _picture(image: tuple[str, str | None], place: int) -> dict[str, str]:
    url, alt = image
    return {"Product image URL": url, "Image position": str(place + 1), "Image alt text": cell(alt)}


# --- stock and orders -------------------------------------------------------------------------------------------------


def _stock_rows(wanted: Wanted) -> Iterator[list[str]]:
    """`expected` is what the stock was when the file was made: a count is refused where something was sold since."""
    for some, start in _parts(wanted):
        for _key, sku, product, stock in _pages(partial(_stock_page, wanted=some), lambda row: row[0], start):
            yield [cell(sku), cell(product), cell(stock), cell(stock)]


def _stock_page(after: Key, *, wanted: Wanted) -> Sequence[tuple[Key, str, str, int]]:
    return exports.stock(db.session(), after, wanted)


ORDER_COLUMNS: Final = ("number", "external_id", "status", "placed_at", "customer_name", "customer_email",
                        "customer_phone", "currency", "note", "sku", "product", "quantity", "unit_price",
                        "vat_rate")  # fmt: skip


def _order_rows(wanted: WantedOrders) -> Iterator[list[str]]:
    for _key, values in _pages(lambda after: exports.order_lines(db.session(), after, wanted), lambda row: row[0]):
        yield [_order_cell(value) for value in values]


OFFER_STATUS: Final = {0: "inactive", 1: "active", 2: "end of life"}


def _offer_rows(source: str, account: str) -> Iterator[list[str]]:
    pages = _pages(lambda after: exports.offers(db.session(), after, source=source, account=account),
                   lambda row: row[0])  # fmt: skip
    for _key, (*values, status, synced) in pages:
        said = [*map(cell, values), OFFER_STATUS.get(status, "")]
        yield [*said, "" if synced is None else synced.isoformat()]


def _order_cell(value: Any) -> str:
    return value.isoformat(timespec="seconds") if hasattr(value, "isoformat") else cell(value)
