"""Whose format a file is, told by its header, and which column means what."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

from magflow.domain.imports import woo_names
from magflow.domain.imports.faults import FileFault
from magflow.domain.imports.records import MOST_COLUMNS

Kind = Literal["variants", "stock", "offers", "orders"]
Format = Literal["magflow", "shopify", "woocommerce"]

KINDS: Final = ("variants", "stock", "offers", "orders")
FORMATS: Final = ("auto", "magflow", "shopify", "woocommerce")

MOST_OPTIONS: Final = 20

REPORT_COLUMNS: Final = ("error_line", "error_column", "error_code", "error")
"""What the report of refused rows adds; a mended report is read like the file that it came from."""

MAGFLOW_VARIANTS: Final[Mapping[str, str]] = {
    "handle": "handle", "product": "name", "description": "description", "brand": "brand", "category": "category",
    "sku": "sku", "title": "title", "price": "price", "compare_at_price": "compare_at_price", "stock": "stock",
    "expected": "expected", "status": "status", "ean": "ean", "vat_rate": "vat_rate", "external_id": "external_id",
    "image_urls": "images", "product_image_urls": "product_images",
}  # fmt: skip
MAGFLOW_STOCK: Final[Mapping[str, str]] = {
    "sku": "sku", "product": "name", "stock": "stock", "delta": "delta", "expected": "expected",
}  # fmt: skip
MAGFLOW_OFFERS: Final[Mapping[str, str]] = {
    "sku": "sku", "external_id": "external_id", "part_number_key": "part_number_key", "ean": "ean",
    "sale_price": "price", "stock": "stock", "number_of_offers": "number_of_offers",
    "buy_button_rank": "buy_button_rank", "status": "offer_status", "last_synced_at": "last_synced_at",
}  # fmt: skip
MAGFLOW_ORDERS: Final[Mapping[str, str]] = {
    "number": "number", "external_id": "external_id", "status": "status", "placed_at": "placed_at",
    "customer_name": "customer_name", "customer_email": "customer_email", "customer_phone": "customer_phone",
    "sku": "sku", "product": "name", "quantity": "quantity", "unit_price": "price", "vat_rate": "vat_rate",
    "currency": "currency", "note": "note",
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

INVENTORY: Final[Mapping[str, str]] = {
    "handle": "name", "sku": "sku", "on hand (new)": "stock", "on hand (current)": "expected", "on hand": "stock",
    "location": "location",
}  # fmt: skip
INVENTORY_LEFT_OUT: Final = frozenset({
    "title", "hs code", "coo", "bin name", "incoming (not editable)", "unavailable (not editable)",
    "committed (not editable)", "available (not editable)", "incoming", "unavailable", "committed", "available",
})  # fmt: skip
INVENTORY_MARKS: Final = frozenset({"on hand (new)", "on hand (current)", "on hand"})
WIDE_MARKS: Final = frozenset({"option1 name", "option1 value"})
"""An older layout has a row for each variant and a column for each location; it is known by the columns around them."""

WOOCOMMERCE_HANDLE: Final = "Meta: magflow_handle"
"""Our own column in WooCommerce's file: it keeps such columns as notes, and gives them back."""
WOOCOMMERCE: Final[Mapping[str, str]] = {
    "id": "id", "type": "type", "sku": "sku", "gtin, upc, ean, or isbn": "ean", "name": "name",
    "published": "published", "short description": "short_description", "description": "description",
    "stock": "stock", "sale price": "sale_price", "regular price": "regular_price", "categories": "category",
    "brands": "brand", "images": "images", "parent": "parent", WOOCOMMERCE_HANDLE.lower(): "handle",
}  # fmt: skip
WOOCOMMERCE_ATTRIBUTE: Final = re.compile(r"attribute ([1-9][0-9]?) (name|value)(?:\(s\))?")
WOOCOMMERCE_MARKS: Final = frozenset({"regular price", "attribute 1 name", "attribute 1 value(s)"})

KNOWN: Final = frozenset({*MAGFLOW_VARIANTS, *MAGFLOW_STOCK, *MAGFLOW_OFFERS, *MAGFLOW_ORDERS, *SHOPIFY,
                          *SHOPIFY_LEFT_OUT, *INVENTORY,
                          *WOOCOMMERCE, *WOOCOMMERCE_MARKS, "option1_name", "option1_value"})  # fmt: skip
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
    locations: tuple[int, ...] = ()
    """Places of columns that are named after a location, and hold what is there."""
    constants: tuple[str, ...] = ()
    """Cells that every row has behind those of the file: names of options that a mapping gave."""

    @property
    def width(self) -> int:
        """How many columns the file has."""
        return len(self.headers) - len(self.constants)

    def header_of(self, name: str) -> str:
        """A field's column as the file calls it; the field's own name where the file has no such column."""
        place = self.columns.get(name)
        if place is not None:
            return self.headers[place]
        return next((own for own, field in FIELDS[self.kind].items() if field == name), OWN_NAME.get(name, name))


OWN_NAME: Final = {"category_2": "category"}


def recognise(
    headers: Sequence[str], kind: str, wanted: str = "auto", mapping: Mapping[str, str] | None = None
) -> Layout:
    """The meaning of a header. Raises FileFault naming every column that is wrong."""
    names = [folded(header) for header in headers]
    check_supported(kind, wanted)
    if not any(names):
        raise FileFault("no_header")
    if len(headers) > MOST_COLUMNS:
        raise FileFault("too_many_columns", limit=MOST_COLUMNS)
    if mapping is not None:
        return _mapped(kind, headers, names, mapping)
    if repeated := sorted({name for name in names if name and names.count(name) > 1}):
        raise FileFault("repeated_columns", columns=", ".join(repeated))
    if wanted == "auto":
        wanted = _format_of(kind, set(names))
    if wanted == "magflow":
        return _magflow(kind, headers, names)
    if kind == "stock" and wanted == "shopify":
        return _inventory(headers, names)
    if kind == "variants":
        return _shopify(headers, names) if wanted == "shopify" else _woocommerce(headers, names)
    raise FileFault("unknown_format", format=wanted, choices="magflow")


def check_supported(kind: str, wanted: str) -> None:
    """Refuse what there is not."""
    if kind not in KINDS:
        raise FileFault("unknown_kind", kind=kind, choices=", ".join(KINDS))
    if wanted not in FORMATS:
        raise FileFault("unknown_format", format=wanted, choices=", ".join(FORMATS))


def _format_of(kind: str, names: set[str]) -> str:
    if kind == "stock":
        return "shopify" if "handle" in names and names & (INVENTORY_MARKS | WIDE_MARKS) else "magflow"
    foreign = kind == "variants" and "product" not in names
    if foreign and (names & WOOCOMMERCE_MARKS or woo_names.is_translated(tuple(names))):
        return "woocommerce"
    return "shopify" if kind == "variants" and _is_shopify(names) else "magflow"


FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "variants": MAGFLOW_VARIANTS,
    "stock": MAGFLOW_STOCK,
    "offers": MAGFLOW_OFFERS,
    "orders": MAGFLOW_ORDERS,
}
"""What the columns of a kind may mean, by the names that people see."""


def folded(header: str) -> str:
    """A column's name as it is compared."""
    return " ".join(header.strip().lower().split())


def _is_shopify(names: set[str]) -> bool:
    if names & SHOPIFY_MARKS:
        return True
    return "title" in names and not names & {"product", "stock", "ean", "brand", "option1_name", "compare_at_price"}


def _magflow(kind: str, headers: Sequence[str], names: Sequence[str]) -> Layout:
    fields = FIELDS[kind]
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
    _check_needed(kind, columns, by_key="sku" in columns or "external_id" in columns)
    return Layout(cast("Kind", kind), "magflow", tuple(headers), columns, options)


def _check_needed(kind: str, columns: Mapping[str, int], *, by_key: bool) -> None:
    """What a file must have. Raises FileFault."""
    missing = []
    if kind == "stock":
        missing += ["sku"] if "sku" not in columns else []
        missing += ["stock"] if not columns.keys() & {"stock", "delta"} else []
    elif kind == "offers" and "external_id" not in columns and not columns.keys() & {"sku", "ean", "part_number_key"}:
        missing.append("external_id")
    elif kind == "orders":
        missing += [] if columns.keys() & {"number", "external_id"} else ["number"]
        missing += [name for name in ("status", "quantity") if name not in columns]
        missing += [] if columns.keys() & {"sku", "name"} else ["sku"]
    elif kind == "variants" and not columns.keys() & {"name", "handle"} and not by_key:
        missing.append("product")
    if missing:
        raise FileFault("missing_columns", columns=", ".join(missing))


def _mapped(kind: str, headers: Sequence[str], names: Sequence[str], mapping: Mapping[str, str]) -> Layout:
    """The meaning that a person gave to each column: a field, `option:Name`, or nothing. A column that the mapping does
    not know is refused by name."""
    given = {folded(header): target.strip() for header, target in mapping.items()}
    fields = FIELDS[kind]
    columns: dict[str, int] = {}
    options: list[tuple[int, int]] = []
    constants: list[str] = []
    left_out: list[str] = []
    # Our own pairs of columns, the option's name in one and its value in the other, may be mapped as themselves.
    halves = [found[0] if (found := MAGFLOW_OPTION.fullmatch(given.get(name, ""))) else "" for name in names]
    pairs, odd = _options(halves, MAGFLOW_OPTION) if kind == "variants" else ((), [])
    if odd:
        raise FileFault("option_halves", columns=", ".join(odd))
    unknown = [header.strip() for header, name in zip(headers, names, strict=True)
               if name and name not in given and name not in REPORT_COLUMNS]  # fmt: skip
    if unknown:
        raise FileFault("unknown_columns", columns=", ".join(unknown[:20]), known=", ".join(fields))
    for place, name in enumerate(names):
        target = given.get(name, "")
        if halves[place] and kind == "variants":
            continue
        if not target:
            left_out += [headers[place].strip()] if name and name not in REPORT_COLUMNS else []
        elif target.startswith("option:") and kind == "variants" and target.removeprefix("option:").strip():
            options.append((len(headers) + len(constants), place))
            constants.append(target.removeprefix("option:").strip())
        elif target not in fields:
            raise FileFault("unknown_columns", columns=target, known=", ".join([*fields, "option:…"]))
        elif fields[target] in columns:
            raise FileFault("repeated_columns", columns=target)
        else:
            columns[fields[target]] = place
    if len(constants) > MOST_OPTIONS:
        raise FileFault("too_many_options", limit=MOST_OPTIONS)
    _check_needed(kind, columns, by_key=bool(columns.keys() & {"sku", "external_id", "ean"}))
    named = tuple(headers) + tuple(f"option:{name}" for name in constants)
    both = (*pairs, *options)
    return Layout(cast("Kind", kind), "magflow", named, columns, both, tuple(left_out), constants=tuple(constants))


def _woocommerce(headers: Sequence[str], written: Sequence[str]) -> Layout:
    names = woo_names.in_english(written)
    if repeated := sorted({header.strip() for header, name in zip(headers, names, strict=True)
                           if name in WOOCOMMERCE and names.count(name) > 1}):  # fmt: skip
        raise FileFault("repeated_columns", columns=", ".join(repeated))
    columns = {WOOCOMMERCE[name]: place for place, name in enumerate(names) if name in WOOCOMMERCE}
    options, _odd = _options(names, WOOCOMMERCE_ATTRIBUTE)
    if "name" not in columns:
        raise FileFault("missing_columns", columns="Name")
    return Layout(
        "variants", "woocommerce", tuple(headers), columns, options, _left_out(headers, names, columns, options)
    )


def _inventory(headers: Sequence[str], names: Sequence[str]) -> Layout:
    columns: dict[str, int] = {}
    for place, name in enumerate(names):
        if name in INVENTORY:
            columns.setdefault(INVENTORY[name], place)
    options, _odd = _options(names, SHOPIFY_OPTION)
    known = {*columns.values(), *(place for pair in options for place in pair)}
    locations = () if columns.keys() & {"stock", "expected", "location"} else tuple(
        place for place, name in enumerate(names)
        if name and place not in known and name not in INVENTORY_LEFT_OUT and name not in REPORT_COLUMNS
    )  # fmt: skip
    missing = [] if "name" in columns else ["Handle"]
    missing += [] if "stock" in columns or locations else ["On hand (new)"]
    if missing:
        raise FileFault("missing_columns", columns=", ".join(missing))
    left_out = _left_out(headers, names, columns, [*options, locations])
    return Layout("stock", "shopify", tuple(headers), columns, options, left_out, locations)


def _left_out(
    headers: Sequence[str], names: Sequence[str], columns: Mapping[str, int], options: Iterable[tuple[int, ...]]
) -> tuple[str, ...]:
    """The columns that nothing is taken from."""
    placed = {*columns.values(), *(place for pair in options for place in pair)}
    return tuple(
        header.strip()
        for place, header in enumerate(headers)
        if place not in placed and names[place] and names[place] not in REPORT_COLUMNS
    )


def _shopify(headers: Sequence[str], names: Sequence[str]) -> Layout:
    columns: dict[str, int] = {}
    for place, name in enumerate(names):
        if name in SHOPIFY:
            # A file that mixes both header sets may have a column twice under two names: the first one counts.
            columns.setdefault(SHOPIFY[name], place)
    options, _odd = _options(names, SHOPIFY_OPTION)
    if not columns.keys() & {"name", "handle"}:
        raise FileFault("missing_columns", columns="Title")
    return Layout("variants", "shopify", tuple(headers), columns, options, _left_out(headers, names, columns, options))


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
