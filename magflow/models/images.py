"""Pictures of products and variants, made anew from what was uploaded."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from magflow.db import Base, Timestamp


class Image(Base):
    """A picture of a product (variant_id NULL: shared by all its variants) or of one variant."""

    __tablename__ = "images"
    __table_args__ = (
        Index("ix_images_product_id", "product_id", text("variant_id NULLS FIRST"), "position", "id"),
        Index("ix_images_variant_id", "variant_id", "position", "id", postgresql_where=text("variant_id IS NOT NULL")),
        Index(
            "idx_unique_image_in_place",
            "product_id",
            "variant_id",
            "sha256",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("content_type IN ('image/jpeg', 'image/webp')", name="content_type"),
        CheckConstraint("width > 0 AND height > 0 AND byte_size > 0", name="size"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    variant_id: Mapped[int | None] = mapped_column(ForeignKey("variants.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(Integer)
    """Its place among the pictures of the product, or of the variant: 0, 1, 2, without gaps."""
    alt_text: Mapped[str | None] = mapped_column(Text)
    content_type: Mapped[str] = mapped_column(Text)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    byte_size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(Text)
    """Of the file that was sent, in hexadecimal: by it the same file is recognised, and caches tell pictures apart."""
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("clock_timestamp()"))


class ImageFile(Base):
    """The bytes of a picture, apart from what lists read and the audit log keeps."""

    __tablename__ = "image_files"

    image_id: Mapped[int] = mapped_column(
        ForeignKey("images.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    large: Mapped[bytes] = mapped_column(LargeBinary)
    thumbnail: Mapped[bytes] = mapped_column(LargeBinary)


class SoldPicture(Base):
    """The small form of a picture that is gone and that a line of an order showed. A trigger keeps it."""

    __tablename__ = "sold_pictures"
    __table_args__ = (CheckConstraint("content_type IN ('image/jpeg', 'image/webp')", name="content_type"),)

    image_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content_type: Mapped[str] = mapped_column(Text)
    thumbnail: Mapped[bytes] = mapped_column(LargeBinary)
    kept_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("clock_timestamp()"))
