DROP FUNCTION IF EXISTS magflow_order_numbers_given();
DROP FUNCTION IF EXISTS magflow_order_number(text);
DROP FUNCTION IF EXISTS magflow_add_order_series(text, text, text);
DO $$
DECLARE
    code text;
BEGIN
    FOR code IN SELECT s.code FROM order_series s WHERE s.code <> 'MF' LOOP
        EXECUTE format('DROP SEQUENCE IF EXISTS public.%I', 'order_numbers_' || lower(code));
    END LOOP;
END $$;
DROP TABLE IF EXISTS order_series;
DROP TABLE IF EXISTS refunds;
DROP FUNCTION IF EXISTS magflow_refund_guard();
ALTER TABLE restocks DROP CONSTRAINT IF EXISTS chk_restocks_write_off;
ALTER TABLE restocks DROP CONSTRAINT IF EXISTS chk_restocks_kind;
ALTER TABLE restocks DROP COLUMN IF EXISTS write_off;
ALTER TABLE restocks DROP COLUMN IF EXISTS kind;
DROP INDEX IF EXISTS ix_orders_customer_email;
DROP TABLE IF EXISTS order_handling;
