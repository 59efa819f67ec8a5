-- Imports add variants by the thousand with one statement. A trigger that is called for each row and writes one row costs
-- several times the insert itself; one that sees all new rows at once writes the same with one statement more. What they
-- refuse and what they write is as in 0010 and 0012.

-- The first movement of new variants: the reason that was declared, else `opening`.
CREATE OR REPLACE FUNCTION magflow_ledger_open() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    reason text := coalesce(nullif(current_setting('magflow.stock_reason', true), ''), 'opening');
    source_type text := nullif(current_setting('magflow.stock_source_type', true), '');
    source_id text := nullif(current_setting('magflow.stock_source_id', true), '');
    note text := nullif(current_setting('magflow.stock_note', true), '');
    context text := nullif(current_setting('magflow.context', true), '');
    who jsonb;
BEGIN
    IF NOT EXISTS (SELECT FROM added WHERE stock <> 0) THEN
        RETURN NULL;
    END IF;
    IF reason IN ('restock', 'transfer') AND (source_type IS NULL OR source_id IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'MF001', MESSAGE = format('a %s must name its source', reason);
    ELSIF reason NOT IN ('opening', 'restock', 'transfer', 'adjustment', 'count', 'import', 'feed', 'migration') THEN
        RAISE EXCEPTION USING ERRCODE = 'MF001',
            MESSAGE = format('a new variant cannot have stock for the reason %L', reason);
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
    SELECT a.id, 1, a.stock, a.stock, reason, note, source_type, source_id::bigint, a.sku,
           coalesce(who ->> 'kind', 'system'),
           CASE WHEN jsonb_typeof(who -> 'id') = 'number' THEN (who ->> 'id')::bigint END,
           coalesce(who ->> 'name', session_user), coalesce(who ->> 'door', 'sql'), who ->> 'request_id'
    FROM added a WHERE a.stock <> 0;
    RETURN NULL;
END $$;

-- Arguments: the key columns, comma-separated (one or two).
CREATE OR REPLACE FUNCTION magflow_audit_added() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    context text := nullif(current_setting('magflow.context', true), '');
    first text := split_part(tg_argv[0], ',', 1);
    second text := nullif(split_part(tg_argv[0], ',', 2), '');
    who jsonb;
BEGIN
    IF context IS NOT NULL THEN
        BEGIN
            who := context::jsonb;
        EXCEPTION WHEN data_exception THEN
            who := NULL;
        END;
    END IF;
    INSERT INTO public.audit_log (actor_kind, actor_id, actor, door, request_id, action, table_name, row_id, new)
    SELECT coalesce(who ->> 'kind', 'system'),
           CASE WHEN jsonb_typeof(who -> 'id') = 'number' THEN (who ->> 'id')::bigint END,
           coalesce(who ->> 'name', session_user), coalesce(who ->> 'door', 'sql'), who ->> 'request_id',
           'insert', tg_table_name, (a.whole ->> first) || coalesce('-' || (a.whole ->> second), ''), a.whole
    FROM (SELECT to_jsonb(added) AS whole FROM added) a;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER variants_ledger_open AFTER INSERT ON variants
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION magflow_ledger_open();
ALTER TABLE variants ENABLE ALWAYS TRIGGER variants_ledger_open;

-- The tables that an import fills. Updates and deletions stay with the row trigger, under the name that it had.
DO $$
DECLARE
    watched record;
BEGIN
    FOR watched IN
        SELECT * FROM (VALUES
            ('variants', 'id', 'DELETE'),
            ('products', 'id', 'UPDATE OR DELETE'),
            ('option_types', 'id', 'UPDATE OR DELETE'),
            ('option_values', 'id', 'UPDATE OR DELETE'),
            ('product_option_types', 'product_id,option_type_id', 'UPDATE OR DELETE'),
            ('product_option_values', 'product_id,option_value_id', 'UPDATE OR DELETE'),
            ('variant_external_ids', 'id', 'UPDATE OR DELETE')
        ) AS w (tbl, key, others)
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %I FOR EACH ROW EXECUTE FUNCTION magflow_audit(%L)',
                       watched.tbl || '_audit', watched.others, watched.tbl, watched.key);
        EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER INSERT ON %I REFERENCING NEW TABLE AS added '
                       'FOR EACH STATEMENT EXECUTE FUNCTION magflow_audit_added(%L)',
                       watched.tbl || '_audit_added', watched.tbl, watched.key);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I, ENABLE ALWAYS TRIGGER %I',
                       watched.tbl, watched.tbl || '_audit', watched.tbl || '_audit_added');
    END LOOP;
END $$;

-- A new shop's tables have no statistics until the server looks at them, minutes later. The first import would be planned
-- as if they were empty, and read whole tables for every foreign key. Only the owner may ask for statistics.
CREATE OR REPLACE FUNCTION magflow_look_at_catalogue() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    -- Only when the catalogue is twice what it was when it was looked at last.
    IF pg_relation_size('public.variants')
       <= 2 * 8192 * (SELECT relpages::bigint FROM pg_class WHERE oid = 'public.variants'::regclass) THEN
        RETURN;
    END IF;
    ANALYZE public.products, public.variants, public.option_types, public.option_values, public.option_value_variants,
            public.product_option_types, public.product_option_values, public.variant_external_ids,
            public.variant_images;
END $$;
REVOKE ALL ON FUNCTION magflow_look_at_catalogue() FROM PUBLIC;
