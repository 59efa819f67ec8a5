"""What the addresses of the audit pages say."""

from magflow.domain.border import INT64_MAX, Unfit, integer
from magflow.web import audit_words as words
from magflow.web import border


class AuditQuery(border.Query):
    """Filters of the log."""

    actor = border.Text(most=200)
    table = border.OneOf(tuple(words.TABLES))
    row = border.Text(most=60)
    action = border.OneOf(tuple(words.ACTIONS))
    door = border.OneOf(tuple(words.DOORS))
    request = border.Text(most=64)
    since = border.Day()
    until = border.Day()


class MovementsQuery(border.Query):
    """Filters of the stock movements."""

    sku = border.Text(most=120)
    reason = border.OneOf(tuple(words.REASONS))
    actor = border.Text(most=200)
    door = border.OneOf(tuple(words.DOORS))


def place(key: str | None) -> tuple[int, int, int] | None:
    """The place in the list of movements that a page begins behind: microseconds, variant, number."""
    if key is None:
        return None
    parts = key.split(".")
    if len(parts) != 3:
        return None
    try:
        micros, variant_id, seq = (integer(part, least=0, most=INT64_MAX, as_text=True) for part in parts)
    except Unfit:
        return None
    # Year 2200: beyond, the number is no time.
    return (micros, variant_id, seq) if micros < 7_258_118_400_000_000 else None
