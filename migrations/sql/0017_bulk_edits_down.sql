DROP TABLE IF EXISTS bulk_edit_rows;
DROP TABLE IF EXISTS bulk_edits;
