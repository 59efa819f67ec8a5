DROP INDEX IF EXISTS ix_marketplace_orders_cancel_asked;
DROP TRIGGER IF EXISTS images_keep_sold ON images;
DROP FUNCTION IF EXISTS magflow_keep_sold_picture();
DROP TABLE IF EXISTS sold_pictures;
DROP TRIGGER IF EXISTS order_items_picture ON order_items;
DROP TRIGGER IF EXISTS order_items_picture_of_another ON order_items;
DROP FUNCTION IF EXISTS magflow_line_picture();
DROP INDEX IF EXISTS ix_order_items_image_id;
ALTER TABLE order_items DROP COLUMN IF EXISTS image_id;
