-- A line of a closed order let go of its variant whenever somebody wrote NULL there, and could then no longer be put back
-- into stock. It lets go when the variant, or the product, is gone.
CREATE OR REPLACE FUNCTION magflow_line_guard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    may_change CONSTANT text[] := ARRAY['restocked_quantity', 'variant_id', 'product_id'];
    was text;
    becomes text;
BEGIN
    IF tg_op <> 'INSERT' THEN
        SELECT o.status INTO was FROM public.orders o WHERE o.id = old.order_id FOR NO KEY UPDATE;
        IF tg_op = 'UPDATE' THEN
            IF new.order_id = old.order_id AND was = 'pending' THEN
                RETURN new;
            END IF;
        ELSIF was = 'pending' THEN
            RETURN old;
        END IF;
    END IF;
    IF tg_op = 'INSERT' OR (tg_op = 'UPDATE' AND new.order_id <> old.order_id) THEN
        SELECT o.status INTO becomes FROM public.orders o WHERE o.id = new.order_id FOR NO KEY UPDATE;
        -- An order that does not exist is the foreign key's to refuse.
        IF coalesce(becomes, 'pending') = 'pending' AND coalesce(was, 'pending') = 'pending' THEN
            RETURN new;
        END IF;
    END IF;

    IF tg_op = 'UPDATE' THEN
        IF to_jsonb(new) - may_change = to_jsonb(old) - may_change
           AND new.restocked_quantity >= old.restocked_quantity
           -- To NULL and nothing else, and only when it is gone: that is the foreign key's doing.
           AND (new.variant_id IS NOT DISTINCT FROM old.variant_id OR new.variant_id IS NULL
                AND NOT EXISTS (SELECT FROM public.variants v WHERE v.id = old.variant_id))
           AND (new.product_id IS NOT DISTINCT FROM old.product_id OR new.product_id IS NULL
                AND NOT EXISTS (SELECT FROM public.products p WHERE p.id = old.product_id)) THEN
            RETURN new;
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'MF002',
            MESSAGE = format('line %s belongs to an order that is %s; it may not change', old.id, coalesce(was, becomes));
    ELSIF tg_op = 'INSERT' THEN
        RAISE EXCEPTION USING ERRCODE = 'MF002',
            MESSAGE = format('order %s is %s; it takes no more lines', new.order_id, becomes);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'MF002',
        MESSAGE = format('line %s belongs to an order that is %s; it cannot be deleted', old.id, was);
END $$;

-- NaN is not below zero: it would pass the check that a price is zero or more.
UPDATE variants SET price = 0 WHERE price = 'NaN';
UPDATE variants SET compare_at_price = NULL WHERE compare_at_price = 'NaN';
ALTER TABLE variants DROP CONSTRAINT IF EXISTS chk_variants_price_number;
ALTER TABLE variants ADD CONSTRAINT chk_variants_price_number CHECK (price <> 'NaN' AND compare_at_price <> 'NaN');

-- An order of an old shop that was called confirmed there already did not get the time of it.
ALTER TABLE orders DISABLE TRIGGER orders_guard;
UPDATE orders
SET confirmed_at = coalesce(confirmed_at, CASE WHEN status IN ('confirmed', 'returned') THEN placed_at END),
    cancelled_at = coalesce(cancelled_at, CASE WHEN status = 'cancelled' THEN updated_at END),
    returned_at = coalesce(returned_at, CASE WHEN status = 'returned' THEN updated_at END)
WHERE (status IN ('confirmed', 'returned') AND confirmed_at IS NULL)
   OR (status = 'cancelled' AND cancelled_at IS NULL) OR (status = 'returned' AND returned_at IS NULL);
ALTER TABLE orders ENABLE ALWAYS TRIGGER orders_guard;
