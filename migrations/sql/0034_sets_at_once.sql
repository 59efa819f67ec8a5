-- A twelfth of a first import went into two things that nobody asked for: a new row was turned into JSON up to three
-- times for the audit, and the statistics of every column were made anew where a few columns are planned by.

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
    -- OFFSET 0 keeps the planner from putting the expression in each place where its result is used.
    FROM (SELECT to_jsonb(added) AS whole FROM added OFFSET 0) a;
    RETURN NULL;
END $$;

-- Columns by name: those that joins and the order of lists are planned by. Without names the expressions of the search
-- indexes would be computed for thirty thousand rows each time.
CREATE OR REPLACE FUNCTION magflow_look_at_catalogue() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    -- Only when the catalogue is twice what it was when it was looked at last.
    IF pg_relation_size('public.variants')
       <= 2 * 8192 * (SELECT relpages::bigint FROM pg_class WHERE oid = 'public.variants'::regclass) THEN
        RETURN;
    END IF;
    ANALYZE public.products (id, handle, name), public.variants (id, product_id, sku, ean, status),
            public.option_types, public.option_values, public.option_value_variants,
            public.product_option_types (product_id, option_type_id),
            public.product_option_values (product_id, option_value_id),
            public.variant_external_ids (variant_id, source, source_account, external_id),
            public.variant_images (product_id, variant_id);
END $$;
