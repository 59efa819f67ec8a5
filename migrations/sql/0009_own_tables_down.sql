ALTER TABLE orders ALTER COLUMN number DROP DEFAULT;
DROP FUNCTION IF EXISTS magflow_order_number();
DROP TABLE IF EXISTS import_rows, imports, settings, events, idempotency_keys, rate_windows, sign_in_throttle,
    one_time_links, api_tokens, user_sessions, users, restocks, price_template_rules, price_templates, variant_images,
    product_option_values;
DROP SEQUENCE IF EXISTS restock_documents, order_numbers;
DROP INDEX IF EXISTS ix_variants_sku, ix_variants_ean, ix_variants_status, ix_products_name, ix_orders_status,
    ix_orders_placed_at, ix_option_value_variants_option_value_id, ix_product_option_types_option_type_id,
    ix_variants_sku_trgm, ix_variants_title_trgm, ix_products_name_trgm;
ALTER TABLE variants RESET (fillfactor);
ALTER TABLE order_items RESET (fillfactor);
