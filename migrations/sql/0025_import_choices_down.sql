DROP TABLE IF EXISTS export_schedules;
DROP TABLE IF EXISTS import_feeds;
DROP TABLE IF EXISTS import_mappings;
ALTER TABLE import_stage DROP COLUMN IF EXISTS makes_product, DROP COLUMN IF EXISTS clears, DROP COLUMN IF EXISTS extra;
DROP TABLE IF EXISTS import_missing;
DROP TABLE IF EXISTS import_products;
ALTER TABLE import_chunks DROP COLUMN IF EXISTS missing;
ALTER TABLE import_rows
    DROP COLUMN IF EXISTS changes, DROP COLUMN IF EXISTS version_after, DROP COLUMN IF EXISTS seq_after,
    DROP COLUMN IF EXISTS undo;
ALTER TABLE imports
    DROP COLUMN IF EXISTS choices, DROP COLUMN IF EXISTS rows_missing, DROP COLUMN IF EXISTS feed_id,
    DROP COLUMN IF EXISTS undone_at, DROP COLUMN IF EXISTS undone_by;
