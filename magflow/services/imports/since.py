"""Stock that moved since a file's figures were taken: a count of yesterday must not undo a sale of today.

A person says when the figures were taken, and what then holds. `refuse`: a row whose variant moved since is handed
back. `carry`: what was sold, came back, was transferred or corrected since is carried into the file's figure; what was
counted or fed since is newer than the file, and still refuses it. What imports did does not count: the same file again
comes to the same.
"""

from typing import Any, Final

from magflow.domain.imports.choices import Choices

CARRIED: Final = "('sale', 'restock', 'transfer', 'adjustment')"
MOVED: Final = f"""
LATERAL (SELECT coalesce(sum(o.delta) FILTER (WHERE o.reason IN {CARRIED}), 0)::integer AS carried,
                coalesce(sum(o.delta) FILTER (WHERE o.reason NOT IN {CARRIED}), 0)::integer AS others
         FROM stock_movements o
         WHERE o.variant_id = v.id AND o.at > %(made_at)s::timestamptz AND o.reason <> 'import') m"""
SINCE: Final = f"""
UPDATE {{table}} t
SET {{figure}} = CASE WHEN %(carry)s THEN t.{{figure}} + m.carried ELSE t.{{figure}} END,
    expected = v.stock - m.others - CASE WHEN %(carry)s THEN 0 ELSE m.carried END
FROM variants v, {MOVED}
WHERE v.id = t.variant_id AND t.{{figure}} IS NOT NULL AND t.expected IS NULL AND (m.carried <> 0 OR m.others <> 0)"""
"""The guard of `expected` does the rest. Where the file has a guard of its own, that holds."""

FOUND: Final = SINCE.format(table="found", figure="stock")
PLAN: Final = SINCE.format(table="plan", figure="wanted")


def asked(choices: Choices) -> bool:
    """Whether it is known when the figures were taken, and they are what there was."""
    return choices.made_at is not None and choices.stock == "set"


def values(choices: Choices) -> dict[str, Any]:
    """As parameters of the statements."""
    return {"made_at": choices.made_at, "carry": choices.meanwhile == "carry"}
