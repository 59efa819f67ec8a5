"""What pending orders lack, and who else waits for the same units. Computed when it is asked for; it locks nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Lack:
    """What an order cannot be confirmed for: too few units, or a variant that is inactive or gone."""

    order_id: int
    variant_id: int | None
    sku: str
    wanted: int
    available: int
    active: bool

    @property
    def missing(self) -> int:
        """Units that are not there."""
        return self.wanted - (self.available if self.active else 0)


@dataclass(frozen=True)
class Claim:
    """A pending order that has the same variant on it: its units are reserved too."""

    variant_id: int
    order_id: int
    number: str
    source: str
    quantity: int


LACKS: Final = text("""
SELECT i.order_id, i.variant_id, coalesce(v.sku, i.variant_sku, i.product_name, ''), sum(i.quantity)::int,
       coalesce(v.stock, 0), coalesce(v.status = 0, false)
FROM order_items i JOIN orders o ON o.id = i.order_id LEFT JOIN variants v ON v.id = i.variant_id
WHERE i.order_id = ANY(:orders) AND o.status = 'pending' AND i.stock_source = 'own'
GROUP BY i.order_id, i.variant_id, v.id, coalesce(v.sku, i.variant_sku, i.product_name, '')
HAVING v.id IS NULL OR v.status <> 0 OR sum(i.quantity) > v.stock
ORDER BY 1, 3""")

CLAIMS: Final = text("""
SELECT i.variant_id, o.id, o.number, o.source, sum(i.quantity)::int
FROM order_items i JOIN orders o ON o.id = i.order_id
WHERE i.variant_id = ANY(:variants) AND o.status = 'pending' AND i.stock_source = 'own' AND o.id <> :order
GROUP BY i.variant_id, o.id ORDER BY o.id LIMIT :most""")

MOST_CLAIMS: Final = 200


def lacks(session: Session, order_ids: Collection[int]) -> dict[int, list[Lack]]:
    """Per pending order what is missing; orders that nothing is missing of are not in it. One statement."""
    found: dict[int, list[Lack]] = {}
    if order_ids:
        for row in session.execute(LACKS, {"orders": list(order_ids)}):
            found.setdefault(row[0], []).append(Lack(*row))
    return found


def claims(session: Session, variant_ids: Collection[int], *, besides: int) -> Mapping[int, Sequence[Claim]]:
    """Per variant the other pending orders that want it, oldest first. One statement."""
    found: dict[int, list[Claim]] = {}
    if variant_ids:
        asked = {"variants": list(variant_ids), "order": besides, "most": MOST_CLAIMS}
        for row in session.execute(CLAIMS, asked):
            found.setdefault(row[0], []).append(Claim(*row))
    return found
