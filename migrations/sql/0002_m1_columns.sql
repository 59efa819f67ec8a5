-- M1: columns. What an old shop already has stays; a type that is too short or of another kind is widened.

-- A table that an old shop never had.
CREATE TABLE IF NOT EXISTS option_types (id bigserial PRIMARY KEY, name varchar);
CREATE TABLE IF NOT EXISTS option_values (id bigserial PRIMARY KEY, option_type_id bigint, name varchar);
CREATE TABLE IF NOT EXISTS option_value_variants (variant_id bigint, option_value_id bigint);
CREATE TABLE IF NOT EXISTS product_option_types (product_id bigint, option_type_id bigint);
CREATE TABLE IF NOT EXISTS orders (id bigserial PRIMARY KEY);
CREATE TABLE IF NOT EXISTS order_items (id bigserial PRIMARY KEY, order_id bigint);

ALTER TABLE products
    ADD COLUMN IF NOT EXISTS name text,
    ADD COLUMN IF NOT EXISTS vat_rate numeric(5, 2);

-- Variants of a shop without a status were all on sale.
ALTER TABLE variants
    ADD COLUMN IF NOT EXISTS status smallint DEFAULT 0,
    ADD COLUMN IF NOT EXISTS options_digest text,
    ADD COLUMN IF NOT EXISTS external_sku text,
    ADD COLUMN IF NOT EXISTS sku text,
    ADD COLUMN IF NOT EXISTS price numeric(12, 2),
    ADD COLUMN IF NOT EXISTS stock integer,
    ADD COLUMN IF NOT EXISTS vat_rate numeric(5, 2);

ALTER TABLE option_types ADD COLUMN IF NOT EXISTS presentation text, ADD COLUMN IF NOT EXISTS position integer;
ALTER TABLE option_values ADD COLUMN IF NOT EXISTS presentation text, ADD COLUMN IF NOT EXISTS position integer;
ALTER TABLE product_option_types ADD COLUMN IF NOT EXISTS position integer;

ALTER TABLE orders ADD COLUMN IF NOT EXISTS number text;

ALTER TABLE order_items
    ADD COLUMN IF NOT EXISTS product_id bigint,
    ADD COLUMN IF NOT EXISTS variant_id bigint,
    ADD COLUMN IF NOT EXISTS quantity integer,
    ADD COLUMN IF NOT EXISTS product_name text,
    ADD COLUMN IF NOT EXISTS variant_sku text,
    ADD COLUMN IF NOT EXISTS variant_options_text text,
    ADD COLUMN IF NOT EXISTS unit_price numeric(12, 2),
    ADD COLUMN IF NOT EXISTS vat_rate_snapshot numeric(5, 2),
    ADD COLUMN IF NOT EXISTS currency char(3) DEFAULT 'RON',
    ADD COLUMN IF NOT EXISTS line_total_gross numeric(14, 2),
    ADD COLUMN IF NOT EXISTS tax_amount numeric(14, 2);

-- `order_items.variant_id` may become NULL; and no column of an old shop that MagFlow does not know may demand a value.
-- What must not be NULL is said again by M3 and by the steps after it.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT a.attrelid::regclass AS tbl, a.attname AS name FROM pg_attribute a
        WHERE a.attrelid::regclass::text IN ('products', 'variants', 'option_types', 'option_values',
                                             'option_value_variants', 'product_option_types', 'orders', 'order_items')
          AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
          AND NOT EXISTS (SELECT FROM pg_constraint c
                          WHERE c.conrelid = a.attrelid AND c.contype = 'p' AND a.attnum = ANY (c.conkey))
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', found.tbl, found.name);
    END LOOP;
END $$;

DO $$
BEGIN
    -- Many options overflow a short column; identifiers of any length are allowed.
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'variants'::regclass AND attname = 'options_digest'
               AND atttypid <> 'text'::regtype) THEN
        ALTER TABLE variants ALTER COLUMN options_digest TYPE text;
    END IF;
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'variants'::regclass AND attname = 'sku'
               AND atttypid <> 'text'::regtype) THEN
        ALTER TABLE variants ALTER COLUMN sku TYPE text;
    END IF;
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'variants'::regclass AND attname = 'external_sku'
               AND atttypid <> 'text'::regtype) THEN
        ALTER TABLE variants ALTER COLUMN external_sku TYPE text USING external_sku::text;
    END IF;
    -- 0 is active, everything else is a draft; a status kept as a word is understood.
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'variants'::regclass AND attname = 'status'
               AND atttypid <> 'smallint'::regtype) THEN
        ALTER TABLE variants ALTER COLUMN status DROP DEFAULT;
        ALTER TABLE variants ALTER COLUMN status TYPE smallint
            USING CASE WHEN lower(coalesce(status::text, '0')) IN ('0', 'active') THEN 0 ELSE 1 END;
    END IF;
    -- An old shop may count its orders' states under the name `state`, or in numbers.
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'status') THEN
        ALTER TABLE orders ADD COLUMN status text;
        IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'state'
                   AND NOT attisdropped) THEN
            EXECUTE 'UPDATE orders SET status = state::text';
        END IF;
    END IF;
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'status'
               AND atttypid <> 'text'::regtype) THEN
        ALTER TABLE orders ALTER COLUMN status DROP DEFAULT;
        ALTER TABLE orders ALTER COLUMN status TYPE text USING status::text;
    END IF;
END $$;

UPDATE variants SET status = CASE WHEN coalesce(status, 0) = 0 THEN 0 ELSE 1 END
WHERE status IS NULL OR status NOT IN (0, 1);
