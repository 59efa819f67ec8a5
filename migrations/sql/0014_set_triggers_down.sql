DROP FUNCTION IF EXISTS magflow_look_at_catalogue();
CREATE OR REPLACE TRIGGER variants_ledger_open AFTER INSERT ON variants
    FOR EACH ROW WHEN (NEW.stock <> 0) EXECUTE FUNCTION magflow_ledger();
ALTER TABLE variants ENABLE ALWAYS TRIGGER variants_ledger_open;
DO $$
DECLARE
    watched record;
BEGIN
    FOR watched IN
        SELECT * FROM (VALUES
            ('variants', 'id', 'INSERT OR DELETE'),
            ('products', 'id', 'INSERT OR UPDATE OR DELETE'),
            ('option_types', 'id', 'INSERT OR UPDATE OR DELETE'),
            ('option_values', 'id', 'INSERT OR UPDATE OR DELETE'),
            ('product_option_types', 'product_id,option_type_id', 'INSERT OR UPDATE OR DELETE'),
            ('product_option_values', 'product_id,option_value_id', 'INSERT OR UPDATE OR DELETE'),
            ('variant_external_ids', 'id', 'INSERT OR UPDATE OR DELETE')
        ) AS w (tbl, key, events)
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %I', watched.tbl || '_audit_added', watched.tbl);
        EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %I FOR EACH ROW EXECUTE FUNCTION magflow_audit(%L)',
                       watched.tbl || '_audit', watched.events, watched.tbl, watched.key);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', watched.tbl, watched.tbl || '_audit');
    END LOOP;
END $$;
DROP FUNCTION IF EXISTS magflow_ledger_open(), magflow_audit_added();
