DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE INDEX IF NOT EXISTS ix_variants_title_trgm ON variants USING gin (title gin_trgm_ops);
        CREATE INDEX IF NOT EXISTS ix_products_name_trgm ON products USING gin (name gin_trgm_ops);
    END IF;
END $$;
DROP INDEX IF EXISTS ix_variants_folded_trgm, ix_products_folded_trgm, ix_variants_sku_order, ix_variants_drafts,
    ix_products_brand, ix_products_category;
DROP FUNCTION IF EXISTS magflow_folded(text);

-- The audit log as in 0012.
CREATE OR REPLACE FUNCTION magflow_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    context text := nullif(current_setting('magflow.context', true), '');
    who jsonb;
    before jsonb;
    after jsonb;
    same text[];
    row_key text;
    name text;
BEGIN
    IF tg_op = 'UPDATE' AND tg_table_name = 'orders' THEN
        -- A confirmation is on the way of every sale: where it changes what it should and nothing else, the general
        -- comparison below, which takes as long as the rest of this function, is spared.
        IF old.status = 'pending' AND new.status = 'confirmed'
           AND (new.id, new.number, new.source, new.source_account, new.external_id, new.customer_name,
                new.customer_email, new.customer_phone, new.billing_address, new.shipping_address, new.currency,
                new.blocked_reason, new.note, new.placed_at, new.cancelled_at, new.returned_at, new.created_at)
               IS NOT DISTINCT FROM
               (old.id, old.number, old.source, old.source_account, old.external_id, old.customer_name,
                old.customer_email, old.customer_phone, old.billing_address, old.shipping_address, old.currency,
                old.blocked_reason, old.note, old.placed_at, old.cancelled_at, old.returned_at, old.created_at) THEN
            row_key := new.id;
            before := jsonb_build_object('status', old.status, 'version', old.version, 'confirmed_at', old.confirmed_at,
                                         'total_gross', old.total_gross, 'total_tax', old.total_tax);
            after := jsonb_build_object('status', new.status, 'version', new.version, 'confirmed_at', new.confirmed_at,
                                        'total_gross', new.total_gross, 'total_tax', new.total_tax);
        END IF;
    END IF;
    IF row_key IS NULL THEN
        IF tg_op = 'DELETE' THEN
            before := to_jsonb(old);
        ELSE
            after := to_jsonb(new);
        END IF;
        row_key := coalesce(after, before) ->> tg_argv[0];
    END IF;
    IF row_key IS NULL THEN
        SELECT string_agg(coalesce(after, before) ->> k.name, '-' ORDER BY k.nth) INTO row_key
        FROM string_to_table(tg_argv[0], ',') WITH ORDINALITY AS k (name, nth);
    END IF;
    IF tg_op = 'UPDATE' AND before IS NULL THEN
        before := to_jsonb(old);
        same := ARRAY(SELECT n.key FROM jsonb_each(after) n WHERE n.value = before -> n.key) || 'updated_at'::text;
        before := before - same;
        after := after - same;
        IF after = '{}' THEN
            RETURN NULL;
        END IF;
    END IF;
    IF tg_nargs > 1 THEN
        FOREACH name IN ARRAY string_to_array(tg_argv[1], ',') LOOP
            before := CASE WHEN before ->> name IS NULL THEN before ELSE jsonb_set(before, ARRAY[name], '"***"') END;
            after := CASE WHEN after ->> name IS NULL THEN after ELSE jsonb_set(after, ARRAY[name], '"***"') END;
        END LOOP;
    END IF;
    IF context IS NOT NULL THEN
        BEGIN
            who := context::jsonb;
        EXCEPTION WHEN data_exception THEN
            who := NULL;
        END;
    END IF;
    INSERT INTO public.audit_log (actor_kind, actor_id, actor, door, request_id, action, table_name, row_id, old, new)
    VALUES (coalesce(who ->> 'kind', 'system'),
            CASE WHEN jsonb_typeof(who -> 'id') = 'number' THEN (who ->> 'id')::bigint END,
            coalesce(who ->> 'name', session_user), coalesce(who ->> 'door', 'sql'), who ->> 'request_id',
            lower(tg_op), tg_table_name, row_key, before, after);
    RETURN NULL;
END $$;
