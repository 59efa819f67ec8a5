"""The questions of `magflow audit`: each a statement whose rows are what is wrong (domain 5, reliability 2.14)."""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True)
class Question:
    """One check; `meaning` says what its rows are."""

    name: str
    severity: Literal["critical", "warning"]
    meaning: str
    statement: str


def _critical(name: str, meaning: str, statement: str) -> Question:
    return Question(name, "critical", meaning, statement)


def _warning(name: str, meaning: str, statement: str) -> Question:
    return Question(name, "warning", meaning, statement)


CATALOGUE: Final = (
    _critical(
        "duplicate_sku",
        "several variants of one product have the same SKU",
        """SELECT product_id, sku, array_agg(id ORDER BY id) AS variant_ids FROM variants
           GROUP BY product_id, sku HAVING count(*) > 1 ORDER BY product_id, sku""",
    ),
    _critical(
        "duplicate_external_sku",
        "several variants have the same external SKU",
        """SELECT external_sku, array_agg(id ORDER BY id) AS variant_ids FROM variants WHERE external_sku IS NOT NULL
           GROUP BY external_sku HAVING count(*) > 1 ORDER BY external_sku""",
    ),
    _critical(
        "duplicate_active_options",
        "several active variants of one product have the same options",
        """SELECT product_id, options_digest, array_agg(id ORDER BY id) AS variant_ids FROM variants
           WHERE status = 0 AND options_digest IS NOT NULL
           GROUP BY product_id, options_digest HAVING count(*) > 1 ORDER BY product_id""",
    ),
    _critical(
        "surplus_active_default",
        "a product has several active variants without options",
        """SELECT product_id, array_agg(id ORDER BY id) AS variant_ids FROM variants
           WHERE status = 0 AND options_digest IS NULL GROUP BY product_id HAVING count(*) > 1 ORDER BY product_id""",
    ),
    _critical(
        "invalid_price",
        "a price is missing or negative",
        "SELECT id AS variant_id, price FROM variants WHERE price IS NULL OR price < 0 OR price = 'NaN' ORDER BY id",
    ),
    _critical(
        "invalid_stock",
        "a stock is missing or negative",
        "SELECT id AS variant_id, stock FROM variants WHERE stock IS NULL OR stock < 0 ORDER BY id",
    ),
    _critical(
        "several_values_of_one_type",
        "a variant holds several values of one option",
        """SELECT j.variant_id, o.option_type_id, array_agg(o.id ORDER BY o.id) AS option_value_ids
           FROM option_value_variants j JOIN option_values o ON o.id = j.option_value_id
           GROUP BY j.variant_id, o.option_type_id HAVING count(DISTINCT o.id) > 1
           ORDER BY j.variant_id, o.option_type_id""",
    ),
    _critical(
        "stale_digest",
        "a variant's digest is not the one of its values",
        """SELECT v.id AS variant_id, v.options_digest, d.digest AS expected
           FROM variants v
           LEFT JOIN (
               SELECT j.variant_id, string_agg(o.id::text, '-' ORDER BY o.id) AS digest
               FROM option_value_variants j
               JOIN variants w ON w.id = j.variant_id
               JOIN option_values o ON o.id = j.option_value_id
               JOIN product_option_types t ON t.product_id = w.product_id AND t.option_type_id = o.option_type_id
               GROUP BY j.variant_id
           ) d ON d.variant_id = v.id
           WHERE v.options_digest IS DISTINCT FROM d.digest ORDER BY v.id""",
    ),
    _critical(
        "orphan_variant",
        "a variant has no product",
        """SELECT v.id AS variant_id, v.product_id FROM variants v
           WHERE NOT EXISTS (SELECT FROM products p WHERE p.id = v.product_id) ORDER BY v.id""",
    ),
    _critical(
        "orphan_variant_value",
        "a row joins a variant and a value, one of which does not exist",
        """SELECT j.variant_id, j.option_value_id FROM option_value_variants j
           WHERE NOT EXISTS (SELECT FROM variants v WHERE v.id = j.variant_id)
              OR NOT EXISTS (SELECT FROM option_values o WHERE o.id = j.option_value_id)
           ORDER BY j.variant_id, j.option_value_id""",
    ),
)

LEDGER: Final = (
    _critical(
        "ledger_balance",
        "a stock is not what its movements say",
        """SELECT v.id AS variant_id, v.sku, v.stock, coalesce(m.total, 0) AS movements, l.balance_after,
                  v.movement_seq, coalesce(m.last, 0) AS last_movement
           FROM variants v
           LEFT JOIN (SELECT variant_id, sum(delta) AS total, max(seq) AS last FROM stock_movements
                      GROUP BY variant_id) m ON m.variant_id = v.id
           LEFT JOIN stock_movements l ON l.variant_id = v.id AND l.seq = v.movement_seq
           WHERE v.stock <> coalesce(m.total, 0) OR v.stock <> coalesce(l.balance_after, 0)
              OR v.movement_seq <> coalesce(m.last, 0)
           ORDER BY v.id""",
    ),
    _critical(
        "ledger_chain",
        "a movement is missing, or does not follow from the one before",
        """SELECT variant_id, seq, delta, balance_after, expected FROM (
               SELECT variant_id, seq, delta, balance_after,
                      row_number() OVER steps AS nth,
                      coalesce(lag(balance_after) OVER steps, 0) + delta AS expected
               FROM stock_movements WINDOW steps AS (PARTITION BY variant_id ORDER BY seq)
           ) m WHERE seq <> nth OR balance_after <> expected ORDER BY variant_id, seq""",
    ),
    _critical(
        "ledger_of_deleted_variants",
        "a variant is gone, but its movements do not end at zero",
        """SELECT m.variant_id, sum(m.delta) AS left_over FROM stock_movements m
           WHERE NOT EXISTS (SELECT FROM variants v WHERE v.id = m.variant_id)
           GROUP BY m.variant_id HAVING sum(m.delta) <> 0 ORDER BY m.variant_id""",
    ),
)

ORDERS: Final = (
    _critical(
        "incomplete_snapshot",
        "a line of a confirmed order does not say what was sold",
        """SELECT o.id AS order_id, i.id AS order_item_id FROM orders o JOIN order_items i ON i.order_id = o.id
           WHERE o.confirmed_at IS NOT NULL AND i.stock_source <> 'historic'
             AND (i.unit_price IS NULL OR i.line_total_gross IS NULL OR i.tax_amount IS NULL
                  OR i.vat_rate_snapshot IS NULL OR (i.product_name IS NULL AND i.variant_sku IS NULL))
           ORDER BY o.id, i.id""",
    ),
    _critical(
        "line_total",
        "a line's amount is not its quantity times its price",
        """SELECT order_id, id AS order_item_id, quantity, unit_price, line_total_gross FROM order_items
           WHERE line_total_gross <> quantity * unit_price
              OR tax_amount <> round(line_total_gross - line_total_gross / (1 + vat_rate_snapshot / 100), 2)
           ORDER BY order_id, id""",
    ),
    _critical(
        "order_total",
        "an order's total is not the sum of its lines",
        """SELECT o.id AS order_id, o.total_gross, s.gross, o.total_tax, s.tax
           FROM orders o
           JOIN (SELECT order_id, sum(line_total_gross) AS gross, sum(tax_amount) AS tax, count(*) AS lines,
                        count(line_total_gross) AS known, count(tax_amount) AS taxed
                 FROM order_items GROUP BY order_id) s ON s.order_id = o.id
           WHERE o.confirmed_at IS NOT NULL AND s.lines = s.known
             AND (o.total_gross IS DISTINCT FROM s.gross OR (s.lines = s.taxed AND o.total_tax IS DISTINCT FROM s.tax))
           ORDER BY o.id""",
    ),
    _critical(
        "sold_without_movement",
        "what an order sold of our stock is not what was taken for it",
        """SELECT coalesce(o.order_id, m.order_id) AS order_id, o.sold, m.taken
           FROM (SELECT i.order_id, sum(i.quantity) AS sold FROM order_items i JOIN orders o ON o.id = i.order_id
                 WHERE o.confirmed_at IS NOT NULL AND i.stock_source = 'own' GROUP BY i.order_id) o
           FULL JOIN (SELECT source_id AS order_id, -sum(delta) AS taken FROM stock_movements
                      WHERE source_type = 'order' AND reason = 'sale' GROUP BY source_id) m USING (order_id)
           WHERE o.sold IS DISTINCT FROM m.taken ORDER BY 1""",
    ),
    _critical(
        "restocked_more_than_sold",
        "more came back than was sold, or the line and its restocks disagree",
        """SELECT i.order_id, i.id AS order_item_id, i.quantity, i.restocked_quantity, coalesce(r.back, 0) AS restocks
           FROM order_items i
           LEFT JOIN (SELECT order_item_id, sum(quantity) AS back FROM restocks GROUP BY order_item_id) r
             ON r.order_item_id = i.id
           WHERE i.restocked_quantity > i.quantity OR i.restocked_quantity < 0
              OR (i.restocked_quantity <> coalesce(r.back, 0) AND i.stock_source <> 'historic')
           ORDER BY i.order_id, i.id""",
    ),
    _critical(
        "restock_without_movement",
        "what a restock brought back to stock is not what its movements say",
        """SELECT coalesce(r.document_id, m.document_id) AS document_id, r.back, m.booked
           FROM (SELECT document_id, sum(quantity) AS back FROM restocks WHERE reached_stock GROUP BY document_id) r
           FULL JOIN (SELECT source_id AS document_id, sum(delta) AS booked FROM stock_movements
                      WHERE source_type = 'restock' AND reason = 'restock' GROUP BY source_id) m USING (document_id)
           WHERE r.back IS DISTINCT FROM m.booked ORDER BY 1""",
    ),
    _warning(
        "line_without_variant",
        "a confirmed order's line points at no variant any more; its snapshot still tells what was sold",
        """SELECT o.id AS order_id, i.id AS order_item_id, i.variant_sku FROM orders o
           JOIN order_items i ON i.order_id = o.id
           WHERE o.confirmed_at IS NOT NULL AND i.variant_id IS NULL ORDER BY o.id, i.id""",
    ),
)

OPERATIONS: Final = (
    _warning(
        "unanswered_key",
        "an idempotency key was kept without its answer",
        "SELECT actor_kind, actor_id, method, route, created_at FROM idempotency_keys WHERE status IS NULL",
    ),
    _warning(
        "stalled_job",
        "a job is held by a worker that has not been heard of for five minutes",
        """SELECT j.id AS job_id, j.task_name FROM procrastinate_jobs j
           LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
           WHERE j.status = 'doing'
             AND (w.id IS NULL OR w.last_heartbeat < clock_timestamp() - interval '5 minutes') ORDER BY j.id""",
    ),
)

# The guards that a sound database has; their absence is found, not only their being switched off.
GUARDS: Final = """(VALUES
    ('variants', 'variants_ledger_number'), ('variants', 'variants_ledger_fixed'), ('variants', 'variants_ledger_open'),
    ('variants', 'zz_variants_ledger'), ('variants', 'zz_variants_ledger_close'), ('variants', 'variants_no_truncate'),
    ('stock_movements', 'stock_movements_append_only'), ('stock_movements', 'stock_movements_no_truncate'),
    ('restocks', 'restocks_append_only'), ('restocks', 'restocks_no_truncate'),
    ('refunds', 'refunds_guard'), ('refunds', 'refunds_append_only'), ('refunds', 'refunds_no_truncate'),
    ('orders', 'orders_born_pending'), ('orders', 'orders_guard'), ('orders', 'orders_keep'),
    ('orders', 'orders_no_truncate'), ('orders', 'orders_audit'),
    ('order_items', 'order_items_guard'), ('order_items', 'order_items_guard_update'),
    ('order_items', 'order_items_no_truncate'), ('order_items', 'order_items_audit'),
    ('audit_log', 'audit_log_append_only'), ('audit_log', 'audit_log_no_truncate'),
    ('variants', 'variants_audit'), ('variants', 'variants_audit_added'), ('variants', 'variants_audit_update'),
    ('users', 'users_audit'), ('api_tokens', 'api_tokens_audit'), ('products', 'products_audit')
) AS g (tbl, name)"""

SERVER: Final = (
    _critical(
        "guard_missing",
        "a trigger that protects the data is missing or not in mode ALWAYS",
        f"""SELECT g.tbl AS "table", g.name AS "trigger", t.tgenabled::text AS mode FROM {GUARDS}
            LEFT JOIN pg_trigger t ON t.tgrelid = to_regclass('public.' || g.tbl) AND t.tgname = g.name
            WHERE t.tgenabled IS DISTINCT FROM 'A'
            UNION
            SELECT t.tgrelid::regclass::text, t.tgname::text, t.tgenabled::text FROM pg_trigger t
            JOIN pg_proc p ON p.oid = t.tgfoid
            WHERE NOT t.tgisinternal AND p.proname LIKE 'magflow\\_%' AND t.tgenabled <> 'A'
            ORDER BY 1, 2""",
    ),
    _critical(
        "constraint_not_validated",
        "a constraint was never checked against the rows that were there before it",
        """SELECT conrelid::regclass::text AS "table", conname::text AS "constraint" FROM pg_constraint
           WHERE NOT convalidated AND connamespace = 'public'::regnamespace ORDER BY 1, 2""",
    ),
    _critical(
        "index_invalid",
        "an index is broken or half-built",
        """SELECT i.indexrelid::regclass::text AS "index" FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
           WHERE NOT (i.indisvalid AND i.indisready) AND c.relnamespace = 'public'::regnamespace ORDER BY 1""",
    ),
    _warning(
        "role_too_strong",
        "the role that the application connects as could break the invariants by hand-written SQL",
        """SELECT current_user::text AS role, w.may FROM (
               SELECT 'do anything, as a superuser' AS may FROM pg_roles WHERE rolname = current_user AND rolsuper
               UNION ALL
               SELECT 'do anything with ' || c.relname || ', which it owns' FROM pg_class c
               WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ('variants', 'stock_movements', 'orders',
                   'order_items', 'audit_log') AND pg_has_role(c.relowner, 'MEMBER')
               UNION ALL
               SELECT privilege || ' ' || tbl FROM (VALUES
                   ('INSERT', 'stock_movements'), ('UPDATE', 'stock_movements'), ('DELETE', 'stock_movements'),
                   ('INSERT', 'audit_log'), ('UPDATE', 'audit_log'), ('DELETE', 'audit_log'),
                   ('TRUNCATE', 'variants'), ('TRUNCATE', 'orders'), ('TRUNCATE', 'order_items'),
                   ('INSERT', 'order_status_moves'), ('TRIGGER', 'variants'), ('TRIGGER', 'orders')
               ) AS p (privilege, tbl) WHERE has_table_privilege('public.' || tbl, privilege)
               UNION ALL
               SELECT 'create objects in the schema' WHERE has_schema_privilege('public', 'CREATE')
           ) w ORDER BY 2""",
    ),
    _warning(
        "server_may_lose_data",
        "a setting of the server allows that confirmed data are lost when the power goes",
        """SELECT name, setting FROM pg_settings
           WHERE (name IN ('fsync', 'full_page_writes') AND setting <> 'on')
              OR (name = 'synchronous_commit' AND setting = 'off') ORDER BY name""",
    ),
)

CHECKS: Final[tuple[Question, ...]] = (*CATALOGUE, *LEDGER, *ORDERS, *OPERATIONS, *SERVER)
