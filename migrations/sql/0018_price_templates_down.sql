DROP TRIGGER IF EXISTS variants_base_price ON variants;
DROP FUNCTION IF EXISTS magflow_base_price_changed();
DROP TABLE IF EXISTS bulk_edit_progress;
DROP TABLE IF EXISTS product_price_templates;
