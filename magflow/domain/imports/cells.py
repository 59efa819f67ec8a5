"""One cell becomes one value, or an `Unfit` that says why not. Blank cells never come here: they keep what is there."""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal
from urllib.parse import urlsplit

from magflow.domain import border
from magflow.domain.border import LONG, MONEY_MAX, SHORT, Unfit
from magflow.domain.imports.writing import restored
from magflow.domain.options import name_key

Sign = Literal[".", ","]

LARGEST_STOCK: Final = 1_000_000_000
LONGEST_SKU: Final = 120
LONGEST_OPTION: Final = 100
LONGEST_URL: Final = 2_000
MOST_IMAGES: Final = 250

PLAIN: Final = re.compile(r"[!#$%&()*,./0-9:;<>?A-Z\[\]^_`a-z{|}~](?:[ -\[\]-~]{0,253}[!-\[\]-~])?")
"""Text that is as it should be already: printable ASCII without blanks at its ends, no backslash, and nothing in front
that a spreadsheet or our own guard may have put there."""

AMBIGUOUS: Final = re.compile(r"[+-]?[0-9]{1,3}[.,][0-9]{3}")
ONE_SIGN: Final = re.compile(r"[+-]?[0-9]+([.,])(?:[0-9]{1,2}|[0-9]{4,20})")
GROUPED: Final = re.compile(r"[+-]?[0-9]{1,3}(?:([.,])[0-9]{3})+([.,])[0-9]{1,2}")
MANY_GROUPS: Final = re.compile(r"[+-]?[0-9]{1,3}([.,])[0-9]{3}(?:\1[0-9]{3})+")
BLANKS: Final = re.compile(r"(?<=[0-9])[ \u00a0\u202f](?=[0-9]{3}(?![0-9]))")
"""Between groups of three digits, as `1 234,50` is written."""
EXPONENT: Final = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+")
BETWEEN_URLS: Final = re.compile(r"\s*[|,]\s*(?=https?://)|\s+")
EAN_LENGTHS: Final = (8, 12, 13, 14)

ACTIVE_WORDS: Final = {"active": True, "inactive": False, "draft": False, "archived": False}
OTHER_WORDS: Final = {
    "activ": "active", "activa": "active", "attivo": "active", "attiva": "active",
    "inactiv": "inactive", "inactiva": "inactive", "inattivo": "inactive", "inattiva": "inactive",
    "ciorna": "draft", "bozza": "draft", "arhivat": "archived", "arhivata": "archived", "archiviato": "archived",
}  # fmt: skip
"""What people here call them, as names are compared."""


def text(cell: str, most: int = SHORT) -> str:
    """A short text in one line."""
    return cell if PLAIN.fullmatch(cell) and len(cell) <= most else border.text(restored(cell), most=most)


def sku(cell: str) -> str:
    """A SKU."""
    return text(cell, LONGEST_SKU)


def long_text(cell: str) -> str:
    """A text with line breaks."""
    return border.text(restored(cell), most=LONG, breaks=True)


# --- numbers ---------------------------------------------------------------------------------------------------------


def _closed_up(cell: str) -> str:
    digits = cell.strip()
    return digits if digits.isascii() and " " not in digits else BLANKS.sub("", digits.replace("\u00a0", " ").strip())


def evidence(cell: str) -> Sign | None:
    """The decimal sign that a written number shows beyond doubt."""
    digits = _closed_up(cell)
    if found := ONE_SIGN.fullmatch(digits):
        return "," if found[1] == "," else "."
    if (found := GROUPED.fullmatch(digits)) and found[1] != found[2]:
        return "," if found[2] == "," else "."
    if found := MANY_GROUPS.fullmatch(digits):
        return "." if found[1] == "," else ","
    return None


def sign_of(cells: Iterable[str]) -> Sign | None:
    """The decimal sign of a column; None when its cells do not show it, or contradict each other."""
    signs = {sign for cell in cells if cell and (sign := evidence(cell)) is not None}
    return signs.pop() if len(signs) == 1 else None


def number(cell: str, sign: Sign | None, *, most: Decimal = MONEY_MAX, places: int = 2) -> Decimal:
    """An amount, as people write it: `49.90`, `49,90`, `1.234,56`, `1,234.56`.

    `1.234` is one and a bit or twelve hundred: only the column's `sign` can tell, and without it the cell is refused.
    """
    digits = _closed_up(cell)
    own = evidence(digits)
    if own is None and sign is None and AMBIGUOUS.fullmatch(digits):
        raise Unfit("ambiguous_number", value=digits)
    return border.decimal(digits, sign=own or sign or ".", most=most, places=places)


def percent(cell: str, sign: Sign | None) -> Decimal:
    """A rate of VAT, with or without its sign."""
    return number(cell.strip().removesuffix("%"), sign, most=Decimal(100))


def whole(cell: str, *, least: int = 0) -> int:
    """A count of units; a spreadsheet's `12.0` and `12,00` are 12."""
    digits = re.sub(r"[.,]0{1,2}$", "", _closed_up(cell))
    return border.integer(digits, least=least, most=LARGEST_STOCK, as_text=True)


# --- words and codes -------------------------------------------------------------------------------------------------


def status(cell: str) -> tuple[bool, bool]:
    """(active, archived) of `active`, `inactive`, `draft` or `archived`."""
    word = cell.strip().lower()
    word = OTHER_WORDS.get(name_key(word), word)
    if word not in ACTIVE_WORDS:
        raise Unfit("not_one_of", choices=", ".join(ACTIVE_WORDS))
    return ACTIVE_WORDS[word], word == "archived"


def ean(cell: str) -> str:
    """A GTIN of 8, 12, 13 or 14 digits whose check digit fits."""
    digits = cell.strip().removeprefix("'").replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdigit()):
        raise Unfit("ean_exponent" if EXPONENT.fullmatch(digits) else "ean_digits")
    if len(digits) not in EAN_LENGTHS:
        raise Unfit("ean_length", length=len(digits))
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits[:-1]), 1))
    if (10 - total % 10) % 10 != int(digits[-1]):
        raise Unfit("ean_check_digit")
    return digits


def url(cell: str) -> str:
    """A web address of a picture."""
    address = border.text(cell, most=LONGEST_URL)
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise Unfit("not_a_url") from error
    if parts.scheme not in {"http", "https"} or not parts.netloc or " " in address:
        raise Unfit("not_a_url")
    return address


def urls(cell: str) -> list[str]:
    """Several addresses, separated by blanks or line breaks."""
    found = [url(part) for part in BETWEEN_URLS.split(cell.strip()) if part]
    if len(found) > MOST_IMAGES:
        raise Unfit("too_many", limit=MOST_IMAGES)
    return list(dict.fromkeys(found))
