-- What a line showed is part of what was sold. A line names its picture when it is written, so that confirming an order
-- has nothing to look up; no foreign key, or a picture that was sold could never be taken away.
ALTER TABLE order_items ADD COLUMN IF NOT EXISTS image_id bigint;
CREATE INDEX IF NOT EXISTS ix_order_items_image_id ON order_items (image_id) WHERE image_id IS NOT NULL;

-- The first picture of the variant, else the first that its product's variants share.
CREATE OR REPLACE FUNCTION magflow_line_picture() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    new.image_id := coalesce(
        (SELECT i.id FROM public.images i WHERE i.variant_id = new.variant_id ORDER BY i.position, i.id LIMIT 1),
        (SELECT i.id FROM public.images i WHERE i.product_id = new.product_id AND i.variant_id IS NULL
         ORDER BY i.position, i.id LIMIT 1));
    RETURN new;
END $$;
-- Behind the guards, by its name. Of what was sold long ago nobody knows what it showed.
CREATE OR REPLACE TRIGGER order_items_picture BEFORE INSERT ON order_items
    FOR EACH ROW WHEN (NEW.image_id IS NULL AND NEW.variant_id IS NOT NULL AND NEW.stock_source <> 'historic')
    EXECUTE FUNCTION magflow_line_picture();
CREATE OR REPLACE TRIGGER order_items_picture_of_another BEFORE UPDATE OF variant_id ON order_items
    FOR EACH ROW WHEN (NEW.variant_id IS NOT NULL AND NEW.variant_id IS DISTINCT FROM OLD.variant_id)
    EXECUTE FUNCTION magflow_line_picture();
ALTER TABLE order_items
    ENABLE ALWAYS TRIGGER order_items_picture,
    ENABLE ALWAYS TRIGGER order_items_picture_of_another;

-- The small form of pictures that are gone and that some line showed.
CREATE TABLE IF NOT EXISTS sold_pictures (
    image_id bigint NOT NULL,
    content_type text NOT NULL,
    thumbnail bytea NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_sold_pictures PRIMARY KEY (image_id),
    CONSTRAINT chk_sold_pictures_content_type CHECK (content_type IN ('image/jpeg', 'image/webp'))
);
ALTER TABLE sold_pictures ALTER COLUMN thumbnail SET STORAGE EXTERNAL;

-- Whichever way a picture goes: taken away, or with its variant or its product.
CREATE OR REPLACE FUNCTION magflow_keep_sold_picture() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM public.order_items i WHERE i.image_id = old.id) THEN
        INSERT INTO public.sold_pictures (image_id, content_type, thumbnail)
        SELECT old.id, old.content_type, f.thumbnail FROM public.image_files f WHERE f.image_id = old.id
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN old;
END $$;
CREATE OR REPLACE TRIGGER images_keep_sold BEFORE DELETE ON images
    FOR EACH ROW EXECUTE FUNCTION magflow_keep_sold_picture();
ALTER TABLE images ENABLE ALWAYS TRIGGER images_keep_sold;

-- The orders whose buyers want to cancel: few among many.
CREATE INDEX IF NOT EXISTS ix_marketplace_orders_cancel_asked ON marketplace_orders (order_id) WHERE cancel_asked;
