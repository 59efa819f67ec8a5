ALTER TABLE variants DROP CONSTRAINT IF EXISTS chk_variants_price_number;

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
           -- To NULL and nothing else: that is the foreign key, when a variant or a product is deleted.
           AND (new.variant_id IS NULL OR new.variant_id IS NOT DISTINCT FROM old.variant_id)
           AND (new.product_id IS NULL OR new.product_id IS NOT DISTINCT FROM old.product_id) THEN
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
