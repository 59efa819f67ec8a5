"""`stock.changed` after a sale: written when the news of the order goes out, so that a till does not wait for it.

Every other change of stock writes its news itself (`ledger`).
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute

SOLD: Final = """
INSERT INTO events (type, payload)
SELECT 'stock.changed', jsonb_build_object('variant_id', v.id, 'sku', v.sku, 'stock', v.stock)
FROM variants v
WHERE v.id = ANY (ARRAY(SELECT variant_id FROM order_items WHERE order_id = %(order)s AND stock_source = 'own'))
ORDER BY v.id"""


def order_confirmed(session: Session, _kind: str, payload: Mapping[str, Any]) -> None:
    """Tell the stock of everything that the order took, as it stands by now; each variant once."""
    execute(session, SOLD, {"order": payload["order_id"]})
