-- The stock ledger (domain, rules 10 and 11): every change of variants.stock is explained by a row that nobody writes by
-- hand. The reason travels as transaction-local settings which the ledger service sets and clears around its statement:
--
--   magflow.stock_reason   opening, sale, restock, adjustment, count, import, feed, transfer, migration
--   magflow.stock_source_type, magflow.stock_source_id   the order, restock document, transfer, import row ... behind it
--   magflow.stock_note     a sentence of a person
--   magflow.context        who: {"kind", "id", "name", "door", "request_id"}; without it, hand-written SQL is named so
--
-- A setting that some earlier transaction of the session has set reads '' instead of NULL; both mean "none".

CREATE TABLE IF NOT EXISTS stock_movements (
    variant_id bigint NOT NULL,
    seq bigint NOT NULL,
    delta integer NOT NULL,
    balance_after integer NOT NULL,
    reason text NOT NULL,
    note text,
    source_type text,
    source_id bigint,
    sku text NOT NULL,
    actor_kind text NOT NULL,
    actor_id bigint,
    actor text NOT NULL,
    door text NOT NULL,
    request_id text,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Two writers cannot store the same step: a lost or doubled write is impossible, not merely unlikely.
    CONSTRAINT pk_stock_movements PRIMARY KEY (variant_id, seq),
    CONSTRAINT chk_stock_movements_seq_positive CHECK (seq > 0),
    CONSTRAINT chk_stock_movements_delta_not_zero CHECK (delta <> 0),
    CONSTRAINT chk_stock_movements_balance_positive CHECK (balance_after >= 0),
    CONSTRAINT chk_stock_movements_reason CHECK (reason IN ('opening', 'sale', 'restock', 'adjustment', 'count',
                                                           'import', 'feed', 'transfer', 'migration')),
    CONSTRAINT chk_stock_movements_source CHECK (
        reason NOT IN ('sale', 'restock', 'transfer') OR (source_type IS NOT NULL AND source_id IS NOT NULL))
);
-- One cause, one effect: an order sells a variant once, a restock document returns it once.
CREATE UNIQUE INDEX IF NOT EXISTS idx_unique_movement_source ON stock_movements (source_type, source_id, variant_id)
    WHERE source_type IN ('order', 'restock', 'transfer', 'import_row');
CREATE INDEX IF NOT EXISTS ix_stock_movements_at ON stock_movements (at);

-- Adopted stock adds up from the first day.
WITH opened AS (
    UPDATE variants SET movement_seq = 1 WHERE stock <> 0 AND movement_seq = 0 RETURNING id, stock, sku
)
INSERT INTO stock_movements (variant_id, seq, delta, balance_after, reason, sku, actor_kind, actor, door)
SELECT id, 1, stock, stock, 'opening', sku, 'system', 'MagFlow', 'system' FROM opened;

-- The one function that writes movements. As the last BEFORE trigger of an UPDATE it books in the same call in which it
-- numbers, because a sale fires it once per line; the row is locked by then and nothing can come between.
CREATE OR REPLACE FUNCTION magflow_ledger() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    reason text := nullif(current_setting('magflow.stock_reason', true), '');
    source_id text := nullif(current_setting('magflow.stock_source_id', true), '');
    context text := nullif(current_setting('magflow.context', true), '');
    actor jsonb;
    old_stock integer := 0;
    new_stock integer := 0;
    step bigint;
    vid bigint;
    vsku text;
BEGIN
    IF tg_op = 'UPDATE' THEN
        IF new.id <> old.id THEN
            RAISE EXCEPTION USING ERRCODE = 'MF001', MESSAGE = 'the id of a variant never changes';
        END IF;
        IF new.stock IS NOT DISTINCT FROM old.stock THEN
            RAISE EXCEPTION USING ERRCODE = 'MF001', MESSAGE = format(
                'movement_seq of variant %s is written by the ledger alone', old.id);
        END IF;
        old_stock := old.stock;
        new_stock := new.stock;
        step := old.movement_seq + 1;
        new.movement_seq := step;
        vid := old.id;
        vsku := new.sku;
    ELSIF tg_op = 'INSERT' THEN
        reason := coalesce(reason, 'opening');
        new_stock := new.stock;
        step := 1;
        vid := new.id;
        vsku := new.sku;
    ELSE
        old_stock := old.stock;
        step := old.movement_seq + 1;
        vid := old.id;
        vsku := old.sku;
    END IF;

    IF reason IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'MF001',
            MESSAGE = format('stock of variant %s (%s) may not change without a reason', vid, vsku),
            HINT = 'Stock is changed by the ledger service, which declares magflow.stock_reason.';
    END IF;
    IF (reason = 'sale' AND new_stock > old_stock) OR (reason = 'restock' AND new_stock < old_stock) THEN
        RAISE EXCEPTION USING ERRCODE = 'MF001', MESSAGE = format(
            'a %s cannot move the stock of variant %s (%s) from %s to %s', reason, vid, vsku, old_stock, new_stock);
    END IF;
    IF source_id IS NULL AND reason IN ('sale', 'restock', 'transfer') THEN
        RAISE EXCEPTION USING ERRCODE = 'MF001', MESSAGE = format(
            'a %s of variant %s (%s) must name its source', reason, vid, vsku);
    END IF;

    IF context IS NOT NULL THEN
        BEGIN
            actor := context::jsonb;
        EXCEPTION WHEN data_exception THEN
            actor := NULL;
        END;
    END IF;
    INSERT INTO public.stock_movements (
        variant_id, seq, delta, balance_after, reason, note, source_type, source_id, sku,
        actor_kind, actor_id, actor, door, request_id)
    VALUES (
        vid, step, new_stock - old_stock, new_stock, reason,
        nullif(current_setting('magflow.stock_note', true), ''),
        nullif(current_setting('magflow.stock_source_type', true), ''), source_id::bigint, vsku,
        coalesce(actor ->> 'kind', 'system'),
        CASE WHEN jsonb_typeof(actor -> 'id') = 'number' THEN (actor ->> 'id')::bigint END,
        coalesce(actor ->> 'name', session_user), coalesce(actor ->> 'door', 'sql'), actor ->> 'request_id');

    IF tg_op = 'DELETE' THEN
        RETURN old;
    END IF;
    RETURN new;
END $$;

-- A new variant counts its first movement itself; what a program wrote there does not matter.
CREATE OR REPLACE FUNCTION magflow_ledger_first() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    new.movement_seq := CASE WHEN new.stock <> 0 THEN 1 ELSE 0 END;
    RETURN new;
END $$;

CREATE OR REPLACE FUNCTION magflow_append_only() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'MF003',
        MESSAGE = format('%s is append-only: %s is refused', tg_table_name, lower(tg_op)),
        HINT = 'A correction is a new row, never an edit.';
END $$;

CREATE OR REPLACE TRIGGER variants_ledger_number BEFORE INSERT ON variants
    FOR EACH ROW WHEN (NEW.stock <> 0 OR NEW.movement_seq <> 0) EXECUTE FUNCTION magflow_ledger_first();
CREATE OR REPLACE TRIGGER variants_ledger_open AFTER INSERT ON variants
    FOR EACH ROW WHEN (NEW.stock <> 0) EXECUTE FUNCTION magflow_ledger();
-- Sorted behind every other BEFORE trigger, so that what it books is what is stored.
CREATE OR REPLACE TRIGGER zz_variants_ledger BEFORE UPDATE ON variants
    FOR EACH ROW WHEN (OLD.stock IS DISTINCT FROM NEW.stock OR OLD.movement_seq IS DISTINCT FROM NEW.movement_seq
                       OR OLD.id IS DISTINCT FROM NEW.id)
    EXECUTE FUNCTION magflow_ledger();
CREATE OR REPLACE TRIGGER zz_variants_ledger_close BEFORE DELETE ON variants
    FOR EACH ROW WHEN (OLD.stock <> 0) EXECUTE FUNCTION magflow_ledger();
CREATE OR REPLACE TRIGGER variants_no_truncate BEFORE TRUNCATE ON variants
    FOR EACH STATEMENT EXECUTE FUNCTION magflow_append_only();

CREATE OR REPLACE TRIGGER stock_movements_append_only BEFORE UPDATE OR DELETE ON stock_movements
    FOR EACH ROW EXECUTE FUNCTION magflow_append_only();
CREATE OR REPLACE TRIGGER stock_movements_no_truncate BEFORE TRUNCATE ON stock_movements
    FOR EACH STATEMENT EXECUTE FUNCTION magflow_append_only();
CREATE OR REPLACE TRIGGER restocks_append_only BEFORE UPDATE OR DELETE ON restocks
    FOR EACH ROW EXECUTE FUNCTION magflow_append_only();
CREATE OR REPLACE TRIGGER restocks_no_truncate BEFORE TRUNCATE ON restocks
    FOR EACH STATEMENT EXECUTE FUNCTION magflow_append_only();

-- ALWAYS: also when a restore or a replica sets session_replication_role.
ALTER TABLE variants
    ENABLE ALWAYS TRIGGER variants_ledger_number,
    ENABLE ALWAYS TRIGGER variants_ledger_open,
    ENABLE ALWAYS TRIGGER zz_variants_ledger,
    ENABLE ALWAYS TRIGGER zz_variants_ledger_close,
    ENABLE ALWAYS TRIGGER variants_no_truncate;
ALTER TABLE stock_movements
    ENABLE ALWAYS TRIGGER stock_movements_append_only,
    ENABLE ALWAYS TRIGGER stock_movements_no_truncate;
ALTER TABLE restocks
    ENABLE ALWAYS TRIGGER restocks_append_only,
    ENABLE ALWAYS TRIGGER restocks_no_truncate;
