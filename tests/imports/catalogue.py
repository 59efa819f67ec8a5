"""A shop's catalogue as Shopify exports it: names with diacritics, several pictures, three options, none at all.

`python -m tests.imports.catalogue FILE [--legacy]` writes it, for walking through the screens.
"""

from __future__ import annotations

import csv
import io
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

CURRENT = (
    "Title", "URL handle", "Description", "Vendor", "Product category", "Type", "Tags", "Published on online store",
    "Status", "SKU", "Barcode", "Option1 name", "Option1 value", "Option1 Linked To", "Option2 name", "Option2 value",
    "Option2 Linked To", "Option3 name", "Option3 value", "Option3 Linked To", "Price", "Compare-at price",
    "Cost per item", "Charge tax", "Tax code", "Inventory tracker", "Inventory quantity",
    "Continue selling when out of stock", "Weight value (grams)", "Weight unit for display", "Requires shipping",
    "Fulfillment service", "Product image URL", "Image position", "Image alt text", "Variant image URL", "Gift card",
    "SEO title", "SEO description",
)  # fmt: skip

LEGACY = {
    "URL handle": "Handle", "Description": "Body (HTML)", "Product category": "Product Category",
    "Published on online store": "Published", "SKU": "Variant SKU", "Barcode": "Variant Barcode",
    "Option1 name": "Option1 Name", "Option1 value": "Option1 Value", "Option2 name": "Option2 Name",
    "Option2 value": "Option2 Value", "Option3 name": "Option3 Name", "Option3 value": "Option3 Value",
    "Price": "Variant Price", "Compare-at price": "Variant Compare At Price", "Charge tax": "Variant Taxable",
    "Tax code": "Variant Tax Code", "Inventory tracker": "Variant Inventory Tracker",
    "Inventory quantity": "Variant Inventory Qty", "Continue selling when out of stock": "Variant Inventory Policy",
    "Weight value (grams)": "Variant Grams", "Weight unit for display": "Variant Weight Unit",
    "Requires shipping": "Variant Requires Shipping", "Fulfillment service": "Variant Fulfillment Service",
    "Product image URL": "Image Src", "Image position": "Image Position", "Image alt text": "Image Alt Text",
    "Variant image URL": "Variant Image", "Gift card": "Gift Card", "SEO title": "SEO Title",
    "SEO description": "SEO Description",
}  # fmt: skip

COLOURS = ("Roșu", "Albastru", "Verde închis", "Crem", "Negru")
SIZES = ("XS", "S", "M", "L", "XL")

Product = tuple[str, str, str, Sequence[tuple[str, Sequence[str]]], str]

PRODUCTS: tuple[Product, ...] = (
    ("Tricou din bumbac", "Țesătoria Nord", "Tricouri", (("Culoare", COLOURS), ("Mărime", SIZES)), "59.90"),
    ("Cămașă de in", "Țesătoria Nord", "Cămăși", (("Culoare", COLOURS[:4]), ("Mărime", SIZES[1:])), "149.00"),
    ("Hanorac cu glugă", "Țesătoria Nord", "Hanorace", (("Culoare", COLOURS), ("Mărime", SIZES)), "189.50"),
    ("Șapcă brodată", "Atelierul Ana", "Accesorii", (("Culoare", COLOURS),), "45.00"),
    ("Fular împletit", "Atelierul Ana", "Accesorii", (("Culoare", COLOURS[:3]),), "79.00"),
    ("Husă de telefon", "Piele & Fir", "Huse",
     (("Model", ("Galaxy S24", "iPhone 15", "Pixel 8")), ("Culoare", COLOURS[:4]), ("Material", ("Piele", "Silicon"))),
     "69.90"),
    ("Ghete de munte", "Pas cu Pas", "Încălțăminte",
     (("Mărime", tuple(str(size) for size in range(36, 47))), ("Culoare", ("Maro", "Negru"))), "399.00"),
    ("Pantofi de alergare", "Pas cu Pas", "Încălțăminte",
     (("Mărime", tuple(str(size) for size in range(36, 46))), ("Culoare", ("Alb", "Gri", "Turcoaz"))), "279.99"),
    ("Șosete de lână", "Țesătoria Nord", "Accesorii", (("Mărime", ("36–39", "40–43", "44–47")),), "29.90"),
    ("Cană „Bună dimineața”", "Lut Viu", "Căni", (), "38.00"),
    ("Ceainic emailat", "Lut Viu", "Bucătărie", (), "120.00"),
    ("Miere de salcâm, 500 g", "Stupina Teiului", "Alimente", (), "32.50"),
    ("Gem de caise", "Cămara Bunicii", "Alimente", (("Gramaj", ("200 g", "350 g")),), "18.00"),
    ("Săpun cu lavandă", "Atelierul Ana", "Îngrijire", (), "15.00"),
    ("Lumânare parfumată", "Atelierul Ana", "Îngrijire",
     (("Parfum", ("Lavandă", "Vanilie", "Pin")), ("Mărime", ("Mică", "Mare"))), "42.00"),
    ("Rucsac de oraș", "Piele & Fir", "Genți", (("Culoare", COLOURS), ("Volum", ("18 l", "25 l"))), "259.00"),
    ("Pulover tricotat", "Țesătoria Nord", "Pulovere", (("Culoare", COLOURS), ("Mărime", SIZES)), "219.00"),
    ("Eșarfă de mătase", "Atelierul Ana", "Accesorii", (("Culoare", COLOURS),), "135.00"),
    ("Caiet A5", "Hârtia Bună", "Papetărie", (("Liniatură", ("Dictando", "Matematică", "Punctat")),), "14.50"),
)  # fmt: skip


def ean(number: int) -> str:
    """A Romanian EAN-13 with its check digit."""
    body = f"594{number:09d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(body), 1))
    return body + str((10 - total % 10) % 10)


def handle(name: str) -> str:
    """As Shopify makes it."""
    plain = name.lower().translate(str.maketrans("ăâîșțéă", "aaistea"))
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in plain).split())


def rows() -> Iterator[dict[str, str]]:
    """The file's rows, the picture rows among them."""
    numbers = itertools.count(1)
    for n, (name, vendor, kind, options, price) in enumerate(PRODUCTS, 1):
        own = handle(name)
        pictures = [f"https://cdn.example/{own}-{k}.jpg" for k in range(1, 2 + n % 3)]
        combinations = list(itertools.product(*(values for _option, values in options))) or [()]
        for place, values in enumerate(combinations):
            number = next(numbers)
            row = {
                "URL handle": own, "SKU": "" if n % 5 == 0 else f"{own[:12].upper()}-{place + 1:02d}",
                "Barcode": ean(number) if n % 4 else "", "Price": price,
                "Compare-at price": "" if place % 3 else f"{float(price) * 1.25:.2f}", "Charge tax": "TRUE",
                "Inventory tracker": "shopify", "Inventory quantity": str((number * 7) % 40),
                "Continue selling when out of stock": "DENY", "Weight value (grams)": str(100 + number),
                "Weight unit for display": "g", "Requires shipping": "TRUE", "Fulfillment service": "manual",
            }  # fmt: skip
            if place == 0:
                row |= {
                    "Title": name, "Vendor": vendor, "Type": kind, "Tags": "nou, toamnă", "Gift card": "FALSE",
                    "Description": f"<p>{name}: făcut în țară.</p>\n<ul><li>Livrare în 24 h</li></ul>",
                    "Published on online store": "TRUE", "Status": "Draft" if n == len(PRODUCTS) else "active",
                }  # fmt: skip
            for k, value in enumerate(values or ("Default Title",), 1):
                row[f"Option{k} value"] = value
                if place == 0:
                    row[f"Option{k} name"] = options[k - 1][0] if options else "Title"
            if place < len(pictures):
                row |= {"Product image URL": pictures[place], "Image position": str(place + 1), "Image alt text": name}
            if len(options) == 2:
                row["Variant image URL"] = pictures[0]
            yield row
        for extra in range(len(combinations), len(pictures)):
            yield {"URL handle": own, "Product image URL": pictures[extra], "Image position": str(extra + 1)}


def variant_count() -> int:
    """How many variants the file has."""
    return sum(1 for row in rows() if row.get("Option1 value"))


def row_count() -> int:
    """How many rows, pictures among them."""
    return sum(1 for _row in rows())


def text(*, legacy: bool = False) -> str:
    """The file, with the current header or the legacy one."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([LEGACY.get(name, name) for name in CURRENT] if legacy else CURRENT)
    for row in rows():
        writer.writerow([row.get(name, "") for name in CURRENT])
    return out.getvalue()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(legacy="--legacy" in sys.argv), encoding="utf-8")
    print(f"{len(PRODUCTS)} products, {variant_count()} variants, {row_count()} rows")
