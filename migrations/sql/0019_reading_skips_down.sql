DROP INDEX IF EXISTS ix_variants_without_options;
DROP TABLE IF EXISTS option_reading_skips;
