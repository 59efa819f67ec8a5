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
    "offers": (
        ("external_id", "sku", "part_number_key", "ean", "sale_price", "stock", "number_of_offers", "buy_button_rank",
         "status", "last_synced_at"),
        ("1001", "TB-ROSU-S", "DX3FT2MBM", "5940000000011", "50.34", "12", "3", "1", "active", "2026-03-05 10:00"),
        ("1002", "TB-ROSU-M", "", "", "50.34", "7", "", "", "active", "2026-03-05 10:00"),
    ),
    "orders": (
        ("number", "status", "placed_at", "customer_name", "customer_email", "sku", "product", "quantity", "unit_price",
         "vat_rate"),
        ("W-1001", "confirmed", "2026-03-05 10:00", "Ana Pop", "ana@example.com", "TB-ROSU-S", "Tricou din bumbac", "2",
         "59.90", "21"),
        ("W-1001", "", "", "", "", "TB-ROSU-M", "Tricou din bumbac", "1", "59.90", "21"),
    ),
}  # fmt: skip
