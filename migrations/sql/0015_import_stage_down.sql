DROP FUNCTION IF EXISTS magflow_look_at_stage();
DROP TABLE IF EXISTS import_images, import_options, import_stage, import_chunks;
DROP INDEX IF EXISTS ix_import_rows_refused;
ALTER TABLE import_rows
    ADD COLUMN IF NOT EXISTS raw jsonb NOT NULL DEFAULT '{}',
    ALTER COLUMN outcome DROP NOT NULL,
    DROP CONSTRAINT IF EXISTS chk_import_rows_outcome,
    ADD CONSTRAINT chk_import_rows_outcome CHECK (
        outcome IS NULL OR outcome IN ('created', 'updated', 'unchanged', 'refused'));
ALTER TABLE import_rows ALTER COLUMN raw DROP DEFAULT;
CREATE INDEX IF NOT EXISTS ix_import_rows_pending ON import_rows (import_id, number) WHERE outcome IS NULL;
CREATE INDEX IF NOT EXISTS ix_import_rows_outcome ON import_rows (import_id, outcome, number);
ALTER TABLE imports DROP COLUMN IF EXISTS beat_at, DROP COLUMN IF EXISTS run, DROP COLUMN IF EXISTS reading;
