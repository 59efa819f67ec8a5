"""What is said about files and rows that cannot be taken: the code, and a sentence that says what to do."""

from collections.abc import Callable
from typing import Any, Final

from magflow.domain.errors import FieldError
from magflow.domain.imports.faults import ImportBusy
from magflow.web.locale import _, _l, ngettext
from magflow.web.sentences import SENTENCES, add_sentences, field_sentence

FILES: Final[dict[str, Any]] = {
    "empty_file": _l("The file is empty."),
    "workbook_broken": _l("The workbook cannot be opened. Save it again as .xlsx in a spreadsheet program."),
    "workbook_locked": _l("The workbook is locked by a password. Save it without one."),
    "workbook_linked": _l("The workbook refers to other files. Save it with values instead of links."),
    "workbook_strange": _l("The workbook holds what no table needs (%(part)s). Save only its sheet as .xlsx."),
    "workbook_too_large": _l("Unpacked, a workbook can have at most %(limit)s in %(parts)s parts. Save it as CSV."),
    "too_many_products": _l("A WooCommerce file can have at most %(limit)s variable products; divide it."),
    "unknown_account": _l("There is no account %(account)s of %(source)s. Add it under Settings, Accounts."),
    "not_a_text_file": _l("This is not a text file. Save it as CSV (UTF-8), then upload that."),
    "null_character": _l("Line %(line)s holds a null character. Take it out, or export the file again."),
    "header_broken": _l("The quotes in line %(line)s, which names the columns, do not close. Export it as CSV again."),
    "line_too_long": _l("A line of the file is longer than 16 MiB; it is no table. Export it as CSV again."),
    "encoding_unknown": _l("The file's letters cannot be read. Save it as CSV with the encoding UTF-8."),
    "no_header": _l("The first line must name the columns."),
    "too_many_columns": _l("A file can have at most %(limit)s columns."),
    "too_many_rows": _l("A file can have at most %(limit)s rows; divide it."),
    "too_many_options": _l("A file can have at most %(limit)s options."),
    "repeated_columns": _l("These columns stand there twice: %(columns)s. Keep one of each."),
    "unknown_columns": _l("These columns are not known: %(columns)s. Rename or remove them; known are: %(known)s."),
    "missing_columns": _l("These columns are missing: %(columns)s."),
    "option_halves": _l("An option needs its name and its value; one of the two is missing: %(columns)s."),
    "unknown_kind": _l("There is no kind “%(kind)s”; choose one of: %(choices)s."),
    "unknown_format": _l("There is no format “%(format)s”; choose one of: %(choices)s."),
    "quotes_never_closed": _l("Quotes are opened and never closed all over the file. Export it as CSV again."),
    "file_too_large": _l("A file can have at most %(limit)s; divide it."),
    "file_gone": _l("The uploaded file is no longer on this computer; upload it again."),
    "address_answered": _l("The address answered with %(status)s instead of a file."),
    "address_silent": _l("Nobody answers at this address, or not to the end."),
    "broken": _l("The import stopped for a reason that is in the log. Go on with it; if it stops again, ask for help."),
}

ROWS: Final[dict[str, Any]] = {
    "wrong_column_count": _l("The row has %(found)s cells, the header has %(expected)s."),
    "unclosed_quote": _l("A quote is opened in this row and not closed as it should be."),
    "broken_quotes": _l("Something stands behind a closing quote; double the quotes that belong to the text."),
    "too_many_cells": _l("The row has tens of thousands of cells; a delimiter was written in a loop."),
    "cell_too_long": _l("A cell is longer than 32,767 characters."),
    "ambiguous_number": _l("“%(value)s” can be read in two ways; write it with two decimals, or without a separator."),
    "contradicts": _l("Line %(line)s says something else about the same product; make them the same."),
    "same_key_twice": _l("The same stands in lines %(lines)s; keep one of them."),
    "same_combination_twice": _l("The same combination stands in lines %(lines)s; keep one of them."),
    "same_variant_twice": _l("Several rows are about the variant %(sku)s; keep one of them."),
    "parent_missing": _l("No row of the file is the product %(value)s that this variation belongs to."),
    "not_there": _l("No variant fits this row, and it cannot or shall not make one."),
    "several_variants": _l("Several variants fit this row; add a column that tells them apart."),
    "several_offers": _l("Several offers of the account fit this row; add the column external_id."),
    "same_offer_twice": _l("Several rows are about this offer; keep one of them."),
    "not_a_product_key": _l("A product key (PNK) has 3 to 20 letters and digits."),
    "not_a_date_or_time": _l("Write a date as 2026-03-05 or 05.03.2026, with or without a time."),
    "order_not_whole": _l("Line %(line)s of the same order is refused; an order is taken whole or not at all."),
    "number_taken": _l("Another order has this number."),
    "not_a_mapping": _l("Say for each column which field it is, or leave it out."),
    "product_missing": _l("There is no such product, and no row of the file names it."),
    "ambiguous_product": _l("Several products have this name; add a column handle to say which is meant."),
    "product_mismatch": _l("The external id belongs to a variant of another product."),
    "sku_taken": _l("Another variant of the product has the SKU %(sku)s."),
    "conflict": _l("The active variant %(sku)s has this combination already."),
    "unknown_sku": _l("There is no variant with this SKU."),
    "ambiguous_sku": _l("Several products have this SKU: %(products)s. Name the product in the column product."),
    "stale_version": _l("The stock was expected to be %(seen)s, but it is %(current)s now. Count again."),
    "below_zero_by": _l("%(wanted)s cannot be taken away: there are %(available)s."),
    "expected_with_delta": _l("What is expected belongs to a stock, not to a difference."),
    "not_stored": _l("The database does not accept this row."),
    "external_id_taken": _l("The external id belongs to another variant already."),
    "already_exists": _l("The variant is there already."),
    "already_taken": _l("The handle is taken."),
}

add_sentences({code: said for code, said in {**FILES, **ROWS}.items()})  # noqa: C416 - a copy, seen as one type

STATUS_WORDS: Final[dict[str, Any]] = {
    "uploaded": _l("waiting"),
    "parsing": _l("being read"),
    "ready": _l("ready"),
    "running": _l("running"),
    "paused": _l("paused"),
    "finished": _l("finished"),
    "cancelled": _l("cancelled"),
    "failed": _l("failed"),
    "undone": _l("undone"),
}

UNDO_WORDS: Final[dict[str, Any]] = {
    "gone": _l("the variant is gone"),
    "touched": _l("changed, sold or counted since"),
    "conflict": _l("it would stand in the way of another variant"),
    "offer_gone": _l("the offer is gone"),
    "read_since": _l("read from the marketplace since"),
    "order_gone": _l("the order is gone"),
    "order_touched": _l("somebody has worked on the order since"),
    "order_over": _l("it was over when it came, and counts nowhere"),
}

VALUE_WORDS: Final[dict[Any, Any]] = {
    "active": _l("active"),
    "inactive": _l("inactive"),
    "pending": _l("pending"),
    "confirmed": _l("confirmed"),
    "cancelled": _l("cancelled"),
    "returned": _l("returned"),
}
"""What statuses are called, of variants and of orders."""

ODDITIES: Final[dict[str, Callable[[int, str, int], str]]] = {
    "price_falls": lambda n, shown, percent: ngettext(
        "%(shown)s price falls by more than %(percent)s %%", "%(shown)s prices fall by more than %(percent)s %%",
        n, shown=shown, percent=percent),
    "price_rises": lambda n, shown, percent: ngettext(
        "%(shown)s price rises by more than %(percent)s %%", "%(shown)s prices rise by more than %(percent)s %%",
        n, shown=shown, percent=percent),
    "stock_to_zero": lambda n, shown, _percent: ngettext(
        "%(shown)s stock goes to 0", "%(shown)s stocks go to 0", n, shown=shown),
    "before_below_price": lambda n, shown, _percent: ngettext(
        "%(shown)s price before is below the price: are the two columns swapped?",
        "%(shown)s prices before are below the price: are the two columns swapped?", n, shown=shown),
    "deactivated": lambda n, shown, _percent: ngettext(
        "%(shown)s variant is deactivated", "%(shown)s variants are deactivated", n, shown=shown),
}  # fmt: skip
"""What stands out, how often (the number, and as it is written), and from how many per cent on."""

FORMAT_WORDS: Final = {"magflow": "MagFlow", "shopify": "Shopify", "woocommerce": "WooCommerce"}
CLEAR_WORDS: Final[dict[str, Any]] = {"keep": _l("leaves what is there"), "clear": _l("empties it")}
FIELD_WORDS: Final[dict[str, Any]] = {
    "handle": _l("Product's handle"),
    "product": _l("Product's name"),
    "description": _l("Product's description"),
    "brand": _l("Brand"),
    "category": _l("Category"),
    "sku": _l("SKU"),
    "title": _l("Variant's title"),
    "price": _l("Price"),
    "compare_at_price": _l("Price before"),
    "stock": _l("Stock"),
    "delta": _l("Difference of stock"),
    "expected": _l("Stock when the file was made"),
    "status": _l("Status"),
    "ean": _l("EAN"),
    "vat_rate": _l("VAT rate"),
    "external_id": _l("External id"),
    "image_urls": _l("Addresses of the variant's pictures"),
    "product_image_urls": _l("Addresses of the product's pictures"),
    "part_number_key": _l("Product key (PNK)"),
    "sale_price": _l("Price without VAT"),
    "number_of_offers": _l("Number of offers"),
    "buy_button_rank": _l("Place at the buy button"),
    "last_synced_at": _l("Last synchronised"),
    "options": _l("Options"),
    "name": _l("Product's name"),
    "archived": _l("Archived"),
    "images": _l("Pictures of the product"),
    "number": _l("Order number"),
    "placed_at": _l("When it was placed"),
    "customer_name": _l("Customer's name"),
    "customer_email": _l("Customer's e-mail address"),
    "customer_phone": _l("Customer's telephone"),
    "quantity": _l("Quantity"),
    "unit_price": _l("Price of one"),
    "currency": _l("Currency"),
    "note": _l("Note"),
}

SENTENCES[ImportBusy] = lambda r: _(
    "This import is %(status)s; that cannot be done with it now.",
    status=STATUS_WORDS.get(r.import_status, r.import_status),
)


def fault_sentence(fault: dict[str, Any]) -> str:
    """What is wrong with a row or a file, as it is stored."""
    return field_sentence(FieldError(fault.get("column", ""), fault["code"], fault.get("params") or {}))
