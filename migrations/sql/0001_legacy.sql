-- The tables of the shop that MagFlow adopts: nullable, unconstrained, as a Rails application left them.
-- A new shop walks the same road from here, with empty tables; whatever an old shop already has is left alone.

CREATE TABLE IF NOT EXISTS products (
    id bigserial PRIMARY KEY,
    name varchar,
    description text,
    created_at timestamp(6),
    updated_at timestamp(6)
);

CREATE TABLE IF NOT EXISTS variants (
    id bigserial PRIMARY KEY,
    product_id bigint,
    sku varchar,
    price numeric(10, 2),
    stock integer,
    options_digest varchar(255),
    created_at timestamp(6),
    updated_at timestamp(6)
);

CREATE TABLE IF NOT EXISTS option_types (
    id bigserial PRIMARY KEY,
    name varchar,
    presentation varchar,
    position integer
);

CREATE TABLE IF NOT EXISTS option_values (
    id bigserial PRIMARY KEY,
    option_type_id bigint,
    name varchar,
    presentation varchar,
    position integer
);

CREATE TABLE IF NOT EXISTS option_value_variants (
    variant_id bigint,
    option_value_id bigint
);

CREATE TABLE IF NOT EXISTS product_option_types (
    product_id bigint,
    option_type_id bigint,
    position integer
);

CREATE TABLE IF NOT EXISTS orders (
    id bigserial PRIMARY KEY,
    number varchar,
    status varchar,
    created_at timestamp(6),
    updated_at timestamp(6)
);

CREATE TABLE IF NOT EXISTS order_items (
    id bigserial PRIMARY KEY,
    order_id bigint,
    product_id bigint,
    variant_id bigint NOT NULL,
    quantity integer,
    created_at timestamp(6)
);
