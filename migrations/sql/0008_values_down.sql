DROP INDEX IF EXISTS idx_unique_product_handle, idx_unique_option_type_name_key, idx_unique_option_value_name_key,
    idx_unique_order_number, idx_unique_order_external_id, ix_order_items_order_id, ix_order_items_variant_id;
ALTER TABLE products ALTER COLUMN handle DROP NOT NULL;
ALTER TABLE orders
    ALTER COLUMN number DROP NOT NULL,
    DROP CONSTRAINT IF EXISTS chk_orders_status,
    DROP CONSTRAINT IF EXISTS chk_orders_currency;
ALTER TABLE order_items
    DROP CONSTRAINT IF EXISTS chk_order_items_quantity_positive,
    DROP CONSTRAINT IF EXISTS chk_order_items_restocked_at_most_sold,
    DROP CONSTRAINT IF EXISTS chk_order_items_price_source,
    DROP CONSTRAINT IF EXISTS chk_order_items_stock_source;
