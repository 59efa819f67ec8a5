DROP INDEX IF EXISTS ix_audit_log_variant;
DROP TABLE IF EXISTS image_files;
DROP TABLE IF EXISTS images;
