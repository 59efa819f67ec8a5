"""A shop as an old Rails application leaves it: nullable, unconstrained, with every fault that M2 names.

Written set by set, so that fifty thousand variants take seconds. The faults stand at fixed ids, so that the tests can
say where they are.
"""

from __future__ import annotations

import psycopg

Connection = psycopg.Connection[tuple[object, ...]]

TABLES = """
CREATE TABLE products (
    id bigserial PRIMARY KEY, name varchar(255), description text, slug varchar(255),
    created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL);
CREATE TABLE variants (
    id serial PRIMARY KEY, product_id integer, sku varchar(255), price numeric(10, 2), stock integer,
    options_digest varchar(255), external_sku varchar(255), status integer DEFAULT 0,
    warehouse_hint varchar(255) NOT NULL, created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL);
CREATE TABLE option_types (
    id bigserial PRIMARY KEY, name varchar(255), presentation varchar(255), position integer,
    created_at timestamp(6) NOT NULL);
CREATE TABLE option_values (
    id bigserial PRIMARY KEY, option_type_id bigint, name varchar(255), presentation varchar(255), position integer);
-- One join table without an id, one with.
CREATE TABLE option_value_variants (variant_id bigint, option_value_id bigint);
CREATE TABLE product_option_types (
    id bigserial PRIMARY KEY, product_id bigint, option_type_id bigint, position integer);
CREATE TABLE orders (
    id bigserial PRIMARY KEY, number varchar(32), status varchar(255), created_at timestamp(6),
    updated_at timestamp(6));
CREATE TABLE order_items (
    id bigserial PRIMARY KEY, order_id bigint, product_id bigint, variant_id bigint NOT NULL, quantity integer,
    price numeric(10, 2), created_at timestamp(6));
CREATE TABLE schema_migrations (version varchar PRIMARY KEY);
"""

# Ten variants a product: five colours by two sizes. 1 to 10 are values of Color and Size, 11 is of Material, which no
# product uses.
GOODS = """
INSERT INTO option_types (id, name, presentation, position, created_at) VALUES
    (1, 'Color', 'Culoare', 1, now()), (2, 'Size', 'Mărime', 2, now()), (3, 'Material', NULL, NULL, now());
INSERT INTO option_values (id, option_type_id, name, presentation, position)
SELECT g, CASE WHEN g <= 5 THEN 1 WHEN g <= 10 THEN 2 ELSE 3 END, 'Value ' || g, NULLIF('Roșu ' || g, 'Roșu 2'), g
FROM generate_series(1, 11) g;
INSERT INTO products (id, name, slug, created_at, updated_at)
SELECT g, CASE WHEN g % 50 = 0 THEN 'Cană' ELSE 'Tricou Ștefan ' || g END, 'x', '2020-01-01', '2021-01-01'
FROM generate_series(1, {products}) g;
INSERT INTO variants (id, product_id, sku, price, stock, external_sku, status, warehouse_hint, created_at, updated_at)
SELECT g, 1 + (g - 1) / 10, 'SKU-' || g, 10 + g % 90, g % 20, CASE WHEN g % 7 = 0 THEN 'EXT-' || g END, 0, 'A1',
       '2020-01-01', '2021-01-01'
FROM generate_series(1, {products} * 10) g;
INSERT INTO product_option_types (product_id, option_type_id, position)
SELECT p, t, t FROM generate_series(1, {products}) p, generate_series(1, 2) t;
INSERT INTO option_value_variants (variant_id, option_value_id)
SELECT g, 1 + (g - 1) % 5 FROM generate_series(1, {products} * 10) g
UNION ALL
SELECT g, CASE WHEN (g - 1) % 10 < 5 THEN 6 ELSE 7 END FROM generate_series(1, {products} * 10) g;
INSERT INTO orders (id, number, status, created_at, updated_at)
SELECT g, CASE WHEN g % 9 <> 0 THEN 'R' || g END,
       (ARRAY['complete', 'pending', 'canceled', 'returned', NULL, 'shipped', 'cart'])[1 + g % 7],
       '2022-01-01 10:00', '2022-02-01 10:00'
FROM generate_series(1, {products}) g;
INSERT INTO order_items (order_id, product_id, variant_id, quantity, price, created_at)
SELECT g, CASE WHEN g % 2 = 0 THEN 1 + (g * 3 - 1) / 10 END, g * 3, 1 + g % 3, CASE WHEN g % 5 <> 0 THEN 12.5 END,
       '2022-01-01' FROM generate_series(1, {products}) g;
"""

# What only a person can decide.
STOPPING = """
UPDATE variants SET sku = 'DUP-1' WHERE id = 101;
UPDATE variants SET sku = E'  DUP-1\\t' WHERE id = 102;
UPDATE variants SET external_sku = 'EXT-TWICE' WHERE id IN (201, 301);
INSERT INTO option_value_variants VALUES (401, 2), (401, 2);
UPDATE option_value_variants SET option_value_id = 2 WHERE variant_id = 501 AND option_value_id = 1;
INSERT INTO variants (id, product_id, sku, price, stock, warehouse_hint, created_at, updated_at)
VALUES (1000001, 999999, 'LOST', 5, 3, 'A1', now(), now());
INSERT INTO order_items (id, order_id, variant_id, quantity, price) VALUES (1000001, 1, 1000001, 2, 4.5);
"""

MENDING = """
UPDATE variants SET sku = 'DUP-2' WHERE id = 102;
UPDATE variants SET external_sku = NULL WHERE id = 301;
DELETE FROM option_value_variants WHERE variant_id = 401 AND option_value_id = 2;
UPDATE option_value_variants SET option_value_id = 1 WHERE variant_id = 501 AND option_value_id = 2;
UPDATE variants SET product_id = 1 WHERE id = 1000001;
INSERT INTO option_value_variants VALUES (1000001, 5), (1000001, 8);
"""

# What the cleanup settles by itself.
CLEANED = """
UPDATE variants SET sku = NULL WHERE id = 601;
UPDATE variants SET sku = '  ', external_sku = '' WHERE id = 602;
UPDATE variants SET sku = ' SKU-701 ', external_sku = E'\\tEXT-701\\u00a0' WHERE id = 701;
UPDATE variants SET price = NULL WHERE id = 801;
UPDATE variants SET price = -5 WHERE id = 802;
UPDATE variants SET stock = NULL WHERE id = 803;
UPDATE variants SET stock = -3 WHERE id = 804;
INSERT INTO option_value_variants SELECT * FROM option_value_variants WHERE variant_id = 901;
INSERT INTO product_option_types (product_id, option_type_id, position) VALUES (91, 1, 9);
INSERT INTO option_value_variants VALUES (999998, 1), (902, 99999), (NULL, 1);
INSERT INTO product_option_types (product_id, option_type_id, position) VALUES (999997, 1, 1), (92, 99, 1);
UPDATE variants SET options_digest = '999' WHERE id = 1001;
INSERT INTO products (id, name, created_at, updated_at) VALUES
    (1000001, 'Plain', now(), now()), (1000002, NULL, now(), now()), (1000003, 'Cană 2', now(), now());
INSERT INTO variants (id, product_id, sku, price, stock, status, warehouse_hint, created_at, updated_at) VALUES
    (1000002, 999998, 'GONE', 5, 3, 0, 'A1', now(), now()),
    (1000003, 1000001, 'P1', 5, 3, 0, 'A1', now(), now()), (1000004, 1000001, 'P2', 5, 3, NULL, 'A1', now(), now()),
    (1000005, 1000002, 'M1', 5, 0, 2, 'A1', now(), now()), (1000006, 1000002, 'M2', 5, 0, 0, 'A1', now(), now());
-- Only obsolete values; it had a digest once.
INSERT INTO option_value_variants VALUES (1000006, 11), (1000002, 11);
UPDATE variants SET options_digest = '11' WHERE id = 1000006;
INSERT INTO order_items (id, order_id, product_id, variant_id, quantity, price) VALUES
    (1000002, 1, 888888, 777777, 1, 3), (1000003, 987654, NULL, 1, 1, 3), (1000004, NULL, NULL, 1, 1, 3),
    (1000005, 2, NULL, 1, 0, 3), (1000006, 2, NULL, 1, NULL, 3);
INSERT INTO option_types (id, name, presentation, position, created_at) VALUES (4, ' COLOR', 'C', 1, now());
INSERT INTO option_values (id, option_type_id, name, position) VALUES (12, 1, 'value  1', 1), (13, 77, 'Lost', 1);
UPDATE orders SET number = 'R1' WHERE id = 2;
"""


def build(connection: Connection, *, products: int = 5000, stopping: bool = True) -> None:
    """Fill an empty database. The connection commits by itself."""
    connection.execute(TABLES)
    connection.execute(GOODS.replace("{products}", str(products)))
    connection.execute(CLEANED)
    if stopping:
        connection.execute(STOPPING)
    connection.execute(
        "ALTER TABLE order_items ADD CONSTRAINT fk_rails_e3cb28f071 FOREIGN KEY (order_id) REFERENCES orders (id) "
        "ON DELETE CASCADE NOT VALID"
    )
    for table in ("products", "variants", "option_types", "option_values", "orders", "order_items"):
        connection.execute(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))")


def mend(connection: Connection) -> None:
    """What the shop's owner does after reading the report."""
    connection.execute(MENDING)
