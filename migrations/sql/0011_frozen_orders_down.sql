DROP TRIGGER IF EXISTS orders_born_pending ON orders;
DROP TRIGGER IF EXISTS orders_guard ON orders;
DROP TRIGGER IF EXISTS orders_keep ON orders;
DROP TRIGGER IF EXISTS orders_no_truncate ON orders;
DROP TRIGGER IF EXISTS order_items_guard ON order_items;
DROP TRIGGER IF EXISTS order_items_guard_update ON order_items;
DROP TRIGGER IF EXISTS order_items_no_truncate ON order_items;
DROP FUNCTION IF EXISTS magflow_order_guard(), magflow_line_guard();
DROP TABLE IF EXISTS order_status_moves;
