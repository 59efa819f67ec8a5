-- The legacy tables take the shape that MagFlow's models have. Times of a Rails shop are UTC: read so, their columns
-- change type without a rewrite.
SET LOCAL timezone = 'UTC';

-- Columns: added where missing, brought to the type, then filled where a value is demanded, then given their default.
-- `fill` also stands for columns that are new: a default of its own is set last, so that adding them rewrites nothing.
DO $$
DECLARE
    wanted record;
    kind text;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            -- table, column, type, fill when it must not be NULL, default, conversion from another type
            ('products', 'id', 'bigint', NULL, NULL, NULL),
            ('products', 'name', 'text', '''Product '' || id', NULL, NULL),
            ('products', 'handle', 'text', NULL, NULL, NULL),
            ('products', 'description', 'text', NULL, NULL, NULL),
            ('products', 'brand', 'text', NULL, NULL, NULL),
            ('products', 'category', 'text', NULL, NULL, NULL),
            ('products', 'vat_rate', 'numeric(5,2)', NULL, NULL, NULL),
            ('products', 'archived', 'boolean', 'false', 'false', NULL),
            ('products', 'archived_at', 'timestamp with time zone', NULL, NULL, NULL),
            ('products', 'version', 'integer', '1', '1', NULL),
            ('products', 'created_at', 'timestamp with time zone', 'clock_timestamp()', 'clock_timestamp()', NULL),
            ('products', 'updated_at', 'timestamp with time zone', 'created_at', 'clock_timestamp()', NULL),
            ('option_types', 'id', 'bigint', NULL, NULL, NULL),
            ('option_types', 'name', 'text', '''Option '' || id', NULL, NULL),
            ('option_types', 'name_key', 'text', NULL, NULL, NULL),
            ('option_types', 'presentation', 'text', NULL, NULL, NULL),
            ('option_types', 'position', 'integer', '0', '0', NULL),
            ('option_types', 'active', 'boolean', 'true', 'true', NULL),
            ('option_values', 'id', 'bigint', NULL, NULL, NULL),
            ('option_values', 'option_type_id', 'bigint', NULL, NULL, NULL),
            ('option_values', 'name', 'text', '''Value '' || id', NULL, NULL),
            ('option_values', 'name_key', 'text', NULL, NULL, NULL),
            ('option_values', 'presentation', 'text', NULL, NULL, NULL),
            ('option_values', 'position', 'integer', '0', '0', NULL),
            ('option_values', 'active', 'boolean', 'true', 'true', NULL),
            ('option_value_variants', 'variant_id', 'bigint', NULL, NULL, NULL),
            ('option_value_variants', 'option_value_id', 'bigint', NULL, NULL, NULL),
            ('product_option_types', 'product_id', 'bigint', NULL, NULL, NULL),
            ('product_option_types', 'option_type_id', 'bigint', NULL, NULL, NULL),
            ('product_option_types', 'position', 'integer', '0', '0', NULL),
            ('variants', 'id', 'bigint', NULL, NULL, NULL),
            ('variants', 'product_id', 'bigint', NULL, NULL, NULL),
            ('variants', 'sku', 'text', NULL, NULL, NULL),
            ('variants', 'title', 'text', NULL, NULL, NULL),
            ('variants', 'price', 'numeric(12,2)', '0', '0', NULL),
            ('variants', 'compare_at_price', 'numeric(12,2)', NULL, NULL, NULL),
            ('variants', 'stock', 'integer', '0', '0', NULL),
            ('variants', 'movement_seq', 'bigint', '0', '0', NULL),
            ('variants', 'status', 'smallint', '1', '1', NULL),
            ('variants', 'options_digest', 'text', NULL, NULL, NULL),
            ('variants', 'external_sku', 'text', NULL, NULL, NULL),
            ('variants', 'ean', 'text', NULL, NULL, NULL),
            ('variants', 'vat_rate', 'numeric(5,2)', NULL, NULL, NULL),
            ('variants', 'version', 'integer', '1', '1', NULL),
            ('variants', 'created_at', 'timestamp with time zone', 'clock_timestamp()', 'clock_timestamp()', NULL),
            ('variants', 'updated_at', 'timestamp with time zone', 'created_at', 'clock_timestamp()', NULL),
            ('orders', 'id', 'bigint', NULL, NULL, NULL),
            ('orders', 'number', 'text', NULL, NULL, NULL),
            ('orders', 'status', 'text', NULL, '''pending''', NULL),
            ('orders', 'source', 'text', '''legacy''', '''magflow''', NULL),
            ('orders', 'source_account', 'text', '''default''', '''default''', NULL),
            ('orders', 'external_id', 'text', NULL, NULL, NULL),
            ('orders', 'customer_name', 'text', NULL, NULL, NULL),
            ('orders', 'customer_email', 'text', NULL, NULL, NULL),
            ('orders', 'customer_phone', 'text', NULL, NULL, NULL),
            ('orders', 'billing_address', 'jsonb', NULL, NULL, 'to_jsonb(billing_address)'),
            ('orders', 'shipping_address', 'jsonb', NULL, NULL, 'to_jsonb(shipping_address)'),
            ('orders', 'currency', 'character(3)', '''RON''', '''RON''',
             'CASE WHEN upper(btrim(currency)) ~ ''^[A-Z]{3}$'' THEN upper(btrim(currency)) ELSE ''RON'' END'),
            ('orders', 'total_gross', 'numeric(14,2)', NULL, NULL, NULL),
            ('orders', 'total_tax', 'numeric(14,2)', NULL, NULL, NULL),
            ('orders', 'blocked_reason', 'text', NULL, NULL, NULL),
            ('orders', 'note', 'text', NULL, NULL, NULL),
            ('orders', 'version', 'integer', '1', '1', NULL),
            ('orders', 'created_at', 'timestamp with time zone', 'clock_timestamp()', 'clock_timestamp()', NULL),
            ('orders', 'updated_at', 'timestamp with time zone', 'created_at', 'clock_timestamp()', NULL),
            ('orders', 'placed_at', 'timestamp with time zone', 'created_at', 'clock_timestamp()', NULL),
            ('orders', 'confirmed_at', 'timestamp with time zone', NULL, NULL, NULL),
            ('orders', 'cancelled_at', 'timestamp with time zone', NULL, NULL, NULL),
            ('orders', 'returned_at', 'timestamp with time zone', NULL, NULL, NULL),
            ('order_items', 'id', 'bigint', NULL, NULL, NULL),
            ('order_items', 'order_id', 'bigint', NULL, NULL, NULL),
            ('order_items', 'product_id', 'bigint', NULL, NULL, NULL),
            ('order_items', 'variant_id', 'bigint', NULL, NULL, NULL),
            ('order_items', 'quantity', 'integer', NULL, NULL, NULL),
            ('order_items', 'restocked_quantity', 'integer', '0', '0', NULL),
            ('order_items', 'price_source', 'text', '''catalogue''', '''catalogue''', NULL),
            ('order_items', 'stock_source', 'text', NULL, '''own''', NULL),
            ('order_items', 'external_id', 'text', NULL, NULL, NULL),
            ('order_items', 'frozen', 'boolean', 'false', 'false', NULL),
            ('order_items', 'product_name', 'text', NULL, NULL, NULL),
            ('order_items', 'variant_sku', 'text', NULL, NULL, NULL),
            ('order_items', 'variant_options_text', 'text', NULL, NULL, NULL),
            ('order_items', 'unit_price', 'numeric(12,2)', NULL, NULL, NULL),
            ('order_items', 'vat_rate_snapshot', 'numeric(5,2)', NULL, NULL, NULL),
            ('order_items', 'currency', 'character(3)', '''RON''', '''RON''',
             'CASE WHEN upper(btrim(currency)) ~ ''^[A-Z]{3}$'' THEN upper(btrim(currency)) ELSE ''RON'' END'),
            ('order_items', 'line_total_gross', 'numeric(14,2)', NULL, NULL, NULL),
            ('order_items', 'tax_amount', 'numeric(14,2)', NULL, NULL, NULL),
            ('order_items', 'created_at', 'timestamp with time zone', 'clock_timestamp()', 'clock_timestamp()', NULL)
        ) AS w (tbl, col, typ, fill, fallback, conversion)
    LOOP
        SELECT format_type(atttypid, atttypmod) INTO kind FROM pg_attribute
        WHERE attrelid = wanted.tbl::regclass AND attname = wanted.col AND NOT attisdropped;
        IF kind IS NULL THEN
            EXECUTE format('ALTER TABLE %I ADD COLUMN %I %s', wanted.tbl, wanted.col,
                           -- a constant default fills old rows without touching them; a time must not do so
                           wanted.typ || CASE WHEN wanted.fill IS NOT NULL AND wanted.fill = wanted.fallback
                                                   AND wanted.fill NOT LIKE '%(%'
                                              THEN ' NOT NULL DEFAULT ' || wanted.fill ELSE '' END);
        ELSIF kind <> wanted.typ THEN
            IF wanted.col <> 'id' THEN
                EXECUTE format('ALTER TABLE %I ALTER COLUMN %I DROP DEFAULT', wanted.tbl, wanted.col);
            END IF;
            EXECUTE format('ALTER TABLE %I ALTER COLUMN %I TYPE %s USING %s', wanted.tbl, wanted.col, wanted.typ,
                           coalesce(wanted.conversion, format('%I::%s', wanted.col, wanted.typ)));
        END IF;
        IF wanted.fill IS NOT NULL THEN
            EXECUTE format('UPDATE %I SET %I = %s WHERE %I IS NULL', wanted.tbl, wanted.col, wanted.fill, wanted.col);
            EXECUTE format('ALTER TABLE %I ALTER COLUMN %I SET NOT NULL', wanted.tbl, wanted.col);
        END IF;
        IF wanted.col <> 'id' THEN
            EXECUTE format('ALTER TABLE %I ALTER COLUMN %I %s', wanted.tbl, wanted.col,
                           coalesce('SET DEFAULT ' || wanted.fallback, 'DROP DEFAULT'));
        END IF;
    END LOOP;
END $$;

-- Join tables: the pair is the key.
DO $$
DECLARE
    wanted record;
    key record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES ('option_value_variants', 'idx_unique_ovv'),
                              ('product_option_types', 'idx_unique_product_option_type')) AS w (tbl, index)
    LOOP
        IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = wanted.tbl::regclass AND contype = 'p'
                   AND conname = wanted.index) THEN
            CONTINUE;
        END IF;
        FOR key IN SELECT conname FROM pg_constraint WHERE conrelid = wanted.tbl::regclass AND contype = 'p' LOOP
            EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', wanted.tbl, key.conname);
        END LOOP;
        EXECUTE format('ALTER TABLE %I DROP COLUMN IF EXISTS id', wanted.tbl);
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I PRIMARY KEY USING INDEX %I',
                       wanted.tbl, wanted.index, wanted.index);
    END LOOP;
END $$;

-- Ids: a sequence that the column owns, behind the highest id, whatever the old shop used.
DO $$
DECLARE
    tbl text;
    sequence text;
    highest bigint;
    key text;
BEGIN
    FOREACH tbl IN ARRAY ARRAY['products', 'variants', 'option_types', 'option_values', 'orders', 'order_items'] LOOP
        IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = tbl::regclass AND attname = 'id' AND attidentity = '') THEN
            sequence := pg_get_serial_sequence(tbl, 'id');
            EXECUTE format('ALTER TABLE %I ALTER COLUMN id DROP DEFAULT', tbl);
            IF sequence IS NOT NULL THEN
                EXECUTE format('DROP SEQUENCE %s', sequence);
            END IF;
            EXECUTE format('ALTER TABLE %I ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY', tbl);
            EXECUTE format('SELECT max(id) FROM %I', tbl) INTO highest;
            PERFORM setval(pg_get_serial_sequence(tbl, 'id'), greatest(highest, 1), highest IS NOT NULL);
        END IF;
        SELECT conname INTO key FROM pg_constraint WHERE conrelid = tbl::regclass AND contype = 'p';
        IF key <> 'pk_' || tbl THEN
            EXECUTE format('ALTER TABLE %I RENAME CONSTRAINT %I TO %I', tbl, key, 'pk_' || tbl);
        END IF;
    END LOOP;
END $$;

-- A value whose option is gone keeps one to hang on to; nothing uses it any more.
DO $$
DECLARE
    stand_in bigint;
BEGIN
    IF EXISTS (SELECT FROM option_values v WHERE NOT EXISTS (
                   SELECT FROM option_types t WHERE t.id = v.option_type_id)) THEN
        INSERT INTO option_types (name, active) VALUES ('Lost option', false) RETURNING id INTO stand_in;
        INSERT INTO adoption_changes (rule, table_name, row_id, old)
        SELECT 'value_without_option', 'option_values', id, jsonb_build_object('option_type_id', option_type_id)
        FROM option_values v WHERE NOT EXISTS (SELECT FROM option_types t WHERE t.id = v.option_type_id);
        UPDATE option_values v SET option_type_id = stand_in, active = false
        WHERE NOT EXISTS (SELECT FROM option_types t WHERE t.id = v.option_type_id);
    END IF;
END $$;

ALTER TABLE option_values ALTER COLUMN option_type_id SET NOT NULL;
ALTER TABLE order_items ALTER COLUMN order_id SET NOT NULL, ALTER COLUMN quantity SET NOT NULL;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'fk_option_values_option_type_id') THEN
        ALTER TABLE option_values ADD CONSTRAINT fk_option_values_option_type_id
            FOREIGN KEY (option_type_id) REFERENCES option_types (id) ON DELETE RESTRICT;
    END IF;
END $$;
