-- What sold of each offer in the whole weeks of the last year, oldest first, and the days of each week on which nothing
-- was there to sell; the figures of the weeks that count, and what is expected from them. Made anew once a day; only of
-- variants that sold in this time. Nothing refers to it and nobody decides on it: it can be made from orders again.
CREATE TABLE IF NOT EXISTS demand_forecasts (
    variant_id bigint NOT NULL,
    account_id bigint NOT NULL,
    until date NOT NULL,
    sold integer[] NOT NULL,
    days_out smallint[] NOT NULL,
    weeks integer NOT NULL,
    mean double precision NOT NULL,
    variance double precision NOT NULL,
    weekly double precision,
    ratio double precision,
    own_part double precision,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_demand_forecasts PRIMARY KEY (variant_id, account_id),
    CONSTRAINT fk_demand_forecasts_variant_id FOREIGN KEY (variant_id) REFERENCES variants (id) ON DELETE CASCADE,
    CONSTRAINT fk_demand_forecasts_account_id
        FOREIGN KEY (account_id) REFERENCES marketplace_accounts (id) ON DELETE CASCADE,
    CONSTRAINT chk_demand_forecasts_arrays CHECK (cardinality(sold) = cardinality(days_out)),
    CONSTRAINT chk_demand_forecasts_weekly CHECK (weekly >= 0 AND ratio >= 1)
);
CREATE INDEX IF NOT EXISTS ix_demand_forecasts_account_id ON demand_forecasts (account_id);

-- Up to which movement of a variant the shares of a divided pool are settled: each movement changes them once.
CREATE TABLE IF NOT EXISTS pool_settlements (
    variant_id bigint NOT NULL,
    pool text NOT NULL,
    seq bigint NOT NULL,
    CONSTRAINT pk_pool_settlements PRIMARY KEY (variant_id, pool),
    CONSTRAINT fk_pool_settlements_variant_id FOREIGN KEY (variant_id) REFERENCES variants (id) ON DELETE CASCADE,
    CONSTRAINT fk_pool_settlements_pool FOREIGN KEY (pool) REFERENCES stock_pools (name) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS ix_pool_settlements_pool ON pool_settlements (pool);
