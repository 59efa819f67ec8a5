DROP TRIGGER IF EXISTS offers_look_again_insert ON offers;
DROP TRIGGER IF EXISTS offers_look_again_update ON offers;
DROP TRIGGER IF EXISTS offers_look_again_delete ON offers;
DROP FUNCTION IF EXISTS magflow_offers_changed();
DROP TABLE IF EXISTS transfer_steps;
DROP TABLE IF EXISTS transfers;
DROP TABLE IF EXISTS stock_alerts;
DROP TABLE IF EXISTS stock_sync_changes;
