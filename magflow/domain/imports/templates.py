"""Files to start from: the header of each kind, and two rows that show how it is meant."""

from typing import Final

TEMPLATES: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "variants": (
        ("product", "brand", "sku", "option1_name", "option1_value", "option2_name", "option2_value", "price",
         "compare_at_price", "stock", "status", "ean"),
        ("Tricou din bumbac", "Nord", "TB-ROSU-S", "Culoare", "Roșu", "Mărime", "S", "59.90", "74.90", "12", "active",
         "5940000000011"),
        ("Tricou din bumbac", "Nord", "TB-ROSU-M", "Culoare", "Roșu", "Mărime", "M", "59.90", "", "7", "active", ""),
    ),
    "stock": (
        ("sku", "product", "stock", "expected"),
        ("TB-ROSU-S", "Tricou din bumbac", "10", "12"),
        ("TB-ROSU-M", "Tricou din bumbac", "7", "7"),
    ),
}  # fmt: skip
