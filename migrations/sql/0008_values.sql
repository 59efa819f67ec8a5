-- What the new columns of the legacy tables say about what is already there.

-- Handles: names folded and hyphenated, numbered on collision.
WITH folded AS (
    SELECT id, coalesce(nullif(btrim(regexp_replace(
               translate(lower(regexp_replace(normalize(name, NFKD), '[\u0300-\u036f]', '', 'g')), 'łđøßæœ', 'ldosao'),
               '[^a-z0-9]+', '-', 'g'), '-'), ''), 'product') AS base
    FROM products WHERE handle IS NULL
), numbered AS (
    SELECT id, base, row_number() OVER (PARTITION BY base ORDER BY id) AS nth FROM folded
)
UPDATE products p
SET handle = CASE WHEN n.nth = 1 THEN n.base ELSE n.base || '-' || n.nth END
FROM numbered n WHERE p.id = n.id;

-- A name that ends in a number may have met a numbered one: the later of the two gets its id behind it.
DO $$
BEGIN
    LOOP
        UPDATE products p SET handle = p.handle || '-' || p.id
        WHERE EXISTS (SELECT FROM products o WHERE o.handle = p.handle AND o.id < p.id);
        EXIT WHEN NOT FOUND;
    END LOOP;
END $$;

-- Orders: what an old shop called finished was confirmed; its numbers stay, an order without one is called after its id.
UPDATE orders o
SET status = m.status,
    confirmed_at = coalesce(o.confirmed_at, CASE WHEN m.status IN ('confirmed', 'returned') THEN o.placed_at END),
    cancelled_at = coalesce(o.cancelled_at, CASE WHEN m.status = 'cancelled' THEN o.updated_at END),
    returned_at = coalesce(o.returned_at, CASE WHEN m.status = 'returned' THEN o.updated_at END)
FROM (
    SELECT id, CASE
        WHEN word IN ('', '0', 'pending', 'cart', 'new', 'draft', 'address', 'delivery', 'payment', 'confirm', 'open')
            THEN 'pending'
        WHEN word IN ('2', 'cancelled', 'canceled', 'void', 'failed') THEN 'cancelled'
        WHEN word IN ('3', 'returned', 'refunded') THEN 'returned'
        ELSE 'confirmed' END AS status
    FROM (SELECT id, lower(btrim(coalesce(status, ''))) AS word FROM orders) w
) m
WHERE m.id = o.id AND o.status IS DISTINCT FROM m.status;

UPDATE orders SET number = nullif(btrim(number), '') WHERE number <> btrim(number) OR number = '';
UPDATE orders SET number = 'L-' || id WHERE number IS NULL;
DO $$
BEGIN
    LOOP
        UPDATE orders o SET number = o.number || '-' || o.id
        WHERE EXISTS (SELECT FROM orders e WHERE e.number = o.number AND e.id < o.id);
        EXIT WHEN NOT FOUND;
    END LOOP;
END $$;

-- Lines of orders that were done with before MagFlow came: they never touch our stock again. Their snapshot is taken now,
-- from what the catalogue still knows; a price that nobody wrote down stays unknown.
UPDATE order_items i
SET stock_source = CASE WHEN o.status = 'pending' THEN 'own' ELSE 'historic' END,
    restocked_quantity = CASE WHEN o.status = 'returned' THEN i.quantity ELSE i.restocked_quantity END
FROM orders o WHERE o.id = i.order_id AND i.stock_source IS NULL;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'order_items'::regclass AND attname = 'price'
               AND NOT attisdropped) THEN
        UPDATE order_items SET unit_price = round(price::numeric, 2)
        WHERE unit_price IS NULL AND stock_source = 'historic' AND price::numeric >= 0;
    END IF;
END $$;

UPDATE order_items i
SET product_id = coalesce(i.product_id, v.product_id),
    product_name = coalesce(i.product_name, p.name),
    variant_sku = coalesce(i.variant_sku, v.sku),
    variant_options_text = coalesce(i.variant_options_text, t.text),
    vat_rate_snapshot = coalesce(i.vat_rate_snapshot, v.vat_rate, p.vat_rate)
FROM variants v
JOIN products p ON p.id = v.product_id
LEFT JOIN (
    SELECT j.variant_id, string_agg(coalesce(nullif(ov.presentation, ''), ov.name), ', '
                                    ORDER BY t.position NULLS LAST, ty.position, ty.id, ov.position, ov.id) AS text
    FROM option_value_variants j
    JOIN variants w ON w.id = j.variant_id
    JOIN option_values ov ON ov.id = j.option_value_id
    JOIN option_types ty ON ty.id = ov.option_type_id
    LEFT JOIN product_option_types t ON t.product_id = w.product_id AND t.option_type_id = ty.id
    GROUP BY j.variant_id
) t ON t.variant_id = v.id
WHERE v.id = i.variant_id AND i.stock_source = 'historic'
  AND (i.product_name IS NULL OR i.variant_sku IS NULL OR i.variant_options_text IS NULL OR i.product_id IS NULL
       OR i.vat_rate_snapshot IS NULL);

UPDATE order_items
SET line_total_gross = quantity * unit_price,
    tax_amount = round(quantity * unit_price - quantity * unit_price / (1 + vat_rate_snapshot / 100), 2)
WHERE stock_source = 'historic' AND unit_price IS NOT NULL AND line_total_gross IS NULL;

UPDATE orders o
SET total_gross = s.gross, total_tax = s.tax
FROM (
    SELECT order_id,
           CASE WHEN count(*) = count(line_total_gross) THEN sum(line_total_gross) END AS gross,
           CASE WHEN count(*) = count(tax_amount) THEN sum(tax_amount) END AS tax
    FROM order_items WHERE stock_source = 'historic' GROUP BY order_id
) s
WHERE s.order_id = o.id AND o.total_gross IS NULL AND o.status <> 'pending' AND s.gross IS NOT NULL;

-- A line without an amount has to be told that its order is closed.
UPDATE order_items i SET frozen = true
FROM orders o WHERE o.id = i.order_id AND o.status <> 'pending' AND i.line_total_gross IS NULL AND NOT i.frozen;

ALTER TABLE products ALTER COLUMN handle SET NOT NULL;
ALTER TABLE orders ALTER COLUMN number SET NOT NULL, ALTER COLUMN status SET NOT NULL;
ALTER TABLE order_items ALTER COLUMN stock_source SET NOT NULL;

-- Lists in their order and searches by prefix, at a million variants; the keys of names.
CREATE UNIQUE INDEX IF NOT EXISTS idx_unique_product_handle ON products (handle);
CREATE UNIQUE INDEX IF NOT EXISTS idx_unique_option_type_name_key ON option_types (name_key);
CREATE UNIQUE INDEX IF NOT EXISTS idx_unique_option_value_name_key ON option_values (option_type_id, name_key);
CREATE UNIQUE INDEX IF NOT EXISTS idx_unique_order_number ON orders (number);
CREATE UNIQUE INDEX IF NOT EXISTS idx_unique_order_external_id ON orders (source, source_account, external_id)
    WHERE external_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS ix_order_items_order_id ON order_items (order_id, id);
CREATE INDEX IF NOT EXISTS ix_order_items_variant_id ON order_items (variant_id);

DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('orders', 'status', 'status IN (''pending'', ''confirmed'', ''cancelled'', ''returned'')'),
            ('orders', 'currency', 'currency ~ ''^[A-Z]{3}$'''),
            ('order_items', 'quantity_positive', 'quantity > 0'),
            ('order_items', 'restocked_at_most_sold', 'restocked_quantity BETWEEN 0 AND quantity'),
            ('order_items', 'price_source', 'price_source IN (''catalogue'', ''marketplace'')'),
            ('order_items', 'stock_source', 'stock_source IN (''own'', ''marketplace'', ''historic'')')
        ) AS w (tbl, name, condition)
    LOOP
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT IF EXISTS %I', wanted.tbl,
                       format('chk_%s_%s', wanted.tbl, wanted.name));
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (%s)', wanted.tbl,
                       format('chk_%s_%s', wanted.tbl, wanted.name), wanted.condition);
    END LOOP;
END $$;
