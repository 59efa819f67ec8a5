DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT t.tgrelid::regclass AS tbl, t.tgname AS name FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE NOT t.tgisinternal AND p.proname = 'magflow_audit'
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', found.name, found.tbl);
    END LOOP;
END $$;
DROP TABLE IF EXISTS audit_log;
DROP FUNCTION IF EXISTS magflow_audit(), magflow_record(text, text, text, jsonb);
