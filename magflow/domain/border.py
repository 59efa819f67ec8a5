"""Outside text becomes a value here, or is refused; nothing else calls `int`, `Decimal` or `json.loads` on input.

Python is generous where a shop must not be: `int("１２_0")` is 120, `float("nan")` passes every range test, JSON takes
the last of two equal keys. So: a regular expression first, then the conversion, then the range. Every refusal is an
`Unfit` with a stable code; who knows the field's name adds it (fields of `magflow.web.border`, the readers of files).
"""

import json
import re
import unicodedata
from collections.abc import Collection
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

INT32_MAX: Final = 2**31 - 1
INT64_MAX: Final = 2**63 - 1
MONEY_MAX: Final = Decimal("9999999999.99")
"""What `numeric(12,2)` holds."""

SHORT, LONG = 255, 20_000
"""Characters of a name, and of a description."""

MAX_DEPTH: Final = 32
MAX_NUMBER: Final = 40
"""Digits of a number that are looked at at all."""

INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?")
DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
EMAIL: Final = re.compile(r"[^\s@<>\",;:()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,180}\.[A-Za-z0-9-]{1,63}")
CURRENCY: Final = re.compile(r"[A-Z]{3}")
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CONTROL_BUT_BREAKS: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
BREAKS: Final = re.compile(r"\r\n?")
STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
EDGES: Final = " \t\r\n\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What is trimmed: blanks of every width, and line breaks; no other control character."""

TRUE, FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})


class Unfit(ValueError):
    """A value that cannot be taken: a stable code, and what a sentence about it needs."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code, self.params = code, params


class MalformedJson(ValueError):
    """Not JSON, or JSON that two readers would read differently. `str()` of it says what is wrong."""


# --- text ------------------------------------------------------------------------------------------------------------


def text(value: object, *, most: int = SHORT, least: int = 1, breaks: bool = False) -> str:
    """Trimmed NFC text of `least` to `most` characters; line breaks only where `breaks` says so.

    Tabs inside a long text become spaces. Raises Unfit: not_text, not_unicode, control_characters, blank, too_short,
    too_long.
    """
    if not isinstance(value, str):
        raise Unfit("not_text")
    if len(value) > most * 4 + 64:
        # Far too long even after trimming: not worth normalising.
        raise Unfit("too_long", limit=most)
    if SURROGATE.search(value):
        raise Unfit("not_unicode")
    trimmed = value.strip(EDGES)
    if breaks:
        trimmed = BREAKS.sub("\n", trimmed).replace("\t", " ")
    if (CONTROL_BUT_BREAKS if breaks else CONTROL).search(trimmed):
        raise Unfit("control_characters")
    cleaned = unicodedata.normalize("NFC", trimmed)
    if len(cleaned) > most:
        raise Unfit("too_long", limit=most)
    if len(cleaned) < least:
        raise Unfit("too_short", least=least) if cleaned else Unfit("blank")
    return cleaned


def email(value: object) -> str:
    """An e-mail address, as it was written. Raises Unfit."""
    address = text(value, most=254)
    if not EMAIL.fullmatch(address) or ".." in address:
        raise Unfit("not_an_email")
    return address


def currency(value: object) -> str:
    """A currency's three capital letters."""
    if not isinstance(value, str) or not CURRENCY.fullmatch(value):
        raise Unfit("not_a_currency")
    return value


def one_of(value: object, choices: Collection[str]) -> str:
    """One of a fixed list of words."""
    if not isinstance(value, str) or value not in choices:
        raise Unfit("not_one_of", choices=", ".join(sorted(choices)))
    return value


# --- numbers ---------------------------------------------------------------------------------------------------------


def integer(value: object, *, least: int = 0, most: int = INT32_MAX, as_text: bool = False) -> int:
    """A whole number from `least` to `most`. `as_text`: it comes as digits (address, form, file), not as a number."""
    if as_text:
        number = _integer_text(value)
    elif isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unfit("not_an_integer")
    elif isinstance(value, Decimal):
        # JSON calls 3.0 an integer. The exponent is looked at before anything is expanded: 1E+999999 is short to
        # write and long to convert.
        if value.is_finite() and value.adjusted() > MAX_NUMBER:
            raise Unfit("out_of_range", least=least, limit=most)
        if not value.is_finite() or value != value.to_integral_value():
            raise Unfit("not_an_integer")
        number = int(value)
    else:
        number = value
    if not least <= number <= most:
        raise Unfit("out_of_range", least=least, limit=most)
    return number


def _integer_text(value: object) -> int:
    if not isinstance(value, str):
        raise Unfit("not_an_integer")
    digits = value.strip(EDGES)
    if not INTEGER.fullmatch(digits):
        raise Unfit("not_an_integer")
    return int(digits)


def decimal(
    value: object,
    *,
    places: int = 2,
    least: Decimal = Decimal(0),
    most: Decimal = MONEY_MAX,
    sign: Literal[".", ","] | None = None,
) -> Decimal:
    """An exact number with at most `places` decimals, from text or from a JSON number (which was never a float).

    A text is plain, as in `1234.56`. With a decimal `sign` it is written for people: the other one of `.` and `,`
    may group thousands, and blanks around it do not matter.
    """
    if isinstance(value, str):
        number = _decimal_text(value, sign)
    elif isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unfit("not_a_number")
    else:
        number = Decimal(value)
    if not number.is_finite() or number.adjusted() > MAX_NUMBER:
        raise Unfit("out_of_range", least=least, limit=most)
    if not least <= number <= most:
        raise Unfit("out_of_range", least=least, limit=most)
    # Written out only now: the range bounds the digits before the point, this the digits behind it.
    if number.adjusted() < -MAX_NUMBER or len(number.as_tuple().digits) > 2 * MAX_NUMBER:
        raise Unfit("too_many_decimals", places=places)
    exact = number.quantize(Decimal(1).scaleb(-places))
    if exact != number:
        raise Unfit("too_many_decimals", places=places)
    return exact


def _decimal_text(value: str, sign: Literal[".", ","] | None) -> Decimal:
    digits = value if sign is None else value.strip(EDGES).replace("\u00a0", "")
    if len(digits) > MAX_NUMBER:
        raise Unfit("not_a_number")
    if sign == ",":
        # What is left of points did not group thousands, and must not pass for a decimal sign.
        digits = _ungrouped(digits, ".", ",").replace(".", "?").replace(",", ".")
    elif sign == ".":
        digits = _ungrouped(digits, ",", ".")
    if not DECIMAL.fullmatch(digits):
        raise Unfit("not_a_number")
    return Decimal(digits)


def _ungrouped(digits: str, group: str, sign: str) -> str:
    """Without thousands separators, if they stand where they belong; otherwise unchanged, so that it is refused."""
    if group not in digits:
        return digits
    whole, _, rest = digits.partition(sign)
    if group in rest or not re.fullmatch(rf"[+-]?[0-9]{{1,3}}(?:{re.escape(group)}[0-9]{{3}})+", whole):
        return digits
    return digits.replace(group, "")


def money(value: object, *, sign: Literal[".", ","] | None = None) -> Decimal:
    """An amount of money: zero or more, two decimals at most."""
    return decimal(value, sign=sign)


def percent(value: object, *, sign: Literal[".", ","] | None = None) -> Decimal:
    """Per cent from 0 to 100, two decimals at most."""
    return decimal(value, most=Decimal(100), sign=sign)


def boolean(value: object, *, as_text: bool = False) -> bool:
    """True or false; as text: true/false, 1/0, yes/no."""
    if as_text and isinstance(value, str):
        word = value.strip(EDGES).lower()
        if word in TRUE or word in FALSE:
            return word in TRUE
    elif isinstance(value, bool):
        return value
    raise Unfit("not_a_boolean")


# --- time ------------------------------------------------------------------------------------------------------------


def day(value: object) -> date:
    """A date as 2026-03-05, of a year that a shop can mean."""
    if not isinstance(value, str) or not DATE.fullmatch(value.strip(EDGES)):
        raise Unfit("not_a_date")
    try:
        found = date.fromisoformat(value.strip(EDGES))
    except ValueError as error:
        raise Unfit("not_a_date") from error
    if not 1900 <= found.year <= 2200:
        raise Unfit("not_a_date")
    return found


def moment(value: object) -> datetime:
    """A time in ISO 8601, as UTC; without a zone it is taken as UTC."""
    if not isinstance(value, str) or not MOMENT.fullmatch(value.strip(EDGES)):
        raise Unfit("not_a_time")
    try:
        found = datetime.fromisoformat(value.strip(EDGES))
    except ValueError as error:
        raise Unfit("not_a_time") from error
    # Checked before the zone is applied: the first and last hours of the calendar overflow.
    if not 1900 <= found.year <= 2200:
        raise Unfit("not_a_time")
    return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)


# --- JSON ------------------------------------------------------------------------------------------------------------


def load_json(body: bytes) -> Any:
    """The value of a JSON text; numbers with a point or an exponent are Decimal.

    Raises MalformedJson for anything that two readers could understand differently: NaN, a key twice, bad UTF-8.
    """
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(body) > MAX_DEPTH:
        raise MalformedJson(f"nested deeper than {MAX_DEPTH} levels")
    try:
        return json.loads(
            body.decode("utf-8"),
            parse_float=_number,
            parse_int=_whole,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except UnicodeDecodeError as error:
        raise MalformedJson(f"not UTF-8 at byte {error.start + 1}") from error
    except json.JSONDecodeError as error:
        raise MalformedJson(f"{error.msg}, line {error.lineno}, column {error.colno}") from error


def _depth(body: bytes) -> int:
    """How deep brackets nest, strings left out. Unbalanced ones count too: they are refused later in any case."""
    depth = deepest = 0
    for byte in STRINGS.sub(b"", body):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _whole(digits: str) -> int | Decimal:
    # Above a few dozen digits it fits nowhere; as a Decimal it is cheap, and the field that holds it can say so.
    return int(digits) if len(digits) <= MAX_NUMBER else _number(digits)


def _number(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:
        return Decimal("Infinity")  # an exponent of 20 digits: the field answers "out of range"


def _refuse_constant(name: str) -> Any:
    raise MalformedJson(f"{name} is not a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedJson(f"the key {twice[:60]!r} stands twice")
    return found
