"""Whose format a file is, told by its header, and which column means what."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from magflow.domain.imports.faults import FileFault
from magflow.domain.imports.records import MOST_COLUMNS

Kind = Literal["variants", "stock"]
Format = Literal["magflow", "shopify"]

KINDS: Final = ("variants", "stock", "offers", "orders")
FORMATS: Final = ("auto", "magflow", "shopify", "woocommerce")

MOST_OPTIONS: Final = 20

REPORT_COLUMNS: Final = ("error_line", "error_column", "error_code", "error")
"""What the report of refused rows adds; a mended report is read like the file that it came from."""

MAGFLOW_VARIANTS: Final[Mapping[str, str]] = {
    "handle": "handle", "product": "name", "description": "description", "brand": "brand", "category": "category",
    "sku": "sku", "title": "title", "price": "price", "compare_at_price": "compare_at_price", "stock": "stock",
    "status": "status", "ean": "ean", "vat_rate": "vat_rate", "external_id": "external_id", "image_urls": "images",
    "product_image_urls": "product_images",
}  # fmt: skip
MAGFLOW_STOCK: Final[Mapping[str, str]] = {
    "sku": "sku", "product": "name", "stock": "stock", "delta": "delta", "expected": "expected",
}  # fmt: skip
MAGFLOW_OPTION: Final = re.compile(r"option([1-9][0-9]?)_(name|value)")

SHOPIFY: Final[Mapping[str, str]] = {
    "url handle": "handle", "handle": "handle", "title": "name", "description": "description",
    "body (html)": "description", "vendor": "brand", "type": "category", "product category": "category_2",
    "status": "status", "sku": "sku", "variant sku": "sku", "barcode": "ean", "variant barcode": "ean",
    "price": "price", "variant price": "price", "compare-at price": "compare_at_price",
    "variant compare at price": "compare_at_price", "inventory quantity": "stock", "variant inventory qty": "stock",
    "product image url": "image", "image src": "image", "image position": "image_position",
    "image alt text": "image_alt", "variant image url": "variant_image", "variant image": "variant_image",
}  # fmt: skip
"""Both header sets, the old and the new, and files that mix them."""

SHOPIFY_LEFT_OUT: Final = frozenset({
    "tags", "published on online store", "published", "tax code", "variant tax code", "cost per item", "charge tax",
    "variant taxable", "unit price total measure", "unit price total measure unit", "unit price base measure",
    "unit price base measure unit", "inventory tracker", "variant inventory tracker", "variant inventory policy",
    "continue selling when out of stock", "weight value (grams)", "variant grams", "weight unit for display",
    "variant weight unit", "requires shipping", "variant requires shipping", "fulfillment service",
    "variant fulfillment service", "gift card", "seo title", "seo description", "option1 linked to",
    "option2 linked to", "option3 linked to",
})  # fmt: skip
"""Shopify's columns for which MagFlow has no place; they are named on the import's page."""
SHOPIFY_OPTION: Final = re.compile(r"option([1-3]) (name|value)")

SHOPIFY_MARKS: Final = frozenset({
    "url handle", "body (html)", "vendor", "variant sku", "variant price", "option1 name", "option1 value", "image src",
    "product image url", "variant inventory qty", "inventory quantity", "compare-at price", "published on online store",
})  # fmt: skip
"""Names that only Shopify uses."""

INVENTORY_MARKS: Final = frozenset({"on hand (new)", "on hand (current)"})
WOOCOMMERCE_MARKS: Final = frozenset({"regular price", "attribute 1 name", "attribute 1 value(s)"})

KNOWN: Final = frozenset({*MAGFLOW_VARIANTS, *MAGFLOW_STOCK, *SHOPIFY, *SHOPIFY_LEFT_OUT, *WOOCOMMERCE_MARKS,
                          "option1_name", "option1_value"})  # fmt: skip
"""All names we know, for finding the delimiter."""


@dataclass(frozen=True)
class Layout:
    """What the columns of a file mean."""

    kind: Kind
    format: Format
    headers: tuple[str, ...]
    columns: Mapping[str, int]
    """Field -> place of its column."""
    options: tuple[tuple[int, int], ...] = ()
    """Per option the places of its name and of its value; Shopify leaves the name out on all rows but the first."""
    left_out: tuple[str, ...] = ()
    """Columns that are not taken over."""

    def header_of(self, name: str) -> str:
        """A field's column as the file calls it; the field's own name where the file has no such column."""
        place = self.columns.get(name)
        return self.headers[place] if place is not None else OWN_NAME.get(name, name)


OWN_NAME: Final = {"name": "product", "images": "image_urls", "category_2": "category"}


def recognise(headers: Sequence[str], kind: str, wanted: str = "auto") -> Layout:
    """The meaning of a header. Raises FileFault naming every column that is wrong."""
    names = [_folded(header) for header in headers]
    check_supported(kind, wanted)
    if not any(names):
        raise FileFault("no_header")
    if len(headers) > MOST_COLUMNS:
        raise FileFault("too_many_columns", limit=MOST_COLUMNS)
    if repeated := sorted({name for name in names if name and names.count(name) > 1}):
        raise FileFault("repeated_columns", columns=", ".join(repeated))
    if wanted == "auto":
        _refuse_foreign(set(names))
        wanted = "shopify" if kind == "variants" and _is_shopify(set(names)) else "magflow"
    if kind == "stock":
        if wanted == "shopify":
            raise FileFault("format_not_yet", format="Shopify (inventory)")
        return _magflow("stock", headers, names, MAGFLOW_STOCK, required=("sku",))
    if wanted == "shopify":
        return _shopify(headers, names)
    return _magflow("variants", headers, names, MAGFLOW_VARIANTS, required=())


def check_supported(kind: str, wanted: str) -> None:
    """Refuse what has a name already but cannot be read yet."""
    if kind in {"offers", "orders"}:
        raise FileFault("kind_not_yet", kind=kind)
    if kind not in KINDS:
        raise FileFault("unknown_kind", kind=kind, choices=", ".join(KINDS[:2]))
    if wanted == "woocommerce":
        raise FileFault("format_not_yet", format="WooCommerce")
    if wanted not in FORMATS:
        raise FileFault("unknown_format", format=wanted, choices=", ".join(FORMATS[:3]))


def _folded(header: str) -> str:
    return " ".join(header.strip().lower().split())


def _refuse_foreign(names: set[str]) -> None:
    if names & INVENTORY_MARKS:
        raise FileFault("format_not_yet", format="Shopify (inventory)")
    if names & WOOCOMMERCE_MARKS and "product" not in names:
        raise FileFault("format_not_yet", format="WooCommerce")


def _is_shopify(names: set[str]) -> bool:
    if names & SHOPIFY_MARKS:
        return True
    return "title" in names and not names & {"product", "stock", "ean", "brand", "option1_name", "compare_at_price"}


def _magflow(
    kind: Kind, headers: Sequence[str], names: Sequence[str], fields: Mapping[str, str], *, required: Sequence[str]
) -> Layout:
    columns = {fields[name]: place for place, name in enumerate(names) if name in fields}
    options, odd = _options(names, MAGFLOW_OPTION) if kind == "variants" else ((), [])
    placed = {*columns.values(), *(place for pair in options for place in pair)}
    unknown = [
        header.strip() or f"#{place + 1}"
        for place, header in enumerate(headers)
        if place not in placed and names[place] not in REPORT_COLUMNS
    ]
    if odd:
        raise FileFault("option_halves", columns=", ".join(odd))
    if unknown:
        raise FileFault("unknown_columns", columns=", ".join(unknown[:20]), known=", ".join(fields))
    missing = [name for name in required if name not in columns]
    if kind == "variants" and not columns.keys() & {"name", "handle"}:
        missing.append("product")
    if kind == "stock" and not columns.keys() & {"stock", "delta"}:
        missing.append("stock")
    if missing:
        raise FileFault("missing_columns", columns=", ".join(missing))
    return Layout(kind, "magflow", tuple(headers), columns, options)


def _shopify(headers: Sequence[str], names: Sequence[str]) -> Layout:
    columns: dict[str, int] = {}
    for place, name in enumerate(names):
        if name in SHOPIFY:
            # A file that mixes both header sets may have a column twice under two names: the first one counts.
            columns.setdefault(SHOPIFY[name], place)
    options, _odd = _options(names, SHOPIFY_OPTION)
    if not columns.keys() & {"name", "handle"}:
        raise FileFault("missing_columns", columns="Title")
    placed = {*columns.values(), *(place for pair in options for place in pair)}
    left_out = tuple(
        header.strip()
        for place, header in enumerate(headers)
        if place not in placed and names[place] and names[place] not in REPORT_COLUMNS
    )
    return Layout("variants", "shopify", tuple(headers), columns, options, left_out)


def _options(names: Sequence[str], pattern: re.Pattern[str]) -> tuple[tuple[tuple[int, int], ...], list[str]]:
    """Places of (name, value) by the option's number, and the columns whose other half is missing."""
    halves: dict[int, dict[str, int]] = {}
    for place, name in enumerate(names):
        if found := pattern.fullmatch(name):
            halves.setdefault(int(found[1]), {})[found[2]] = place
    if len(halves) > MOST_OPTIONS:
        raise FileFault("too_many_options", limit=MOST_OPTIONS)
    whole = tuple((pair["name"], pair["value"]) for _n, pair in sorted(halves.items()) if len(pair) == 2)
    odd = [names[next(iter(pair.values()))] for _n, pair in sorted(halves.items()) if len(pair) == 1]
    return whole, odd
