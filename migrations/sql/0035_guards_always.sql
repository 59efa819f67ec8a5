-- The triggers that hold an import and its rows together stand in for a foreign key: like every guard they fire in each
-- session, one that replays what another server wrote among them, and the audit of the shop asks for it.
ALTER TABLE import_rows
    ENABLE ALWAYS TRIGGER import_rows_import_added,
    ENABLE ALWAYS TRIGGER import_rows_stay;
ALTER TABLE imports
    ENABLE ALWAYS TRIGGER imports_rows_stay,
    ENABLE ALWAYS TRIGGER imports_rows_gone;
