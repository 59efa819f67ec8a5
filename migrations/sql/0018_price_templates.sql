-- Which price template a product has, over which base price, and whether its prices follow when that changes.
CREATE TABLE IF NOT EXISTS product_price_templates (
    product_id bigint NOT NULL,
    price_template_id bigint NOT NULL,
    base_price numeric(12, 2) NOT NULL,
    follows boolean NOT NULL DEFAULT false,
    bulk_edit_id bigint,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_product_price_templates PRIMARY KEY (product_id),
    CONSTRAINT fk_product_price_templates_product_id
        FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE,
    CONSTRAINT fk_product_price_templates_price_template_id
        FOREIGN KEY (price_template_id) REFERENCES price_templates (id) ON DELETE CASCADE,
    CONSTRAINT fk_product_price_templates_bulk_edit_id
        FOREIGN KEY (bulk_edit_id) REFERENCES bulk_edits (id) ON DELETE SET NULL,
    CONSTRAINT chk_product_price_templates_base_price_positive CHECK (base_price >= 0)
);
CREATE INDEX IF NOT EXISTS ix_product_price_templates_price_template_id
    ON product_price_templates (price_template_id);
CREATE INDEX IF NOT EXISTS ix_product_price_templates_bulk_edit_id
    ON product_price_templates (bulk_edit_id);

-- How far a bulk edit is that runs as a job. A table of its own: the edit's row is locked by the transaction that works.
CREATE TABLE IF NOT EXISTS bulk_edit_progress (
    bulk_edit_id bigint NOT NULL,
    done integer NOT NULL,
    total integer NOT NULL,
    CONSTRAINT pk_bulk_edit_progress PRIMARY KEY (bulk_edit_id),
    CONSTRAINT fk_bulk_edit_progress_bulk_edit_id
        FOREIGN KEY (bulk_edit_id) REFERENCES bulk_edits (id) ON DELETE CASCADE
);

-- The base price is the price of the variant without options. Whichever way it changes - a form, the grid, a bulk edit,
-- an import - products whose prices follow it are told apart from the rest here, and the worker does the rest.
CREATE OR REPLACE FUNCTION magflow_base_price_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    INSERT INTO public.events (type, payload)
    SELECT 'product.base_price_changed', jsonb_build_object('product_id', t.product_id)
    FROM public.product_price_templates t WHERE t.product_id = NEW.product_id AND t.follows;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER variants_base_price AFTER UPDATE OF price ON variants
    FOR EACH ROW WHEN (NEW.options_digest IS NULL AND OLD.price IS DISTINCT FROM NEW.price)
    EXECUTE FUNCTION magflow_base_price_changed();
-- ALWAYS: also when a restore or a replica sets session_replication_role.
ALTER TABLE variants ENABLE ALWAYS TRIGGER variants_base_price;
