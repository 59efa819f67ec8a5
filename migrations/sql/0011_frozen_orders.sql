-- A confirmed order never changes (domain, invariant 6), and an order's status moves as one table says.
--
-- An order is born pending, whoever writes it: an imported past order is inserted pending, given its lines (stock_source
-- 'historic', which move no stock), and then confirmed like any other. So there is one door to `confirmed`, and it is
-- guarded: complete snapshots, totals that are the sums of the lines, and for lines from our own stock the movements.

CREATE TABLE IF NOT EXISTS order_status_moves (
    from_status text NOT NULL,
    to_status text NOT NULL,
    CONSTRAINT pk_order_status_moves PRIMARY KEY (from_status, to_status)
);
INSERT INTO order_status_moves (from_status, to_status) VALUES
    ('pending', 'confirmed'), ('pending', 'cancelled'), ('confirmed', 'cancelled'), ('confirmed', 'returned')
ON CONFLICT DO NOTHING;

-- The guard of an order's row. It runs after the change and sees everything that its statement did.
CREATE OR REPLACE FUNCTION magflow_order_guard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    may_change CONSTANT text[] := ARRAY['status', 'cancelled_at', 'returned_at', 'updated_at', 'version', 'note',
                                        'shipping_address', 'blocked_reason'];
    changed text;
    allowed boolean;
    lines bigint;
    faults bigint;
    gross numeric;
    tax numeric;
    own bigint;
    sold bigint;
BEGIN
    IF tg_op = 'INSERT' THEN
        RAISE EXCEPTION USING ERRCODE = 'MF004',
            MESSAGE = format('order %s is new and cannot be %s: orders begin pending', new.id, new.status);
    ELSIF tg_op = 'DELETE' THEN
        RAISE EXCEPTION USING ERRCODE = 'MF002',
            MESSAGE = format('order %s is %s and cannot be deleted', old.id, old.status);
    END IF;

    IF old.status <> 'pending' THEN
        -- The whole row minus the list: a column that is added later is frozen by default.
        SELECT string_agg(n.key, ', ' ORDER BY n.key) INTO changed
        FROM jsonb_each(to_jsonb(new) - may_change) n
        WHERE n.value <> to_jsonb(old) -> n.key;
        IF changed IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'MF002',
                MESSAGE = format('order %s is %s; it may not change: %s', old.id, old.status, changed);
        END IF;
    END IF;
    IF new.status = old.status THEN
        RETURN NULL;
    END IF;

    -- One statement for everything that a confirmation has to be asked: it is on the way of every sale.
    SELECT EXISTS (SELECT FROM public.order_status_moves m
                   WHERE m.from_status = old.status AND m.to_status = new.status),
           count(*),
           count(*) FILTER (WHERE i.unit_price IS NULL OR i.restocked_quantity <> 0 OR i.currency <> new.currency
                               OR i.line_total_gross IS DISTINCT FROM i.quantity * i.unit_price
                               OR (i.product_name IS NULL AND i.variant_sku IS NULL)
                               OR (i.stock_source = 'own' AND (i.product_name IS NULL OR i.variant_sku IS NULL))
                               OR (i.stock_source <> 'historic'
                                   AND (i.vat_rate_snapshot IS NULL OR i.tax_amount IS NULL))),
           sum(i.line_total_gross), CASE WHEN count(*) = count(i.tax_amount) THEN sum(i.tax_amount) END,
           coalesce(sum(i.quantity) FILTER (WHERE i.stock_source = 'own'), 0),
           (SELECT -coalesce(sum(m.delta), 0) FROM public.stock_movements m
            WHERE m.source_type = 'order' AND m.source_id = new.id AND m.reason = 'sale')
    INTO allowed, lines, faults, gross, tax, own, sold
    FROM public.order_items i WHERE i.order_id = new.id;

    IF NOT allowed THEN
        RAISE EXCEPTION USING ERRCODE = 'MF004',
            MESSAGE = format('order %s cannot go from %s to %s', old.id, old.status, new.status);
    ELSIF new.status = 'confirmed' THEN
        IF lines = 0 OR faults > 0 OR new.confirmed_at IS NULL
           OR new.total_gross IS DISTINCT FROM gross OR new.total_tax IS DISTINCT FROM tax THEN
            RAISE EXCEPTION USING ERRCODE = 'MF002', MESSAGE = format(
                'order %s cannot be confirmed: %s lines, %s of them incomplete, totals %s and %s against %s and %s',
                new.id, lines, faults, new.total_gross, new.total_tax, gross, tax);
        ELSIF sold <> own THEN
            RAISE EXCEPTION USING ERRCODE = 'MF002', MESSAGE = format(
                'order %s cannot be confirmed: it sells %s units, %s were taken from stock', new.id, own, sold);
        END IF;
    ELSIF new.status = 'returned' THEN
        IF EXISTS (SELECT FROM public.order_items i WHERE i.order_id = new.id AND i.restocked_quantity < i.quantity) THEN
            RAISE EXCEPTION USING ERRCODE = 'MF004',
                MESSAGE = format('order %s is not returned: some of its units are still out', new.id);
        END IF;
    ELSIF old.status = 'pending' THEN
        -- Lines that were never confirmed have no amount by which the guard below would know them.
        UPDATE public.order_items i SET frozen = true
        WHERE i.order_id = new.id AND NOT i.frozen AND i.line_total_gross IS NULL;
    END IF;
    RETURN NULL;
END $$;

-- The guard of a line. It takes the order's row lock, like every service that writes lines: hand-written SQL that did
-- not would otherwise slip a line into an order while it is being confirmed. A service holds the lock already.
--
-- An update asks it only about lines that may be closed: those with an amount, which confirmation writes, and those that
-- are marked. So the update that writes the snapshots does not pay for it.
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

CREATE OR REPLACE TRIGGER orders_born_pending AFTER INSERT ON orders
    FOR EACH ROW WHEN (NEW.status <> 'pending') EXECUTE FUNCTION magflow_order_guard();
CREATE OR REPLACE TRIGGER orders_guard AFTER UPDATE ON orders
    FOR EACH ROW WHEN (OLD.status <> 'pending' OR NEW.status <> 'pending')
    EXECUTE FUNCTION magflow_order_guard();
CREATE OR REPLACE TRIGGER orders_keep BEFORE DELETE ON orders
    FOR EACH ROW WHEN (OLD.status <> 'pending') EXECUTE FUNCTION magflow_order_guard();
CREATE OR REPLACE TRIGGER orders_no_truncate BEFORE TRUNCATE ON orders
    FOR EACH STATEMENT EXECUTE FUNCTION magflow_append_only();
CREATE OR REPLACE TRIGGER order_items_guard BEFORE INSERT OR DELETE ON order_items
    FOR EACH ROW EXECUTE FUNCTION magflow_line_guard();
CREATE OR REPLACE TRIGGER order_items_guard_update BEFORE UPDATE ON order_items
    FOR EACH ROW WHEN (OLD.frozen OR OLD.line_total_gross IS NOT NULL OR OLD.order_id <> NEW.order_id)
    EXECUTE FUNCTION magflow_line_guard();
CREATE OR REPLACE TRIGGER order_items_no_truncate BEFORE TRUNCATE ON order_items
    FOR EACH STATEMENT EXECUTE FUNCTION magflow_append_only();

ALTER TABLE orders
    ENABLE ALWAYS TRIGGER orders_born_pending,
    ENABLE ALWAYS TRIGGER orders_guard,
    ENABLE ALWAYS TRIGGER orders_keep,
    ENABLE ALWAYS TRIGGER orders_no_truncate;
ALTER TABLE order_items
    ENABLE ALWAYS TRIGGER order_items_guard,
    ENABLE ALWAYS TRIGGER order_items_guard_update,
    ENABLE ALWAYS TRIGGER order_items_no_truncate;
