-- M5: the external SKU of an old shop is a name of the source `legacy`. A second run adds nothing.
INSERT INTO variant_external_ids (variant_id, source, source_account, external_id)
SELECT id, 'legacy', 'default', external_sku FROM variants
WHERE external_sku IS NOT NULL
ORDER BY id
ON CONFLICT (source, source_account, external_id) DO NOTHING;
