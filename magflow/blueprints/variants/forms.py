"""What the catalogue's forms send, as values: products, their options, variants, stock."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flask import request

from magflow.domain.border import INT32_MAX, Unfit, integer, text
from magflow.domain.errors import FieldError
from magflow.services.options import OptionInput
from magflow.web import border
from magflow.web.forms import TypedMoney, TypedPercent
from magflow.web.locale import _l
from magflow.web.sentences import add_sentences, field_sentence

LARGEST_STOCK = 1_000_000_000
MOST_OPTIONS, MOST_VALUES = 20, 500

add_sentences(
    {
        "different_combinations": _l("The two variants no longer have the same combination; look at them again."),
        "values_without_a_name": _l("These values belong to no option; give it a name."),
    }
)


class ProductsQuery(border.Query):
    """What the address of the list says."""

    view = border.OneOf(("empty", "drafts", "troubled", "archived"))
    q = border.Text(most=200)
    brand = border.Text()
    category = border.Text()
    sold_out = border.Boolean()
    columns = border.Text(most=200)


class ProductForm(border.Query):
    name = border.Text(required=True)
    brand = border.Text()
    category = border.Text()
    description = border.LongText()
    vat_rate = TypedPercent()


class EditProductForm(ProductForm):
    version = border.Integer(required=True, least=1)


class NewProductForm(ProductForm):
    sku = border.Text(most=120)
    price = TypedMoney()
    stock = border.Quantity(least=0, most=LARGEST_STOCK)
    ean = border.Text(most=64)


class OptionsForm(border.Query):
    version = border.Integer(required=True, least=1)
    plan = border.Text(most=64)


class NewVariantForm(border.Query):
    title = border.Text()
    sku = border.Text(most=120)
    price = TypedMoney(required=True)
    compare_at_price = TypedMoney()
    stock = border.Quantity(least=0, most=LARGEST_STOCK)
    ean = border.Text(most=64)
    draft = border.Boolean()


class VariantForm(border.Query):
    version = border.Integer(required=True, least=1)
    title = border.Text()
    sku = border.Text(most=120, required=True)
    price = TypedMoney(required=True)
    compare_at_price = TypedMoney()
    ean = border.Text(most=64)
    vat_rate = TypedPercent()


class VersionForm(border.Query):
    """Nothing but the version that was seen, and where to go back to."""

    version = border.Integer(required=True, least=1)
    back = border.OneOf(("product", "variant"))


class SwapForm(border.Query):
    version = border.Integer(required=True, least=1)
    other = border.Id(required=True)
    other_version = border.Integer(required=True, least=1)


class Difference(border.Integer):
    """A signed number, with the minus of a keyboard or the one of our own screens."""

    def convert(self, value: object, as_text: bool) -> int:
        return super().convert(value.replace("−", "-") if isinstance(value, str) else value, as_text)


class StockForm(border.Query):
    """By a difference, or a count together with the figure that was seen."""

    how = border.OneOf(("delta", "count"), required=True)
    delta = Difference(least=-LARGEST_STOCK, most=LARGEST_STOCK)
    counted = border.Quantity(least=0, most=LARGEST_STOCK)
    expected = border.Integer(required=True, least=0, most=INT32_MAX)
    reason = border.Text(most=200, required=True)


class ReportQuery(border.Query):
    """Which change of options a product's page reports."""

    changed = border.Text(most=64)


# --- options of a product: a row an option, its values as a list ------------------------------------------------------


@dataclass
class OptionRow:
    """One option as it was typed."""

    name: str = ""
    values: str = ""
    errors: list[str] = field(default_factory=list)


@dataclass
class OptionRows:
    """All rows of the form, the empty ones left out, and what they mean."""

    rows: list[OptionRow]
    options: list[OptionInput]

    @property
    def ok(self) -> bool:
        return not any(row.errors for row in self.rows)

    def refuse(self, errors: Sequence[FieldError]) -> None:
        """Put what a service said about `options[2].values[0]` to the row it means."""
        for error in errors:
            found = re.match(r"options\[([0-9]+)\]", error.field)
            if found and int(found[1]) < len(self.rows):
                self.rows[int(found[1])].errors.append(field_sentence(error))


def sent_options() -> OptionRows:
    """The rows of the present request, checked as text; the service checks what they mean together."""
    names, values = request.form.getlist("option_name"), request.form.getlist("option_values")
    rows: list[OptionRow] = []
    options: list[OptionInput] = []
    for name, listed in zip(names[:MOST_OPTIONS], values[:MOST_OPTIONS], strict=False):
        if not name.strip() and not listed.strip():
            continue
        row = OptionRow(name, listed)
        rows.append(row)
        options.append(_checked(row))
    return OptionRows(rows, options)


def _checked(row: OptionRow) -> OptionInput:
    if not row.name.strip():
        row.errors.append(field_sentence(FieldError("option_name", "values_without_a_name")))
        return OptionInput("")
    wanted = typed_values(row.values)
    if len(wanted) > MOST_VALUES:
        row.errors.append(field_sentence(FieldError("option_values", "too_many", {"limit": MOST_VALUES})))
        return OptionInput("")
    try:
        return OptionInput(text(row.name), tuple(text(value) for value in wanted))
    except Unfit as unfit:
        row.errors.append(field_sentence(FieldError("option_values", unfit.code, unfit.params)))
        return OptionInput("")


VALUE = re.compile(r'\s*(?:"([^"]*)"|([^,;]*))\s*(?:[,;]|$)')


def typed_values(listed: str) -> list[str]:
    """`Red, Blue` or one a line. Quotes hold a comma together: `"1,5 l", 2 l`; on lines of their own, commas stay."""
    lines = [line.strip() for line in listed.splitlines() if line.strip()]
    if len(lines) != 1:
        return lines
    found = [(quoted or plain).strip() for quoted, plain in VALUE.findall(lines[0])]
    return [value for value in found if value]


def listed_values(values: Sequence[str]) -> str:
    """Values as `typed_values` reads them back."""
    if any(mark in value for value in values for mark in ",;"):
        return "\n".join(values) if len(values) > 1 else f'"{values[0]}"'
    return ", ".join(values)


# --- options of a variant: a drop-down an option ----------------------------------------------------------------------


def sent_choices() -> list[int]:
    """The ids of the option values that were chosen in the drop-downs `option_<id of the type>`."""
    return _choices(request.form)


def asked_choices() -> list[int]:
    """The same from the address: a combination that was suggested."""
    return _choices(request.args)


def _choices(given: Mapping[str, str]) -> list[int]:
    chosen = []
    for name, value in given.items():
        if name.startswith("option_") and value.strip():
            try:
                chosen.append(integer(value, least=1, as_text=True, most=2**63 - 1))
            except Unfit:
                chosen.append(-1)  # the service names it as unknown
    return chosen
