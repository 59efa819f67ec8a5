"""Reading what marketplaces send: types drift, so numbers may be text and empty objects lists."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from magflow.domain.border import INT64_MAX

LONGEST_NUMBER: Final = 30
MOST_DIGITS: Final = 19


def integer(value: Any) -> int | None:
    """A whole number, or None where there is none that can be kept."""
    if isinstance(value, bool):
        return int(value)
    found = decimal(value)
    if found is None or found != found.to_integral_value() or abs(found) > INT64_MAX:
        return None
    return int(found)


def decimal(value: Any) -> Decimal | None:
    """A finite number, or None."""
    if isinstance(value, bool) or value is None:
        return None
    text = str(value).strip()
    if not text or len(text) > LONGEST_NUMBER:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    # Nothing that is sold has more digits; arithmetic with such a number would fail far from here.
    return found if found.is_finite() and abs(found.adjusted()) < MOST_DIGITS else None


def words(value: Any) -> str | None:
    """A text, trimmed and without what a database cannot hold, or None when nothing is left."""
    if value is None or isinstance(value, Mapping | list):
        return None
    text = "".join(c for c in str(value) if c == "\n" or (c.isprintable() and not 0xD800 <= ord(c) <= 0xDFFF)).strip()
    return text or None


def mapping(value: Any) -> Mapping[str, Any]:
    """An object; what arrives as an empty list, or not at all, is an empty one."""
    return value if isinstance(value, Mapping) else {}


def listed(value: Any) -> Sequence[Any]:
    """A list; one object alone is a list of one."""
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, Mapping) and value else []


def moment(value: Any, zone: str) -> datetime | None:
    """A time: ISO with an offset, or `YYYY-mm-dd HH:MM:SS` on the clock of the platform."""
    text = words(value)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.year < 2000:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
