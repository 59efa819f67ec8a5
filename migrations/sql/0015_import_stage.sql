-- How an import runs: its file is read into import_stage and its companions, checked as a whole, then applied in chunks of
-- whole products, a transaction each. The prepared rows can be made again from the stored file, so they are not logged.
ALTER TABLE imports
    ADD COLUMN IF NOT EXISTS reading jsonb,
    ADD COLUMN IF NOT EXISTS run integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS beat_at timestamptz;

-- A record that changed nothing has no row, and what a record said stands in the stored file.
DROP INDEX IF EXISTS ix_import_rows_pending;
DROP INDEX IF EXISTS ix_import_rows_outcome;
DELETE FROM import_rows WHERE outcome IS NULL OR outcome = 'unchanged';
ALTER TABLE import_rows
    DROP COLUMN IF EXISTS raw,
    ALTER COLUMN outcome SET NOT NULL,
    DROP CONSTRAINT IF EXISTS chk_import_rows_outcome,
    ADD CONSTRAINT chk_import_rows_outcome CHECK (outcome IN ('created', 'updated', 'refused'));
CREATE INDEX IF NOT EXISTS ix_import_rows_refused ON import_rows (import_id, number) WHERE outcome = 'refused';

CREATE TABLE IF NOT EXISTS import_chunks (
    import_id bigint NOT NULL,
    number integer NOT NULL,
    first_part integer NOT NULL,
    last_part integer NOT NULL,
    -- Within a part that had to be divided, the rows that it is about.
    first_row integer NOT NULL DEFAULT 0,
    last_row integer NOT NULL DEFAULT 2147483647,
    rows integer NOT NULL,
    applied integer NOT NULL DEFAULT 0,
    unchanged integer NOT NULL DEFAULT 0,
    refused integer NOT NULL DEFAULT 0,
    done_at timestamptz,
    CONSTRAINT pk_import_chunks PRIMARY KEY (import_id, number),
    CONSTRAINT fk_import_chunks_import_id FOREIGN KEY (import_id) REFERENCES imports (id) ON DELETE CASCADE
);

CREATE UNLOGGED TABLE IF NOT EXISTS import_stage (
    import_id bigint NOT NULL,
    part integer NOT NULL,
    number integer NOT NULL,
    line integer NOT NULL,
    run_of integer NOT NULL,
    key text,
    key_given boolean,
    name text,
    description text,
    brand text,
    category text,
    archived boolean,
    is_variant boolean NOT NULL,
    refused boolean NOT NULL DEFAULT false,
    sku text,
    sku_base text,
    title text,
    price numeric(12,2),
    compare_at_price numeric(12,2),
    stock integer,
    delta integer,
    expected integer,
    active boolean,
    ean text,
    vat_rate numeric(5,2),
    external_id text,
    combo integer,
    images text[],
    CONSTRAINT pk_import_stage PRIMARY KEY (import_id, part, number)
);

CREATE UNLOGGED TABLE IF NOT EXISTS import_options (
    import_id bigint NOT NULL,
    combo integer NOT NULL,
    position integer NOT NULL,
    type_name text NOT NULL,
    type_key text NOT NULL,
    value_name text,
    value_key text,
    CONSTRAINT pk_import_options PRIMARY KEY (import_id, combo, position)
);

CREATE UNLOGGED TABLE IF NOT EXISTS import_images (
    import_id bigint NOT NULL,
    number integer NOT NULL,
    ordinal integer NOT NULL,
    position integer NOT NULL,
    url text NOT NULL,
    alt_text text,
    CONSTRAINT pk_import_images PRIMARY KEY (import_id, number, ordinal)
);

-- Thousands of rows that the server has never looked at are planned as a handful. Only the owner may ask it to look.
CREATE OR REPLACE FUNCTION magflow_look_at_stage() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    ANALYZE public.import_stage (import_id, part, run_of, number, key, sku, external_id, combo),
            public.import_options, public.import_images;
END $$;
REVOKE ALL ON FUNCTION magflow_look_at_stage() FROM PUBLIC;
