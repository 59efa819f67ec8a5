"""What a column probably means, told by what people call it in three languages; only ever a proposal."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from magflow.domain.imports.layouts import FIELDS, REPORT_COLUMNS, folded
from magflow.domain.options import name_key

SYNONYMS: Final[Mapping[str, str]] = {
    "product": "product product_name name denumire nume produs denumire_produs nume_produs articol nome prodotto "
    "nome_prodotto titolo title",
    "description": "descriere descrizione body details detalii",
    "brand": "vendor marca producator marchio manufacturer fabricant produttore",
    "category": "type categorie categoria tip",
    "sku": "cod cod_produs cod_articol code item_code product_code codice codice_articolo referinta reference ref "
    "variant_sku part_number cod_furnizor cod_intern",
    "price": "pret pret_vanzare pret_cu_tva prezzo sale_price pret_lei unit_price prezzo_vendita price_ron",
    "compare_at_price": "pret_vechi pret_intreg pret_lista list_price prezzo_pieno prezzo_listino rrp msrp "
    "pret_recomandat",
    "stock": "stoc stoc_disponibil cantitate quantity qty inventory giacenza quantita disponibilita bucati buc",
    "status": "stare stato activ",
    "ean": "cod_de_bare cod_ean cod_bare barcode gtin upc ean13 codice_a_barre ean_code",
    "vat_rate": "tva cota_tva vat iva aliquota_iva tax_rate",
    "external_id": "id id_extern external id_produs id_prodotto codice_esterno",
    "image_urls": "imagine imagini image images poza poze image_url immagine immagini foto url_imagine",
    "expected": "stoc_asteptat stoc_vechi expected_stock giacenza_attesa",
    "delta": "diferenta diferenza change difference",
    "sale_price": "pret pret_vanzare prezzo price",
    "part_number_key": "pnk product_key cheie_produs",
    "number_of_offers": "numar_oferte nr_oferte offers numero_offerte",
    "buy_button_rank": "buy_button_rank rank pozitie buybox posizione",
    "number": "comanda nr_comanda numar_comanda numar order order_number order_no order_id nr ordine numero_ordine",
    "placed_at": "data data_comenzii data_comanda date order_date created created_at data_ordine",
    "customer_name": "client nume_client cumparator customer name buyer cliente nome_cliente",
    "customer_email": "email e_mail mail email_client",
    "customer_phone": "telefon phone telefono",
    "quantity": "cantitate qty buc bucati quantita units",
    "unit_price": "pret pret_unitar price prezzo prezzo_unitario",
    "currency": "moneda valuta",
    "note": "nota observatii notes note_client",
    "last_synced_at": "ultima_sincronizare last_sync ultima_actualizare ultima_sincronizzazione last_updated",
}
OPTIONS: Final = frozenset(
    {"culoare", "color", "colour", "colore", "marime", "size", "taglia", "misura", "material", "materiale",
     "capacitate", "capacity", "memorie", "memoria", "storage", "lungime", "aroma", "gust", "volum", "gramaj"}
)  # fmt: skip
"""Columns that hold the values of an option, under the option's own name."""


IN_BRACKETS: Final = re.compile(r"\((?!(?:fara|senza|without|excl|net)\b)[^()]*\)|\[[^\[\]]*\]")
"""A unit or a currency behind a name; a price without VAT is none of ours."""


def _word(header: str) -> str:
    plain = IN_BRACKETS.sub(" ", name_key(folded(header))) or header
    return "_".join(re.sub(r"[-_.:]", " ", plain).split())


def guess(headers: Sequence[str], kind: str) -> dict[str, str]:
    """A proposal for every column: a field, `option:Name`, or nothing. No field is proposed twice."""
    fields = FIELDS[kind]
    known = {word: name for name, words in SYNONYMS.items() if name in fields for word in words.split()}
    taken: set[str] = set()
    found: dict[str, str] = {}
    for exact in (True, False):
        for header in headers:
            if found.get(header):
                continue
            word = _word(header)
            target = (word if word in fields else "") if exact else known.get(word, "")
            if not exact and not target and kind == "variants" and word in OPTIONS:
                target = f"option:{header.strip()}"
            if target in taken or folded(header) in REPORT_COLUMNS:
                target = ""
            taken.add(target or " ")
            found[header] = target
    return found
