-- M3: constraints and indexes of sections 1 and 2 of the domain page, by the names that programs know. What is already
-- there in the same shape is left alone; the same name in another shape is replaced.

-- Keys of rows, where an old shop has none.
DO $$
DECLARE
    tbl text;
BEGIN
    FOREACH tbl IN ARRAY ARRAY['products', 'variants', 'option_types', 'option_values', 'orders', 'order_items'] LOOP
        IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = tbl::regclass AND contype = 'p') THEN
            EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (id)', tbl);
        END IF;
    END LOOP;
END $$;

ALTER TABLE variants
    ALTER COLUMN product_id SET NOT NULL,
    ALTER COLUMN sku SET NOT NULL,
    ALTER COLUMN price SET NOT NULL,
    ALTER COLUMN price SET DEFAULT 0,
    ALTER COLUMN stock SET NOT NULL,
    ALTER COLUMN stock SET DEFAULT 0,
    ALTER COLUMN status SET NOT NULL,
    ALTER COLUMN status SET DEFAULT 1;

ALTER TABLE option_value_variants ALTER COLUMN variant_id SET NOT NULL, ALTER COLUMN option_value_id SET NOT NULL;
ALTER TABLE product_option_types ALTER COLUMN product_id SET NOT NULL, ALTER COLUMN option_type_id SET NOT NULL;

DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('idx_unique_sku_per_product', 'variants', '(product_id, sku)'),
            ('idx_unique_active_options_per_product', 'variants',
             '(product_id, options_digest) WHERE ((options_digest IS NOT NULL) AND (status = 0))'),
            ('idx_unique_active_default_variant', 'variants',
             '(product_id) WHERE ((options_digest IS NULL) AND (status = 0))'),
            ('idx_unique_external_sku', 'variants', '(external_sku) WHERE (external_sku IS NOT NULL)'),
            ('idx_unique_ovv', 'option_value_variants', '(variant_id, option_value_id)'),
            ('idx_unique_product_option_type', 'product_option_types', '(product_id, option_type_id)')
        ) AS w (name, tbl, columns)
    LOOP
        IF EXISTS (SELECT FROM pg_indexes WHERE schemaname = 'public' AND indexname = wanted.name
                   AND indexdef = format('CREATE UNIQUE INDEX %I ON public.%I USING btree %s',
                                         wanted.name, wanted.tbl, wanted.columns)) THEN
            CONTINUE;
        END IF;
        EXECUTE format('DROP INDEX IF EXISTS public.%I', wanted.name);
        EXECUTE format('CREATE UNIQUE INDEX %I ON public.%I %s', wanted.name, wanted.tbl, wanted.columns);
    END LOOP;

    FOR wanted IN
        SELECT * FROM (VALUES
            ('chk_variants_price_positive', 'variants', 'price >= 0'),
            ('chk_variants_stock_positive', 'variants', 'stock >= 0'),
            ('chk_variants_status', 'variants', 'status IN (0, 1)'),
            ('chk_variants_sku_trimmed', 'variants', 'sku = btrim(sku) AND sku <> ''''')
        ) AS w (name, tbl, condition)
    LOOP
        EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT IF EXISTS %I', wanted.tbl, wanted.name);
        EXECUTE format('ALTER TABLE public.%I ADD CONSTRAINT %I CHECK (%s)', wanted.tbl, wanted.name, wanted.condition);
    END LOOP;
END $$;

-- Foreign keys. One that an old shop has under another name, or with another action, makes room.
DO $$
DECLARE
    wanted record;
    found record;
    there boolean;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('variants', 'product_id', 'products', 'RESTRICT', 'r'),
            ('option_value_variants', 'variant_id', 'variants', 'CASCADE', 'c'),
            ('option_value_variants', 'option_value_id', 'option_values', 'RESTRICT', 'r'),
            ('product_option_types', 'product_id', 'products', 'CASCADE', 'c'),
            ('product_option_types', 'option_type_id', 'option_types', 'RESTRICT', 'r'),
            ('order_items', 'order_id', 'orders', 'RESTRICT', 'r'),
            ('order_items', 'product_id', 'products', 'SET NULL', 'n'),
            ('order_items', 'variant_id', 'variants', 'SET NULL', 'n')
        ) AS w (tbl, col, target, action, deltype)
    LOOP
        there := false;
        FOR found IN
            SELECT c.conname, c.confdeltype, c.confrelid, c.convalidated FROM pg_constraint c
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attname = wanted.col
            WHERE c.conrelid = wanted.tbl::regclass AND c.contype = 'f' AND c.conkey = ARRAY[a.attnum]
        LOOP
            IF found.conname = format('fk_%s_%s', wanted.tbl, wanted.col) AND found.confdeltype = wanted.deltype
               AND found.confrelid = wanted.target::regclass AND found.convalidated THEN
                there := true;
            ELSE
                EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', wanted.tbl, found.conname);
            END IF;
        END LOOP;
        IF NOT there THEN
            EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I FOREIGN KEY (%I) REFERENCES %I (id) ON DELETE %s',
                           wanted.tbl, format('fk_%s_%s', wanted.tbl, wanted.col), wanted.col, wanted.target,
                           wanted.action);
        END IF;
    END LOOP;
END $$;
