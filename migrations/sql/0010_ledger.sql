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
    -- No more checks than these two: the server reads their text again for every statement, and a sale is one row. The
    -- list of reasons and the sources they need are in the function below, the only writer.
    CONSTRAINT chk_stock_movements_delta_not_zero CHECK (delta <> 0),
    CONSTRAINT chk_stock_movements_balance_positive CHECK (balance_after >= 0)
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
-- numbers: a sale fires it for every variant, the row is locked by then, and nothing can come between.
CREATE OR REPLACE FUNCTION magflow_ledger() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    reason text := nullif(current_setting('magflow.stock_reason', true), '');
    source_type text := nullif(current_setting('magflow.stock_source_type', true), '');
    source_id text := nullif(current_setting('magflow.stock_source_id', true), '');
    context text := nullif(current_setting('magflow.context', true), '');
    who jsonb;
    old_stock integer := 0;
    new_stock integer := 0;
    step bigint := 1;
    variant bigint;
    code text;
BEGIN
    IF tg_op = 'INSERT' THEN
        reason := coalesce(reason, 'opening');
    ELSE
        old_stock := old.stock;
        step := old.movement_seq + 1;
        variant := old.id;
        code := old.sku;
    END IF;
    IF tg_op <> 'DELETE' THEN
        new_stock := new.stock;
        variant := new.id;
        code := new.sku;
    END IF;

    IF reason IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'MF001',
            MESSAGE = format('stock of variant %s (%s) may not change without a reason', variant, code),
            HINT = 'Stock is changed by the ledger service, which declares magflow.stock_reason.';
    ELSIF reason IN ('sale', 'restock', 'transfer') THEN
        IF source_type IS NULL OR source_id IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'MF001',
                MESSAGE = format('a %s of variant %s (%s) must name its source', reason, variant, code);
        ELSIF (reason = 'sale' AND new_stock > old_stock) OR (reason = 'restock' AND new_stock < old_stock) THEN
            RAISE EXCEPTION USING ERRCODE = 'MF001', MESSAGE = format(
                'a %s cannot move the stock of variant %s (%s) from %s to %s', reason, variant, code, old_stock, new_stock);
        END IF;
    ELSIF reason NOT IN ('opening', 'adjustment', 'count', 'import', 'feed', 'migration') THEN
        RAISE EXCEPTION USING ERRCODE = 'MF001',
            MESSAGE = format('stock of variant %s (%s) cannot change for the unknown reason %L', variant, code, reason);
    END IF;

    IF context IS NOT NULL THEN
        BEGIN
            who := context::jsonb;
        EXCEPTION WHEN data_exception THEN
            who := NULL;
        END;
    END IF;
    INSERT INTO public.stock_movements (
        variant_id, seq, delta, balance_after, reason, note, source_type, source_id, sku,
        actor_kind, actor_id, actor, door, request_id)
    VALUES (
        variant, step, new_stock - old_stock, new_stock, reason,
        nullif(current_setting('magflow.stock_note', true), ''), source_type, source_id::bigint, code,
        coalesce(who ->> 'kind', 'system'),
        CASE WHEN jsonb_typeof(who -> 'id') = 'number' THEN (who ->> 'id')::bigint END,
        coalesce(who ->> 'name', session_user), coalesce(who ->> 'door', 'sql'), who ->> 'request_id');

    IF tg_op = 'UPDATE' THEN
        new.movement_seq := step;
    ELSIF tg_op = 'DELETE' THEN
        RETURN old;
    END IF;
    RETURN new;
END $$;

-- What only the ledger may write. A new variant counts its first movement whatever a program put there; later on neither
-- the counter nor the id, under which the movements stand, can be set.
CREATE OR REPLACE FUNCTION magflow_ledger_fixed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF tg_op = 'INSERT' THEN
        new.movement_seq := CASE WHEN new.stock <> 0 THEN 1 ELSE 0 END;
    ELSIF new.id <> old.id OR new.movement_seq <> old.movement_seq THEN
        RAISE EXCEPTION USING ERRCODE = 'MF001',
            MESSAGE = format('id and movement_seq of variant %s are written by the ledger alone', old.id);
    END IF;
    RETURN new;
END $$;

CREATE OR REPLACE FUNCTION magflow_append_only() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'MF003',
        MESSAGE = format('%s is append-only: %s is refused', tg_table_name, lower(tg_op)),
        HINT = 'A correction is a new row, never an edit.';
END $$;

CREATE OR REPLACE TRIGGER variants_ledger_number BEFORE INSERT ON variants
    FOR EACH ROW WHEN (NEW.stock <> 0 OR NEW.movement_seq <> 0) EXECUTE FUNCTION magflow_ledger_fixed();
CREATE OR REPLACE TRIGGER variants_ledger_fixed BEFORE UPDATE OF id, movement_seq ON variants
    FOR EACH ROW EXECUTE FUNCTION magflow_ledger_fixed();
CREATE OR REPLACE TRIGGER variants_ledger_open AFTER INSERT ON variants
    FOR EACH ROW WHEN (NEW.stock <> 0) EXECUTE FUNCTION magflow_ledger();
-- Sorted behind every other BEFORE trigger, so that what it books is what is stored. No column list: it would miss a
-- change that another trigger makes.
CREATE OR REPLACE TRIGGER zz_variants_ledger BEFORE UPDATE ON variants
    FOR EACH ROW WHEN (OLD.stock IS DISTINCT FROM NEW.stock) EXECUTE FUNCTION magflow_ledger();
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
    ENABLE ALWAYS TRIGGER variants_ledger_fixed,
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
