"""Rows on their way to the database, written as COPY reads them: a line of text a row, `\\N` for what is absent."""

from collections.abc import Sequence
from typing import Final

NOTHING: Final = "\\N"

STAGE_COLUMNS: Final = (
    "part", "run_of", "number", "line", "key", "key_given", "name", "description", "brand", "category", "archived",
    "is_variant", "sku", "sku_base", "title", "price", "compare_at_price", "stock", "delta", "expected", "active",
    "ean", "vat_rate", "external_id", "combo", "images",
    "makes_product", "clears", "extra",
)  # fmt: skip
"""The columns of `import_stage` behind the import's id, in the order in which rows are written."""

OPTION_COLUMNS: Final = ("combo", "position", "type_name", "type_key", "value_name", "value_key")
IMAGE_COLUMNS: Final = ("number", "ordinal", "position", "url", "alt_text")
TURNED_DOWN_COLUMNS: Final = ("part", "run_of", "number", "line", "key", "is_variant", "refused")
"""Of a row that was refused while reading: where it stands, for those that cannot be taken without it."""

ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
IN_ARRAY: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})


def field(text: str | None) -> str:
    """A text as a field of a COPY line."""
    return NOTHING if text is None else text.translate(ESCAPES)


def flag(value: bool | None) -> str:
    """A boolean as a field."""
    return NOTHING if value is None else "t" if value else "f"


def array(values: Sequence[str]) -> str:
    """A list of texts as a field."""
    return field("{" + ",".join(f'"{value.translate(IN_ARRAY)}"' for value in values) + "}")


class Prepared:
    """What a batch of records came to."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.options: list[str] = []
        self.images: list[str] = []
        self.turned_down: list[str] = []

    def add(self, into: list[str], import_id: int, fields: Sequence[str]) -> None:
        """Write a line."""
        into.append(f"{import_id}\t" + "\t".join(fields) + "\n")
