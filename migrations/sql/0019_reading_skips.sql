-- What a person does not want to be asked about again; gone with the variant.
CREATE TABLE IF NOT EXISTS option_reading_skips (
    variant_id bigint NOT NULL,
    skipped_by text NOT NULL,
    skipped_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_option_reading_skips PRIMARY KEY (variant_id),
    CONSTRAINT fk_option_reading_skips_variant_id
        FOREIGN KEY (variant_id) REFERENCES variants (id) ON DELETE CASCADE
);

CREATE INDEX IF NOT EXISTS ix_variants_without_options ON variants (id) WHERE options_digest IS NULL;
