-- Every list and every search at a million variants. As before, `stock`, `movement_seq` and `updated_at` of variants are
-- in no index, and neither is `price`: a sale rewrites its row alone, and so does a change of prices in bulk.

-- Letters without case and marks, as people type them: "camasa" finds "Cămașă". Not the extension `unaccent`: that is not
-- everywhere, and an index may only stand on what can never change. Text of plain letters takes the short way, for each
-- row that an index proposes is folded again. Written so that the server puts it into the query.
CREATE OR REPLACE FUNCTION magflow_folded(text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN pg_catalog.octet_length($1) = pg_catalog.length($1) THEN pg_catalog.lower($1)
    ELSE pg_catalog.lower(pg_catalog.translate(
        normalize($1, NFKD),
        'łŁđĐøØ' || U&'\0300\0301\0302\0303\0304\0306\0307\0308\030A\030B\030C\0326\0327\0328', 'lLdDoO'))
    END
$$;

-- SKUs by their beginning, whatever the case, and in their order. "C" on purpose: the bytes sort the same everywhere.
CREATE INDEX IF NOT EXISTS ix_variants_sku_order ON variants (upper(sku) COLLATE "C", id);
CREATE INDEX IF NOT EXISTS ix_variants_drafts ON variants (product_id) WHERE status = 1;
CREATE INDEX IF NOT EXISTS ix_products_brand ON products (brand, id) WHERE brand IS NOT NULL;
CREATE INDEX IF NOT EXISTS ix_products_category ON products (category, id) WHERE category IS NOT NULL;

-- Fragments of names, where the server has the extension (0009); without it the same queries are right and slower. They
-- stand on the folded names now, so that those on the names as they are can go: one index to keep instead of two.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE INDEX IF NOT EXISTS ix_variants_folded_trgm ON variants
            USING gin (magflow_folded(title) gin_trgm_ops);
        CREATE INDEX IF NOT EXISTS ix_products_folded_trgm ON products
            USING gin (magflow_folded(name) gin_trgm_ops);
    END IF;
END $$;
DROP INDEX IF EXISTS ix_variants_title_trgm;
DROP INDEX IF EXISTS ix_products_name_trgm;

-- The audit log of 0012, as it was but for one thing: what a change in bulk changes is compared column by column and not by
-- way of the whole row as JSON, which took longer than everything else that such a change does.
CREATE OR REPLACE FUNCTION magflow_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    context text := nullif(current_setting('magflow.context', true), '');
    who jsonb;
    before jsonb;
    after jsonb;
    same text[];
    rest record;
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
    IF tg_op = 'UPDATE' AND tg_table_name = 'variants' THEN
        -- So are prices and states, by the hundred thousand. Whatever else the row has, now or in a later version, is
        -- compared whole.
        rest := old;
        rest.title := new.title;
        rest.price := new.price;
        rest.compare_at_price := new.compare_at_price;
        rest.status := new.status;
        rest.version := new.version;
        rest.updated_at := new.updated_at;
        IF rest IS NOT DISTINCT FROM new THEN
            before := '{}';
            after := '{}';
            IF old.version <> new.version THEN
                before := jsonb_build_object('version', old.version);
                after := jsonb_build_object('version', new.version);
            END IF;
            IF old.price <> new.price THEN
                before := before || jsonb_build_object('price', old.price);
                after := after || jsonb_build_object('price', new.price);
            END IF;
            IF old.compare_at_price IS DISTINCT FROM new.compare_at_price THEN
                before := before || jsonb_build_object('compare_at_price', old.compare_at_price);
                after := after || jsonb_build_object('compare_at_price', new.compare_at_price);
            END IF;
            IF old.status <> new.status THEN
                before := before || jsonb_build_object('status', old.status);
                after := after || jsonb_build_object('status', new.status);
            END IF;
            IF old.title IS DISTINCT FROM new.title THEN
                before := before || jsonb_build_object('title', old.title);
                after := after || jsonb_build_object('title', new.title);
            END IF;
            IF after = '{}' THEN
                RETURN NULL;
            END IF;
            row_key := new.id;
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
