ALTER TABLE import_rows
    ENABLE TRIGGER import_rows_import_added,
    ENABLE TRIGGER import_rows_stay;
ALTER TABLE imports
    ENABLE TRIGGER imports_rows_stay,
    ENABLE TRIGGER imports_rows_gone;
