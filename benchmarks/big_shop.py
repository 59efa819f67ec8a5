"""A shop of a million variants, filled by set-based SQL: `python -m benchmarks.big_shop` says what that took.

Same names as the reference's lists: product 777 has the SKUs P0777-C0-S0 to P0777-C9-S9. Most rows are ordinary; some
are drafts, some sold out, a few lack a value or hold one that is no longer offered, so that every list has something.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Final

import psycopg
from psycopg import sql

from benchmarks.ground import SHOP, ground

VARIANTS: Final = 1_000_000
A_PRODUCT: Final = 100
"""Variants of one product: ten sizes of ten colours."""

FILL: Final = (
    """
INSERT INTO products (id, name, handle, brand, category, archived)
SELECT g + 1, 'Product ' || g || ' ' || (ARRAY['Cămașă', 'Tricou', 'Rochie', 'Geacă', 'Șapcă'])[1 + g %% 5],
       'product-' || g, 'Brand ' || g %% 50, 'Category ' || g %% 20, g %% 100 = 99
FROM generate_series(0, %(products)s - 1) g""",
    """
INSERT INTO option_types (id, name, name_key, position) VALUES (1, 'Colour', 'colour', 0), (2, 'Size', 'size', 1)""",
    """
INSERT INTO option_values (id, option_type_id, name, name_key, position)
SELECT 10 * type + n, type, word || ' ' || n, lower(word) || ' ' || n, n
FROM (VALUES (1, 'Colour'), (2, 'Size')) t (type, word), generate_series(0, 9) n""",
    """
INSERT INTO product_option_types (product_id, option_type_id, position)
SELECT p.id, t.id, t.position FROM products p, option_types t""",
    # The last product no longer offers its first colour.
    """
INSERT INTO product_option_values (product_id, option_value_id, position)
SELECT p.id, v.id, v.position FROM products p, option_values v WHERE NOT (p.id = %(products)s - 1 AND v.id = 10)""",
    """
INSERT INTO variants (id, product_id, sku, title, price, compare_at_price, stock, status, ean, options_digest)
SELECT p * 100 + c * 10 + s + 1, p + 1, 'P' || lpad(p::text, 4, '0') || '-C' || c || '-S' || s,
       'Product ' || p || ' colour ' || c || ' size ' || s, 10 + (p * 7 + c * 3 + s) %% 500 + 0.99, NULL,
       CASE WHEN (p + s) %% 13 = 0 THEN 0 ELSE (p * 31 + c * 17 + s * 7) %% 400 END,
       CASE WHEN p %% 100 = 99 OR (p + c) %% 10 = 9 THEN 1 ELSE 0 END, (5940000000000 + p * 100 + c * 10 + s)::text,
       (10 + c) || '-' || (20 + s)
FROM generate_series(0, %(products)s - 1) p, generate_series(0, 9) c, generate_series(0, 9) s""",
    # One in fifty thousand never got its size.
    """
INSERT INTO option_value_variants (variant_id, option_value_id)
SELECT v.id, value FROM variants v, unnest(string_to_array(v.options_digest, '-')::bigint[]) AS value
WHERE NOT (v.id %% 50000 = 77 AND value >= 20)""",
    "UPDATE variants SET options_digest = split_part(options_digest, '-', 1) WHERE id %% 50000 = 77",
    "SELECT setval(pg_get_serial_sequence('products', 'id'), %(products)s)",
    "SELECT setval(pg_get_serial_sequence('variants', 'id'), %(products)s * 100 + 1)",
    "SELECT setval(pg_get_serial_sequence('option_types', 'id'), 10)",
    "SELECT setval(pg_get_serial_sequence('option_values', 'id'), 100)",
)

UNWATCHED: Final = ("products", "variants", "option_types", "option_values", "product_option_types")
SLOW_TO_GROW: Final = ("variants", "option_value_variants", "product_option_values")


def fill(admin: str, variants: int = VARIANTS) -> float:
    """Fill an empty, migrated shop, as its database's administrator. Returns the seconds that it took."""
    began = time.perf_counter()
    with psycopg.connect(admin) as connection:
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
            # What is inserted below refers to what is there; only the server's superuser can spare it the look.
            connection.execute("SET LOCAL session_replication_role = replica")
        with _without_indexes(connection), _without_audit(connection):
            for statement in FILL:
                connection.execute(statement, {"products": variants // A_PRODUCT})
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE, FREEZE)")
        connection.execute("CHECKPOINT")
    return time.perf_counter() - began


@contextlib.contextmanager
def _without_indexes(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[None]:
    """Indexes that hold no constraint are built once, at the end, instead of row by row."""
    found = connection.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i "
        "WHERE i.indrelid::regclass::text = ANY(%s) AND NOT i.indisunique",
        [list(SLOW_TO_GROW)],
    ).fetchall()
    for name, _definition in found:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(str(name))))
    yield
    connection.execute("SET LOCAL maintenance_work_mem = '512MB'")
    for _name, definition in found:
        connection.execute(str(definition))  # type: ignore[call-overload]


@contextlib.contextmanager
def _without_audit(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[None]:
    """The audit log need not tell that a benchmark made its shop; the stock ledger goes on."""
    for doing in ("DISABLE", "ENABLE ALWAYS"):
        for table in UNWATCHED:
            connection.execute(
                sql.SQL("ALTER TABLE {} " + doing + " TRIGGER {}").format(
                    sql.Identifier(table), sql.Identifier(f"{table}_audit_added")
                )
            )
        if doing == "DISABLE":
            yield


def main() -> None:
    """Fill a passing shop and say how long it took and how large it is."""
    variants = int(os.environ.get("LIMIT_LIST_ROWS", VARIANTS))
    with ground() as place:
        place.new_shop()
        seconds = fill(place.admin_of(SHOP), variants)
        with psycopg.connect(place.admin_of(SHOP)) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    print(json.dumps({"variants": variants, "seconds": round(seconds, 1), "bytes": row[0] if row else 0}))


if __name__ == "__main__":
    sys.exit(main())
