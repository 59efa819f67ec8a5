"""Imported files: what each was, how its rows are prepared, and what became of every one of them."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Identity, Index, Integer, LargeBinary, Numeric, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from magflow.db import Base, Timestamp

NOW = text("clock_timestamp()")
UNLOGGED: dict[str, Any] = {"prefixes": ["UNLOGGED"]}
"""Prepared rows can be made again from the stored file: a crash of the server may take them."""


class Import(Base):
    """One uploaded file and what became of it. Count law: rows = applied + unchanged + refused when finished."""

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint("kind IN ('variants', 'stock', 'offers', 'orders')", name="kind"),
        CheckConstraint(
            "status IN ('uploaded', 'parsing', 'ready', 'running', 'paused', 'finished', 'cancelled', 'failed')",
            name="status",
        ),
        CheckConstraint(
            "status <> 'finished' OR rows_total = rows_applied + rows_unchanged + rows_refused", name="count_law"
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text, server_default=text("'file'"))
    source_account: Mapped[str] = mapped_column(Text, server_default=text("'default'"))
    filename: Mapped[str] = mapped_column(Text)
    stored_as: Mapped[str | None] = mapped_column(Text)
    """Name of the stored file inside the home folder's `imports/`."""
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    dry_run: Mapped[bool] = mapped_column(server_default=text("false"))
    status: Mapped[str] = mapped_column(Text, server_default=text("'uploaded'"))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    """Why a failed run failed: a code, and what to do."""
    reading: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    """How the file is read: encoding, delimiter, decimal sign of each column, columns that are left out."""
    choices: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    """What a person chose: `domain/imports/choices.py` says what there is."""
    feed_id: Mapped[int | None]
    """The address it was fetched from; no foreign key, for the history stays."""
    run: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Counts the starts. A runner that was overtaken by a later start finds another number and stops."""
    beat_at: Mapped[datetime | None] = mapped_column(Timestamp)
    """When the runner was last heard of."""
    rows_total: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    rows_applied: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    rows_unchanged: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    rows_refused: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    rows_missing: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Variants that were deactivated because the file did not have them. They are no rows of it."""
    actor: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    started_at: Mapped[datetime | None] = mapped_column(Timestamp)
    finished_at: Mapped[datetime | None] = mapped_column(Timestamp)
    undone_at: Mapped[datetime | None] = mapped_column(Timestamp)
    undone_by: Mapped[str | None] = mapped_column(Text)


class ImportRow(Base):
    """A record that changed something or was refused. One that is not here was found to be in the shop already.

    What it said stands in the stored file; the report of refused rows is read from there.
    """

    __tablename__ = "import_rows"
    __table_args__ = (
        Index("ix_import_rows_refused", "import_id", "number", postgresql_where=text("outcome = 'refused'")),
        CheckConstraint("outcome IN ('created', 'updated', 'refused')", name="outcome"),
    )

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """1 for the first record after the header."""
    line: Mapped[int] = mapped_column(Integer)
    outcome: Mapped[str] = mapped_column(Text)
    errors: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
    """Of a refused row: column, code, params, and the cell as it came."""
    variant_id: Mapped[int | None]
    changes: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    """Field -> [before, after], of a row that changed what was there."""
    version_after: Mapped[int | None] = mapped_column(Integer)
    seq_after: Mapped[int | None]
    """How the variant stood afterwards: version, and the number of its last movement."""
    undo: Mapped[str | None] = mapped_column(Text)
    """`undone`, or why it could not be set back: a stable code."""


class ImportProduct(Base):
    """What an import did to a product."""

    __tablename__ = "import_products"

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    product_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created: Mapped[bool]
    changes: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    version_after: Mapped[int] = mapped_column(Integer)
    undo: Mapped[str | None] = mapped_column(Text)


class ImportMissing(Base):
    """A variant that was deactivated because the file did not have it."""

    __tablename__ = "import_missing"

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    variant_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version_after: Mapped[int] = mapped_column(Integer)
    undo: Mapped[str | None] = mapped_column(Text)


class ImportChunk(Base):
    """Some products' rows, applied together in one transaction. An interrupted run goes on with those not done."""

    __tablename__ = "import_chunks"

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    first_part: Mapped[int] = mapped_column(Integer)
    last_part: Mapped[int] = mapped_column(Integer)
    first_row: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_row: Mapped[int] = mapped_column(Integer, server_default=text("2147483647"))
    """A chunk that the database refused is divided, in the end into single rows: then one part has several chunks."""
    rows: Mapped[int] = mapped_column(Integer)
    applied: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    unchanged: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    refused: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    missing: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    done_at: Mapped[datetime | None] = mapped_column(Timestamp)


class ImportStage(Base):
    """The rows of a running import, read and checked, waiting to be applied; NULL means that the cell was blank."""

    __tablename__ = "import_stage"
    __table_args__ = UNLOGGED

    import_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    part: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Rows of one product: the same number. Chunks are ranges of it."""
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(Integer)
    run_of: Mapped[int] = mapped_column(Integer)
    """Rows of one product that stand together in the file: what `part` was before equal products were joined."""
    key: Mapped[str | None] = mapped_column(Text)
    """On the first row of a run: the product's handle, as given or made from its name. Its other cells follow."""
    key_given: Mapped[bool | None]
    name: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    brand: Mapped[str | None] = mapped_column(Text)
    category: Mapped[str | None] = mapped_column(Text)
    archived: Mapped[bool | None]
    is_variant: Mapped[bool]
    """False for a row that only brings a picture of its product."""
    refused: Mapped[bool] = mapped_column(server_default=text("false"))
    """Found wrong when the whole file was looked at; what it said of its product still counts."""
    sku: Mapped[str | None] = mapped_column(Text)
    sku_base: Mapped[str | None] = mapped_column(Text)
    """What a SKU is made of when the row has none."""
    title: Mapped[str | None] = mapped_column(Text)
    price: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    compare_at_price: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    stock: Mapped[int | None] = mapped_column(Integer)
    delta: Mapped[int | None] = mapped_column(Integer)
    expected: Mapped[int | None] = mapped_column(Integer)
    active: Mapped[bool | None]
    ean: Mapped[str | None] = mapped_column(Text)
    vat_rate: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    external_id: Mapped[str | None] = mapped_column(Text)
    combo: Mapped[int | None] = mapped_column(Integer)
    """The row's option values, in `import_options`; NULL when it has none."""
    images: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """Addresses of the variant's own pictures."""
    makes_product: Mapped[bool] = mapped_column(server_default=text("false"))
    """A row that is a product by itself, with or without variants."""
    clears: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """Fields whose cell is blank and means nothing: they are emptied."""
    extra: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    """What only files of offers say."""


class ImportOption(Base):
    """One option of a combination that occurs in the file; a blank value means that only the option is there."""

    __tablename__ = "import_options"
    __table_args__ = UNLOGGED

    import_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    combo: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    type_name: Mapped[str] = mapped_column(Text)
    type_key: Mapped[str] = mapped_column(Text)
    value_name: Mapped[str | None] = mapped_column(Text)
    value_key: Mapped[str | None] = mapped_column(Text)


class ImportImage(Base):
    """A picture of a product, with the row that brought it."""

    __tablename__ = "import_images"
    __table_args__ = UNLOGGED

    import_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    ordinal: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(Integer)
    url: Mapped[str] = mapped_column(Text)
    alt_text: Mapped[str | None] = mapped_column(Text)


class ImportMapping(Base):
    """What was chosen for the files of a source the last time."""

    __tablename__ = "import_mappings"

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    source: Mapped[str] = mapped_column(Text, primary_key=True)
    source_account: Mapped[str] = mapped_column(Text, primary_key=True)
    choices: Mapped[dict[str, Any]] = mapped_column(JSONB)
    saved_by: Mapped[str] = mapped_column(Text)
    saved_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class ImportFeed(Base):
    """A file that is fetched by the clock and imported when it has changed."""

    __tablename__ = "import_feeds"
    __table_args__ = (
        CheckConstraint("kind IN ('variants', 'stock', 'offers', 'orders')", name="kind"),
        CheckConstraint("every_minutes BETWEEN 5 AND 43200", name="every_minutes"),
        Index("ix_import_feeds_next_at", "next_at", postgresql_where=text("active")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(Text, server_default=text("'auto'"))
    source: Mapped[str] = mapped_column(Text)
    source_account: Mapped[str] = mapped_column(Text, server_default=text("'default'"))
    every_minutes: Mapped[int] = mapped_column(Integer)
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    next_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    fetched_at: Mapped[datetime | None] = mapped_column(Timestamp)
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Of what was fetched last: the same again is not imported again."""
    import_id: Mapped[int | None]
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class ExportSchedule(Base):
    """A file that is written by the clock, into the home folder; who knows its address may read it."""

    __tablename__ = "export_schedules"
    __table_args__ = (
        CheckConstraint("every_minutes BETWEEN 5 AND 43200", name="every_minutes"),
        Index("idx_unique_export_token", "token_hash", unique=True, postgresql_where=text("token_hash IS NOT NULL")),
        Index("ix_export_schedules_next_at", "next_at", postgresql_where=text("active")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    what: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(Text)
    filters: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    every_minutes: Mapped[int] = mapped_column(Integer)
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    next_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    written_at: Mapped[datetime | None] = mapped_column(Timestamp)
    written_as: Mapped[str | None] = mapped_column(Text)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
