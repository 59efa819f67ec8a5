ALTER TABLE order_items
    DROP CONSTRAINT IF EXISTS fk_order_items_order_id,
    DROP CONSTRAINT IF EXISTS fk_order_items_product_id,
    DROP CONSTRAINT IF EXISTS fk_order_items_variant_id;
ALTER TABLE option_value_variants
    DROP CONSTRAINT IF EXISTS idx_unique_ovv,
    DROP CONSTRAINT IF EXISTS fk_option_value_variants_variant_id,
    DROP CONSTRAINT IF EXISTS fk_option_value_variants_option_value_id,
    ALTER COLUMN variant_id DROP NOT NULL,
    ALTER COLUMN option_value_id DROP NOT NULL;
ALTER TABLE product_option_types
    DROP CONSTRAINT IF EXISTS idx_unique_product_option_type,
    DROP CONSTRAINT IF EXISTS fk_product_option_types_product_id,
    DROP CONSTRAINT IF EXISTS fk_product_option_types_option_type_id,
    ALTER COLUMN product_id DROP NOT NULL,
    ALTER COLUMN option_type_id DROP NOT NULL;
ALTER TABLE variants
    DROP CONSTRAINT IF EXISTS fk_variants_product_id,
    DROP CONSTRAINT IF EXISTS chk_variants_price_positive,
    DROP CONSTRAINT IF EXISTS chk_variants_stock_positive,
    DROP CONSTRAINT IF EXISTS chk_variants_status,
    DROP CONSTRAINT IF EXISTS chk_variants_sku_trimmed,
    ALTER COLUMN product_id DROP NOT NULL,
    ALTER COLUMN sku DROP NOT NULL,
    ALTER COLUMN price DROP NOT NULL,
    ALTER COLUMN stock DROP NOT NULL,
    ALTER COLUMN status DROP NOT NULL;
DROP INDEX IF EXISTS idx_unique_sku_per_product, idx_unique_active_options_per_product,
    idx_unique_active_default_variant, idx_unique_external_sku, idx_unique_ovv, idx_unique_product_option_type;
