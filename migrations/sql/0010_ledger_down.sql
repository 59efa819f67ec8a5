DROP TRIGGER IF EXISTS variants_ledger_number ON variants;
DROP TRIGGER IF EXISTS variants_ledger_fixed ON variants;
DROP TRIGGER IF EXISTS variants_ledger_open ON variants;
DROP TRIGGER IF EXISTS zz_variants_ledger ON variants;
DROP TRIGGER IF EXISTS zz_variants_ledger_close ON variants;
DROP TRIGGER IF EXISTS variants_no_truncate ON variants;
DROP TRIGGER IF EXISTS restocks_append_only ON restocks;
DROP TRIGGER IF EXISTS restocks_no_truncate ON restocks;
DROP TABLE IF EXISTS stock_movements;
DROP FUNCTION IF EXISTS magflow_ledger(), magflow_ledger_fixed(), magflow_append_only();
-- The next upgrade opens every variant's ledger anew.
UPDATE variants SET movement_seq = 0 WHERE movement_seq <> 0;
