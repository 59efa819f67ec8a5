-- A shop that was adopted keeps its tables: what this step made is dropped only while it is empty.
DO $$
DECLARE
    tbl text;
    filled boolean;
BEGIN
    FOREACH tbl IN ARRAY ARRAY['order_items', 'orders', 'option_value_variants', 'product_option_types',
                               'option_values', 'option_types', 'variants', 'products'] LOOP
        IF to_regclass(format('public.%I', tbl)) IS NULL THEN
            CONTINUE;
        END IF;
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', tbl) INTO filled;
        IF filled THEN
            RAISE EXCEPTION 'table % holds rows; MagFlow does not drop a shop', tbl
                USING HINT = 'Make a backup, then drop the tables by hand.';
        END IF;
    END LOOP;
END $$;

DROP TABLE IF EXISTS order_items, orders, option_value_variants, product_option_types,
    option_values, option_types, variants, products;
