-- What MagFlow looks for in an old shop before it changes anything. Frozen with migration 0003_m2_cleanup; also read by
-- `magflow db adopt` and, on a database that was not adopted yet, by `magflow audit`.
--
-- Every check is one read-only statement that returns one jsonb object a finding, naming its rows. Columns that an old
-- shop may lack are read through to_jsonb(), so that no check fails for want of one. Identifiers are compared as they
-- will be after trimming.
--
-- -- check: name | stops or cleaned | tables it needs | what it found

-- check: duplicate_sku | stops | variants, products | several variants of one product have the same SKU
SELECT jsonb_build_object('product_id', product_id, 'sku', sku, 'variant_ids', jsonb_agg(id ORDER BY id))
FROM (
    SELECT v.id, v.product_id,
           coalesce(nullif(btrim(to_jsonb(v) ->> 'sku', E' \t\n\r\f\v\u00a0'), ''), 'VAR-' || v.id) AS sku
    FROM variants v JOIN products p ON p.id = v.product_id
) v
GROUP BY product_id, sku HAVING count(*) > 1
ORDER BY product_id, sku;

-- check: duplicate_external_sku | stops | variants | several variants have the same external SKU
SELECT jsonb_build_object('external_sku', external_sku, 'variant_ids', jsonb_agg(id ORDER BY id))
FROM (
    SELECT id, nullif(btrim(to_jsonb(v) ->> 'external_sku', E' \t\n\r\f\v\u00a0'), '') AS external_sku FROM variants v
) v
WHERE external_sku IS NOT NULL
GROUP BY external_sku HAVING count(*) > 1
ORDER BY external_sku;

-- check: several_values_of_one_type | stops | variants, option_values, option_value_variants | a variant holds several values of one option
SELECT jsonb_build_object('variant_id', j.variant_id, 'option_type_id', o.option_type_id,
                          'option_value_ids', jsonb_agg(DISTINCT o.id ORDER BY o.id))
FROM option_value_variants j
JOIN variants v ON v.id = j.variant_id
JOIN option_values o ON o.id = j.option_value_id
GROUP BY j.variant_id, o.option_type_id HAVING count(DISTINCT o.id) > 1
ORDER BY j.variant_id, o.option_type_id;

-- check: duplicate_active_options | stops | variants, products, option_types, option_values, option_value_variants, product_option_types | several active variants of one product have the same options
SELECT jsonb_build_object('product_id', product_id, 'options_digest', digest, 'variant_ids', jsonb_agg(id ORDER BY id))
FROM (
    SELECT id, product_id, string_agg(value::text, '-' ORDER BY value) AS digest
    FROM (
        SELECT DISTINCT v.id, v.product_id, o.id AS value
        FROM variants v
        JOIN products p ON p.id = v.product_id
        JOIN option_value_variants j ON j.variant_id = v.id
        JOIN option_values o ON o.id = j.option_value_id
        JOIN option_types ty ON ty.id = o.option_type_id
        JOIN product_option_types t ON t.product_id = v.product_id AND t.option_type_id = ty.id
        WHERE lower(coalesce(to_jsonb(v) ->> 'status', '0')) IN ('0', 'active')
    ) chosen
    GROUP BY id, product_id
) v
GROUP BY product_id, digest HAVING count(*) > 1
ORDER BY product_id, digest;

-- check: orphan_variant_in_orders | stops | variants, products, order_items | a variant has no product, but orders use it
SELECT jsonb_build_object('variant_id', v.id, 'product_id', v.product_id, 'sku', to_jsonb(v) ->> 'sku',
                          'order_item_ids', jsonb_agg(i.id ORDER BY i.id))
FROM variants v JOIN order_items i ON i.variant_id = v.id
WHERE NOT EXISTS (SELECT FROM products p WHERE p.id = v.product_id)
GROUP BY v.id
ORDER BY v.id;

-- check: number_out_of_range | stops | variants | a price or a stock is too large to keep
SELECT jsonb_build_object('variant_id', id, 'price', price, 'stock', stock)
FROM (SELECT id, (to_jsonb(v) ->> 'price')::numeric AS price, (to_jsonb(v) ->> 'stock')::numeric AS stock FROM variants v) v
WHERE (price >= 10000000000 AND price <> 'NaN') OR stock > 2147483647
ORDER BY id;

-- check: missing_sku | cleaned | variants | a variant without a SKU is named VAR-<id>
SELECT jsonb_build_object('variant_id', v.id)
FROM variants v
WHERE coalesce(btrim(to_jsonb(v) ->> 'sku', E' \t\n\r\f\v\u00a0'), '') = ''
ORDER BY v.id;

-- check: untrimmed_identifier | cleaned | variants | spaces around an identifier are removed
SELECT jsonb_build_object('variant_id', id, 'sku', sku, 'external_sku', external_sku)
FROM (SELECT id, to_jsonb(v) ->> 'sku' AS sku, to_jsonb(v) ->> 'external_sku' AS external_sku FROM variants v) v
WHERE sku <> btrim(sku, E' \t\n\r\f\v\u00a0') OR external_sku <> btrim(external_sku, E' \t\n\r\f\v\u00a0')
ORDER BY id;

-- check: invalid_price | cleaned | variants | a missing or negative price becomes 0
SELECT jsonb_build_object('variant_id', id, 'price', price)
FROM (SELECT id, (to_jsonb(v) ->> 'price')::numeric AS price FROM variants v) v
WHERE price IS NULL OR price < 0 OR price = 'NaN'
ORDER BY id;

-- check: invalid_stock | cleaned | variants | a missing or negative stock becomes 0
SELECT jsonb_build_object('variant_id', id, 'stock', stock)
FROM (SELECT id, (to_jsonb(v) ->> 'stock')::numeric AS stock FROM variants v) v
WHERE stock IS NULL OR stock < 0
ORDER BY id;

-- check: repeated_variant_value | cleaned | option_value_variants | a value that a variant holds twice is kept once
SELECT jsonb_build_object('variant_id', variant_id, 'option_value_id', option_value_id, 'rows', count(*))
FROM option_value_variants
GROUP BY variant_id, option_value_id HAVING count(*) > 1
ORDER BY variant_id, option_value_id;

-- check: repeated_product_type | cleaned | product_option_types | an option that a product names twice is kept once
SELECT jsonb_build_object('product_id', product_id, 'option_type_id', option_type_id, 'rows', count(*))
FROM product_option_types
GROUP BY product_id, option_type_id HAVING count(*) > 1
ORDER BY product_id, option_type_id;

-- check: orphan_variant_value | cleaned | option_value_variants, variants, option_values | a value of no variant, or no value of a variant, is removed
SELECT jsonb_build_object('variant_id', j.variant_id, 'option_value_id', j.option_value_id)
FROM option_value_variants j
WHERE NOT EXISTS (SELECT FROM variants v WHERE v.id = j.variant_id)
   OR NOT EXISTS (SELECT FROM option_values o WHERE o.id = j.option_value_id)
ORDER BY j.variant_id, j.option_value_id;

-- check: orphan_product_type | cleaned | product_option_types, products, option_types | an option of no product is removed
SELECT jsonb_build_object('product_id', t.product_id, 'option_type_id', t.option_type_id)
FROM product_option_types t
WHERE NOT EXISTS (SELECT FROM products p WHERE p.id = t.product_id)
   OR NOT EXISTS (SELECT FROM option_types o WHERE o.id = t.option_type_id)
ORDER BY t.product_id, t.option_type_id;

-- check: orphan_variant | cleaned | variants, products, order_items | a variant without a product that no order uses is removed
SELECT jsonb_build_object('variant_id', v.id, 'product_id', v.product_id, 'sku', to_jsonb(v) ->> 'sku')
FROM variants v
WHERE NOT EXISTS (SELECT FROM products p WHERE p.id = v.product_id)
  AND NOT EXISTS (SELECT FROM order_items i WHERE i.variant_id = v.id)
ORDER BY v.id;

-- check: surplus_active_default | cleaned | variants, products, option_types, option_values, option_value_variants, product_option_types | of several active variants without options the first stays active
SELECT jsonb_build_object('product_id', v.product_id, 'variant_ids', jsonb_agg(v.id ORDER BY v.id))
FROM variants v
JOIN products p ON p.id = v.product_id
LEFT JOIN (
    SELECT DISTINCT j.variant_id
    FROM option_value_variants j
    JOIN variants w ON w.id = j.variant_id
    JOIN option_values o ON o.id = j.option_value_id
    JOIN option_types ty ON ty.id = o.option_type_id
    JOIN product_option_types t ON t.product_id = w.product_id AND t.option_type_id = ty.id
) chosen ON chosen.variant_id = v.id
WHERE chosen.variant_id IS NULL AND lower(coalesce(to_jsonb(v) ->> 'status', '0')) IN ('0', 'active')
GROUP BY v.product_id HAVING count(*) > 1
ORDER BY v.product_id;

-- check: line_without_variant | cleaned | order_items, variants | an order line points at a variant that is gone; the line stays without it
SELECT jsonb_build_object('order_item_id', i.id, 'order_id', i.order_id, 'variant_id', i.variant_id)
FROM order_items i
WHERE i.variant_id IS NOT NULL AND NOT EXISTS (SELECT FROM variants v WHERE v.id = i.variant_id)
ORDER BY i.id;

-- check: line_without_order | cleaned | order_items, orders | an order line belongs to no order; a cancelled order is made to hold it
SELECT jsonb_build_object('order_item_id', i.id, 'order_id', i.order_id)
FROM order_items i
WHERE NOT EXISTS (SELECT FROM orders o WHERE o.id = i.order_id)
ORDER BY i.id;

-- check: line_without_quantity | cleaned | order_items | an order line of no units is removed
SELECT jsonb_build_object('order_item_id', i.id, 'order_id', i.order_id, 'quantity', i.quantity)
FROM order_items i
WHERE i.quantity IS NULL OR i.quantity <= 0
ORDER BY i.id;
