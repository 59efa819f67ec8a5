"""The catalogue, its stock and its orders as rows of files: a page of rows at a time, by key, in a stable order.

Each page is a short read by itself, so an export of any size holds neither memory nor a transaction.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from magflow.domain.border import INT64_MAX
from magflow.queries import product_lists
from magflow.queries.product_lists import ProductFilter

PAGE: Final = 1_000

Key = tuple[int, int]
START: Final[Key] = (0, 0)


@dataclass(frozen=True)
class VariantLine:
    """A variant with its product, as files tell it."""

    key: Key
    product: Mapping[str, Any]
    variant: Mapping[str, Any]
    options: Sequence[tuple[str, str | None]]
    """(option, value) in the product's order; None where the variant has no value."""
    images: Sequence[str]
    product_images: Sequence[tuple[str, str | None]]
    """(address, text for those who do not see)."""


@dataclass(frozen=True)
class Wanted:
    """What of the catalogue is exported; None: all of it."""

    status: int | None = None
    brand: str | None = None
    category: str | None = None
    text: str | None = None
    """A part of the product's name or of the SKU."""
    product_ids: Sequence[int] | None = None
    """Ascending."""
    products: ProductFilter | None = None
    """A list of products, of which everything else is asked too."""

    @property
    def values(self) -> dict[str, Any]:
        """As parameters of the statements."""
        escaped = None if self.text is None else re.sub(r"([\\%_])", r"\\\1", self.text)
        return {
            "status": self.status,
            "brand": self.brand,
            "category": self.category,
            "part": None if escaped is None else f"%{escaped}%",
            "only_products": None if self.product_ids is None else list(self.product_ids),
            "last_product": INT64_MAX if self.product_ids is None else max(self.product_ids, default=0),
        }


EVERYTHING: Final = Wanted()


@dataclass(frozen=True)
class WantedOrders:
    """Which orders are exported; None: all of them."""

    status: str | None = None
    source: str | None = None
    account: str | None = None
    placed_from: datetime | None = None
    placed_to: datetime | None = None


ALL_ORDERS: Final = WantedOrders()

# By product, then by id: the index on (product_id, sku) finds the products, and within one the ids are sorted.
VARIANTS: Final = text("""
SELECT v.product_id, v.id, p.handle, p.name, p.description, p.brand, p.category, p.archived,
       v.sku, v.title, v.price, v.compare_at_price, v.stock, v.status, v.ean, v.vat_rate,
       (SELECT x.external_id FROM variant_external_ids x
        WHERE x.variant_id = v.id AND x.source = :source AND x.source_account = :account ORDER BY x.id LIMIT 1),
       (SELECT jsonb_agg(jsonb_build_array(t.name, held.name) ORDER BY pt.position, t.id)
        FROM product_option_types pt JOIN option_types t ON t.id = pt.option_type_id
        LEFT JOIN LATERAL (SELECT x.name FROM option_value_variants ov JOIN option_values x ON x.id = ov.option_value_id
                           WHERE ov.variant_id = v.id AND x.option_type_id = t.id LIMIT 1) held ON true
        WHERE pt.product_id = v.product_id),
       (SELECT array_agg(i.url ORDER BY i.position, i.id) FROM variant_images i WHERE i.variant_id = v.id),
       (SELECT jsonb_agg(jsonb_build_array(i.url, i.alt_text) ORDER BY i.position, i.id) FROM variant_images i
        WHERE i.product_id = v.product_id AND i.variant_id IS NULL)
FROM variants v JOIN products p ON p.id = v.product_id
WHERE v.product_id >= :product AND (v.product_id, v.id) > (:product, :variant)
  AND (CAST(:status AS smallint) IS NULL OR v.status = :status)
  AND (CAST(:brand AS text) IS NULL OR p.brand = :brand)
  AND (CAST(:category AS text) IS NULL OR p.category = :category)
  AND (CAST(:part AS text) IS NULL OR p.name ILIKE :part OR v.sku ILIKE :part)
  AND (CAST(:only_products AS bigint[]) IS NULL OR v.product_id = ANY(:only_products))
  AND v.product_id <= :last_product
ORDER BY v.product_id, v.id LIMIT :most""")

MOST_OPTIONS: Final = text("""
SELECT coalesce(max(many), 0) FROM (SELECT count(*) AS many FROM product_option_types GROUP BY product_id) AS each""")

TOO_MANY_OPTIONS: Final = text("""
SELECT p.name FROM products p JOIN product_option_types t ON t.product_id = p.id
GROUP BY p.id HAVING count(*) > :most ORDER BY p.id LIMIT 5""")

STOCK: Final = text("""
SELECT v.product_id, v.id, v.sku, p.name, v.stock FROM variants v JOIN products p ON p.id = v.product_id
WHERE v.product_id >= :product AND (v.product_id, v.id) > (:product, :variant)
  AND (CAST(:status AS smallint) IS NULL OR v.status = :status)
  AND (CAST(:brand AS text) IS NULL OR p.brand = :brand)
  AND (CAST(:category AS text) IS NULL OR p.category = :category)
  AND (CAST(:part AS text) IS NULL OR p.name ILIKE :part OR v.sku ILIKE :part)
  AND (CAST(:only_products AS bigint[]) IS NULL OR v.product_id = ANY(:only_products))
  AND v.product_id <= :last_product
ORDER BY v.product_id, v.id LIMIT :most""")

ORDERS: Final = text("""
SELECT o.id, i.id, o.number, o.external_id, o.status, o.placed_at, o.customer_name, o.customer_email,
       o.customer_phone, o.currency, o.note, coalesce(i.variant_sku, v.sku),
       CASE WHEN o.status = 'pending' THEN p.name ELSE coalesce(i.product_name, p.name) END, i.quantity,
       coalesce(i.unit_price, v.price), i.vat_rate_snapshot
FROM orders o JOIN order_items i ON i.order_id = o.id
LEFT JOIN variants v ON v.id = i.variant_id LEFT JOIN products p ON p.id = v.product_id
WHERE o.id >= :product AND (o.id, i.id) > (:product, :variant)
  AND (CAST(:status AS text) IS NULL OR o.status = :status)
  AND (CAST(:source AS text) IS NULL OR o.source = :source)
  AND (CAST(:account AS text) IS NULL OR o.source_account = :account)
  AND (CAST(:placed_from AS timestamptz) IS NULL OR o.placed_at >= :placed_from)
  AND (CAST(:placed_to AS timestamptz) IS NULL OR o.placed_at < :placed_to)
ORDER BY o.id, i.id LIMIT :most""")
"""Of a pending order the product is named as it is called today, for by that its variant is found again."""


OFFERS: Final = text("""
SELECT o.id, o.sku, o.external_id, o.part_number_key, o.ean, o.sale_price, o.stock, o.number_of_offers,
       o.buy_button_rank, o.status, o.last_synced_at
FROM offers o JOIN marketplace_accounts a ON a.id = o.account_id
WHERE a.source = :source AND a.code = :account AND o.id > :variant ORDER BY o.id LIMIT :most""")


OFFER_ACCOUNTS: Final = text("""
SELECT source, code FROM marketplace_accounts ORDER BY source, code""")


def offers(session: Session, after: Key, *, source: str, account: str) -> list[tuple[Key, Sequence[Any]]]:
    """The next page of an account's offers: key, then the columns of the file."""
    rows = session.execute(OFFERS, {"variant": after[1], "most": PAGE, "source": source, "account": account})
    return [((0, row[0]), tuple(row[1:])) for row in rows]


def listed_products(session: Session, wanted: Wanted, after: int) -> list[int]:
    """The next products of a list, oldest first."""
    return [] if wanted.products is None else product_lists.product_ids(session, wanted.products, after=after)


def offer_accounts(session: Session) -> list[tuple[str, str]]:
    """(source, code) of the accounts whose offers can be exported."""
    return [(row[0], row[1]) for row in session.execute(OFFER_ACCOUNTS)]


def most_options(session: Session) -> int:
    """How many options the product with the most options has."""
    return int(session.scalar(MOST_OPTIONS) or 0)


def with_more_options(session: Session, most: int) -> list[str]:
    """Names of products with more options than a format can hold."""
    return list(session.scalars(TOO_MANY_OPTIONS, {"most": most}))


def variants(session: Session, after: Key, *, source: str, account: str, wanted: Wanted) -> list[VariantLine]:
    """The next page of variants."""
    rows = session.execute(VARIANTS, {**_place(after), **wanted.values, "source": source, "account": account})
    return [_line(row) for row in rows]


def _line(row: Any) -> VariantLine:
    (product_id, variant_id, handle, name, description, brand, category, archived, sku, title, price, compare_at, stock,
     status, ean, vat_rate, external_id, options, images, product_images) = row  # fmt: skip
    return VariantLine(
        (product_id, variant_id),
        {"handle": handle, "name": name, "description": description, "brand": brand, "category": category,
         "archived": archived},
        {"sku": sku, "title": title, "price": price, "compare_at_price": compare_at, "stock": stock, "status": status,
         "ean": ean, "vat_rate": vat_rate, "external_id": external_id},
        [(option, value) for option, value in options or ()],
        images or (),
        [(url, alt) for url, alt in product_images or ()],
    )  # fmt: skip


def stock(session: Session, after: Key, wanted: Wanted) -> list[tuple[Key, str, str, int]]:
    """The next page of (key, SKU, product, stock)."""
    rows = session.execute(STOCK, {**_place(after), **wanted.values})
    return [((row[0], row[1]), row[2], row[3], row[4]) for row in rows]


def order_lines(session: Session, after: Key, wanted: WantedOrders) -> list[tuple[Key, Sequence[Any]]]:
    """The next page of order lines: key, then the columns of the file."""
    rows = session.execute(ORDERS, {**_place(after), **vars(wanted)})
    return [((row[0], row[1]), tuple(row[2:])) for row in rows]


def _place(after: Key) -> dict[str, int | Decimal]:
    return {"product": after[0], "variant": after[1], "most": PAGE}
