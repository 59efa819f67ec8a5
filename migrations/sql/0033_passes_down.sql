DROP INDEX IF EXISTS ix_offers_rejected_at;
DROP TABLE IF EXISTS upkeep_marks;
DROP TABLE IF EXISTS stock_sync_passes;
