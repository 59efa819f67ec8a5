"""WooCommerce writes the header of its export in the shop's language: Romanian and Italian names as the English ones.

Translations differ from version to version, so several words stand for one; only those columns that are taken over have
any. Cells are not translated: `variable`, `variation`, `parent` stand there in every language.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

WORDS: Final[Mapping[str, str]] = {
    word.strip(): name
    for name, words in {
        "type": "tip|tipo",
        "sku": "sku|cod|cod produs|cod sku|codice",
        "gtin, upc, ean, or isbn": "gtin, upc, ean sau isbn|gtin, upc, ean o isbn",
        "name": "nume|denumire|nome",
        "published": "publicat|pubblicato",
        "short description": "descriere scurta|breve descrizione|descrizione breve",
        "description": "descriere|descrizione",
        "stock": "stoc|inventar|magazzino|inventario|scorte|giacenza",
        "sale price": "pret promotional|pret redus|pret la reducere|pret de vanzare|prezzo in offerta|prezzo scontato",
        "regular price": "pret obisnuit|pret normal|pret intreg|pret regulat|prezzo di listino|prezzo normale|"
        "prezzo regolare",
        "categories": "categorii|categorie",
        "brands": "branduri|marci|marchi",
        "images": "imagini|immagini",
        "parent": "parinte|genitore",
    }.items()
    for word in words.split("|")
}
NUMBERED: Final = re.compile(r"([^0-9]*)([1-9][0-9]?)([^0-9]*)")
ATTRIBUTE: Final = re.compile(r"\bat+ribut")
OTHERWISE: Final = re.compile(r"implicit|predefinit|default|vizibil|visibil|global")
NEEDED: Final = frozenset({"type", "sku", "name", "parent"})
"""What every export of WooCommerce has, and hardly anybody else's file: `Tip` and `Părinte` beside one another."""


def in_english(names: Sequence[str]) -> list[str]:
    """Names of columns as WooCommerce calls them in English, as far as it has them; others stay as they are."""
    return [_english(name) for name in names]


def is_translated(names: Sequence[str]) -> bool:
    """Whether a header is WooCommerce's, in another language."""
    return set(in_english(names)) >= NEEDED


def _english(name: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    if plain in WORDS:
        return WORDS[plain]
    numbered = NUMBERED.fullmatch(plain)
    if numbered is None:
        return name
    said = f"{numbered[1]} {numbered[3]}"
    if not ATTRIBUTE.search(said) or OTHERWISE.search(said):
        return name
    if re.search(r"\bn[uo]me", said):
        return f"attribute {numbered[2]} name"
    return f"attribute {numbered[2]} value(s)" if re.search(r"\bvalor", said) else name
