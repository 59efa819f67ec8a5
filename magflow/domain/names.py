"""Names made for things that came without one: handles, SKUs, titles."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache

LONGEST_SKU = 120


@lru_cache(maxsize=4096)
def ascii_words(text: str) -> str:
    """Latin letters and digits of a text, accents folded, everything else turned into single hyphens."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", folded).strip("-")


def handle_from(name: str) -> str:
    """A product's address from its name: `Tricou bumbac` -> `tricou-bumbac`."""
    return ascii_words(name).lower()[:200].strip("-") or "product"


def sku_from(product: str, values: Sequence[str]) -> str:
    """A SKU from the product's handle and the values' names: `TRICOU-BUMBAC-RED-S`."""
    parts = [ascii_words(part).upper() for part in (product, *values)]
    return "-".join(part for part in parts if part)[:LONGEST_SKU].strip("-") or "SKU"


def numbered(base: str, taken: Collection[str]) -> str:
    """The base, or the base with the first free number behind it."""
    if base not in taken:
        return base
    number = 2
    while f"{base}-{number}" in taken:
        number += 1
    return f"{base}-{number}"


def title_from(values: Sequence[str]) -> str | None:
    """A variant's title from its values: `Red - Small`."""
    return " - ".join(values) or None
