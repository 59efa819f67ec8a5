"""Products, their options, and the variants that are sold. Rules: domain, sections 1 and 2."""

from datetime import datetime
from decimal import Decimal
from enum import IntEnum

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from magflow.db import Base, Timestamp

NOW = text("clock_timestamp()")


class VariantStatus(IntEnum):
    """The numbers are load-bearing: the partial indexes of the schema name them."""

    ACTIVE = 0
    INACTIVE = 1


class Product(Base):
    __tablename__ = "products"
    __table_args__ = (
        Index("idx_unique_product_handle", "handle", unique=True),
        Index("ix_products_name", "name", "id"),
        Index("ix_products_brand", "brand", "id", postgresql_where=text("brand IS NOT NULL")),
        Index("ix_products_category", "category", "id", postgresql_where=text("category IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    handle: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    brand: Mapped[str | None] = mapped_column(Text)
    category: Mapped[str | None] = mapped_column(Text)
    vat_rate: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    """Per cent; NULL means the shop's rate."""
    archived: Mapped[bool] = mapped_column(server_default=text("false"))
    archived_at: Mapped[datetime | None] = mapped_column(Timestamp)
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class OptionType(Base):
    """What a product can vary in: Color, Size. Shared by all products of the shop."""

    __tablename__ = "option_types"
    __table_args__ = (Index("idx_unique_option_type_name_key", "name_key", unique=True),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[str | None] = mapped_column(Text)
    """The name folded for comparison; NULL on a legacy duplicate, so that old shops can be adopted."""
    presentation: Mapped[str | None] = mapped_column(Text)
    position: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    active: Mapped[bool] = mapped_column(server_default=text("true"))


class OptionValue(Base):
    """One value of an option type: Red, M."""

    __tablename__ = "option_values"
    __table_args__ = (Index("idx_unique_option_value_name_key", "option_type_id", "name_key", unique=True),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    option_type_id: Mapped[int] = mapped_column(ForeignKey("option_types.id", ondelete="RESTRICT"))
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[str | None] = mapped_column(Text)
    presentation: Mapped[str | None] = mapped_column(Text)
    position: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    active: Mapped[bool] = mapped_column(server_default=text("true"))


class ProductOptionType(Base):
    """Which option types a product uses, in order."""

    __tablename__ = "product_option_types"
    __table_args__ = (
        PrimaryKeyConstraint("product_id", "option_type_id", name="idx_unique_product_option_type"),
        Index("ix_product_option_types_option_type_id", "option_type_id"),
    )

    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    option_type_id: Mapped[int] = mapped_column(ForeignKey("option_types.id", ondelete="RESTRICT"))
    position: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class ProductOptionValue(Base):
    """Which values of its types a product offers, in order."""

    __tablename__ = "product_option_values"
    __table_args__ = (Index("ix_product_option_values_option_value_id", "option_value_id"),)

    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), primary_key=True)
    option_value_id: Mapped[int] = mapped_column(ForeignKey("option_values.id", ondelete="RESTRICT"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class Variant(Base):
    """A thing that is stocked and sold. Inactive ones are drafts; no query hides them by default."""

    __tablename__ = "variants"
    __table_args__ = (
        Index("idx_unique_sku_per_product", "product_id", "sku", unique=True),
        Index(
            "idx_unique_active_options_per_product",
            "product_id",
            "options_digest",
            unique=True,
            postgresql_where=text("options_digest IS NOT NULL AND status = 0"),
        ),
        Index(
            "idx_unique_active_default_variant",
            "product_id",
            unique=True,
            postgresql_where=text("options_digest IS NULL AND status = 0"),
        ),
        Index(
            "idx_unique_external_sku",
            "external_sku",
            unique=True,
            postgresql_where=text("external_sku IS NOT NULL"),
        ),
        # `stock`, `movement_seq`, `updated_at` and `price` are in no index, on purpose: a sale or a new price then
        # rewrites its row alone.
        Index("ix_variants_sku", "sku", postgresql_ops={"sku": "text_pattern_ops"}),
        Index("ix_variants_ean", "ean", postgresql_where=text("ean IS NOT NULL")),
        Index("ix_variants_sku_order", text('upper(sku) COLLATE "C"'), "id"),
        Index("ix_variants_drafts", "product_id", postgresql_where=text("status = 1")),
        Index("ix_variants_status", "status", "id"),
        Index("ix_variants_without_options", "id", postgresql_where=text("options_digest IS NULL")),
        CheckConstraint("price >= 0", name="price_positive"),
        CheckConstraint("price <> 'NaN' AND compare_at_price <> 'NaN'", name="price_number"),
        CheckConstraint("stock >= 0", name="stock_positive"),
        CheckConstraint("status IN (0, 1)", name="status"),
        CheckConstraint("sku = btrim(sku) AND sku <> ''", name="sku_trimmed"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="RESTRICT"))
    sku: Mapped[str] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    price: Mapped[Decimal] = mapped_column(Numeric(12, 2), server_default=text("0"))
    """Catalogue price, VAT included, in the shop's currency."""
    compare_at_price: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    stock: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Written by the ledger service alone; equals the sum of the variant's movements at every commit."""
    movement_seq: Mapped[int] = mapped_column(server_default=text("0"))
    status: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    options_digest: Mapped[str | None] = mapped_column(Text)
    external_sku: Mapped[str | None] = mapped_column(Text)
    ean: Mapped[str | None] = mapped_column(Text)
    vat_rate: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)

    product: Mapped[Product] = relationship(lazy="raise")


class OptionValueVariant(Base):
    """Which value a variant holds. Values of removed types stay here and are ignored by the digest."""

    __tablename__ = "option_value_variants"
    __table_args__ = (
        PrimaryKeyConstraint("variant_id", "option_value_id", name="idx_unique_ovv"),
        Index("ix_option_value_variants_option_value_id", "option_value_id"),
    )

    variant_id: Mapped[int] = mapped_column(ForeignKey("variants.id", ondelete="CASCADE"))
    option_value_id: Mapped[int] = mapped_column(ForeignKey("option_values.id", ondelete="RESTRICT"))


class VariantExternalId(Base):
    """What a variant is called outside: one row per (source, account, external id)."""

    __tablename__ = "variant_external_ids"
    __table_args__ = (
        Index("idx_unique_variant_external_id", "source", "source_account", "external_id", unique=True),
        Index("ix_variant_external_ids_variant_id", "variant_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    variant_id: Mapped[int] = mapped_column(ForeignKey("variants.id", ondelete="CASCADE"))
    source: Mapped[str] = mapped_column(Text)
    source_account: Mapped[str] = mapped_column(Text)
    external_id: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class VariantImage(Base):
    """A picture of a product (variant_id NULL: shared by all its variants) by address or stored file."""

    __tablename__ = "variant_images"
    __table_args__ = (
        Index("ix_variant_images_product_id", "product_id", "position"),
        Index("ix_variant_images_variant_id", "variant_id", postgresql_where=text("variant_id IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    variant_id: Mapped[int | None] = mapped_column(ForeignKey("variants.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(Text)
    alt_text: Mapped[str | None] = mapped_column(Text)
    position: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class PriceTemplate(Base):
    __tablename__ = "price_templates"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class PriceTemplateRule(Base):
    """What one option value adds to the base price: an amount, or per cent of it."""

    __tablename__ = "price_template_rules"
    __table_args__ = (
        CheckConstraint("kind IN ('amount', 'percent')", name="kind"),
        Index("ix_price_template_rules_price_template_id", "price_template_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    price_template_id: Mapped[int] = mapped_column(ForeignKey("price_templates.id", ondelete="CASCADE"))
    option_name: Mapped[str] = mapped_column(Text)
    option_value: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    amount: Mapped[Decimal] = mapped_column(Numeric(12, 2))


class ProductPriceTemplate(Base):
    """Which template a product's prices were made with last, and over which base price."""

    __tablename__ = "product_price_templates"
    __table_args__ = (
        CheckConstraint("base_price >= 0", name="base_price_positive"),
        Index("ix_product_price_templates_price_template_id", "price_template_id"),
        Index("ix_product_price_templates_bulk_edit_id", "bulk_edit_id"),
    )

    product_id: Mapped[int] = mapped_column(
        ForeignKey("products.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    price_template_id: Mapped[int] = mapped_column(ForeignKey("price_templates.id", ondelete="CASCADE"))
    base_price: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    follows: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether the prices are made anew when the base price changes."""
    bulk_edit_id: Mapped[int | None] = mapped_column(ForeignKey("bulk_edits.id", ondelete="SET NULL"))
    applied_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
