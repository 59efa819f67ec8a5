"""What a title or a SKU says of a variant's options, and how sure that is."""

from magflow.domain.title_reading.lexicon import KnownType, KnownValue, Lexicon
from magflow.domain.title_reading.reading import (
    CONFIDENCES,
    Choice,
    Item,
    Proposal,
    Reading,
    Reason,
    read_product,
)

__all__ = [
    "CONFIDENCES", "Choice", "Item", "KnownType", "KnownValue", "Lexicon", "Proposal", "Reading", "Reason",
    "read_product",
]  # fmt: skip
