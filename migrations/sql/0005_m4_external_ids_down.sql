DROP TABLE IF EXISTS variant_external_ids;
