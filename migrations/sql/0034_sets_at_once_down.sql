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
