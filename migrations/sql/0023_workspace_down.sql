DROP TABLE IF EXISTS title_confirmations;
DROP TABLE IF EXISTS saved_view_defaults;
DROP TABLE IF EXISTS saved_views;
DROP TABLE IF EXISTS trouble_keeps;
DROP TABLE IF EXISTS variant_troubles;
