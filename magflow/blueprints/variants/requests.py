"""What the catalogue's endpoints read. Unknown fields are refused by name; limits stand on the OpenAPI page."""

from collections.abc import Mapping
from typing import Any, Final

from magflow.domain.errors import FieldError, Invalid
from magflow.services.options import MOST_OPTIONS, OptionInput
from magflow.services.stock import LARGEST_STOCK
from magflow.web.api import PageQuery
from magflow.web.bodies import version
from magflow.web.border import (
    Body,
    Boolean,
    ChosenIds,
    Id,
    Integer,
    ListOf,
    LongText,
    Money,
    Nested,
    OneOf,
    Percent,
    Quantity,
    Query,
    Text,
)

STATUSES: Final = ("active", "inactive")
SORTS: Final = ("-id", "id", "sku", "-sku")
LONGEST_OPTION: Final = 100
MOST_VALUES: Final = 1000
LONGEST_SKU: Final = 120
LONGEST_EAN: Final = 64


def units(of: str) -> Quantity:
    """A field for units in stock, under one of its two names."""
    return Quantity(least=0, most=LARGEST_STOCK, metadata={"description": of})


# --- products --------------------------------------------------------------------------------------------------------


class OptionBody(Body):
    """An option of a product and the values it offers, in order."""

    name = Text(required=True, most=LONGEST_OPTION)
    values = ListOf(Text(most=LONGEST_OPTION), most=MOST_VALUES, load_default=list)


class NewProductBody(Body):
    name = Text(required=True)
    handle = Text(metadata={"description": "Unique; made from the name unless given"})
    description = LongText(allow_none=True)
    brand = Text(allow_none=True)
    category = Text(allow_none=True)
    vat_rate = Percent(allow_none=True, metadata={"description": "Per cent; null means the shop's rate"})
    options = ListOf(Nested(OptionBody), most=MOST_OPTIONS)
    sku = Text(most=LONGEST_SKU, metadata={"description": "With it the product gets its default variant"})
    price = Money(metadata={"description": "With it the product gets its default variant"})
    inventory_quantity = units("Stock of the default variant")
    stock = units("The same as `inventory_quantity`")
    ean = Text(most=LONGEST_EAN, allow_none=True, metadata={"description": "EAN of the default variant"})


class ProductChangesBody(Body):
    """Only the fields that are given are changed."""

    name = Text()
    handle = Text()
    description = LongText(allow_none=True)
    brand = Text(allow_none=True)
    category = Text(allow_none=True)
    vat_rate = Percent(allow_none=True, metadata={"description": "Per cent; null means the shop's rate"})
    version = version()


class ProductOptionsBody(Body):
    """All options of the product, in order. What is not listed is no longer offered."""

    options = ListOf(Nested(OptionBody), most=MOST_OPTIONS, required=True)
    version = version()


class NewOptionTypeBody(Body):
    name = Text(required=True, most=LONGEST_OPTION)
    presentation = Text(metadata={"description": "What customers read; the name, unless given"})
    values = ListOf(Text(most=LONGEST_OPTION), most=MOST_VALUES, load_default=list)


class ProductsQuery(PageQuery):
    q = Text(metadata={"description": "A part of the name, a handle, the beginning of a SKU, or a whole EAN"})
    brand = Text()
    category = Text()
    handle = Text()
    archived = Boolean()
    sku_prefix = Text(most=LONGEST_SKU, metadata={"description": "One of its variants has a SKU that starts with it"})
    option_value = Text(most=LONGEST_OPTION, metadata={"description": "A value that it offers"})


class OptionTypesQuery(PageQuery):
    q = Text(metadata={"description": "A part of the name"})


# --- variants --------------------------------------------------------------------------------------------------------


class OptionValueBody(Body):
    """One value of a combination, by the names that the product offers."""

    option_name = Text(required=True, most=LONGEST_OPTION)
    option_value = Text(required=True, most=LONGEST_OPTION)


class CombinationBody(Body):
    """A combination: by names, or by ids."""

    option_values = ListOf(Nested(OptionValueBody), most=MOST_OPTIONS)
    option_value_ids = ChosenIds(most=MOST_OPTIONS, metadata={"description": "Instead of `option_values`"})


class NewVariantBody(CombinationBody):
    title = Text(allow_none=True)
    sku = Text(most=LONGEST_SKU, metadata={"description": "Unique within the product; made unless given"})
    price = Money()
    compare_at_price = Money(allow_none=True)
    inventory_quantity = units("Stock it begins with")
    stock = units("The same as `inventory_quantity`")
    ean = Text(most=LONGEST_EAN, allow_none=True)
    vat_rate = Percent(allow_none=True, metadata={"description": "Per cent; null means the product's rate"})
    status = OneOf(STATUSES, load_default="active")


class VariantChangesBody(CombinationBody):
    """Only the fields that are given are changed."""

    title = Text(allow_none=True)
    sku = Text(most=LONGEST_SKU)
    price = Money()
    compare_at_price = Money(allow_none=True)
    inventory_quantity = units("New stock; needs `expected_inventory_quantity`")
    stock = units("The same as `inventory_quantity`")
    expected_inventory_quantity = units("The stock that was read; refused with `stale_version` when it is another now")
    ean = Text(most=LONGEST_EAN, allow_none=True)
    vat_rate = Percent(allow_none=True, metadata={"description": "Per cent; null means the product's rate"})
    status = OneOf(STATUSES)
    version = version()


class ActivationBody(Body):
    """Needs nothing; with `version` it is refused when somebody changed the variant meanwhile."""

    instead_of = Id(
        metadata={"description": "The active variant of the same combination: it becomes a draft in the same step"}
    )
    instead_of_version = version()
    version = version()


class VariantOptionsBody(CombinationBody):
    version = version()


class AdjustmentBody(Body):
    """Either `delta`, or `set` together with `expected`, the stock that was counted on."""

    delta = Integer(least=-LARGEST_STOCK, most=LARGEST_STOCK)
    expected = Quantity(least=0, most=LARGEST_STOCK)
    set = Quantity(least=0, most=LARGEST_STOCK)
    reason = Text(required=True, most=200)


class VariantsQuery(PageQuery):
    q = Text(metadata={"description": "A part of the SKU, the title or the product's name, or a whole EAN"})
    sku = Text(most=LONGEST_SKU)
    sku_prefix = Text(most=LONGEST_SKU, metadata={"description": "The list comes by SKU then"})
    ean = Text(most=LONGEST_EAN)
    status = OneOf(STATUSES)
    product_id = Id()
    brand = Text()
    category = Text()
    option_value = Text(most=LONGEST_OPTION, metadata={"description": "A value that the variant holds"})
    option_name = Text(most=LONGEST_OPTION, metadata={"description": "The option of `option_value`"})
    stock_min = Quantity(least=0, most=LARGEST_STOCK)
    stock_max = Quantity(least=0, most=LARGEST_STOCK)
    sort = OneOf(SORTS, metadata={"description": "`-id`, the newest first, unless told otherwise"})
    purchasable = Boolean(metadata={"description": "Active, complete, and in stock"})
    complete = Boolean(metadata={"description": "Has a value for every option of its product"})


class VariantsOfProductQuery(PageQuery):
    status = OneOf(STATUSES)
    purchasable = Boolean(metadata={"description": "Active, complete, and in stock"})
    complete = Boolean(metadata={"description": "Has a value for every option of its product"})


class DeleteQuery(Query):
    hard = Boolean(load_default=False, metadata={"description": "Remove the row; needs the scope `admin`"})


# --- bodies as commands ----------------------------------------------------------------------------------------------


def options(data: list[dict[str, Any]]) -> list[OptionInput]:
    """Options as the services take them."""
    return [OptionInput(option["name"], option["values"]) for option in data]


def stock_of(data: Mapping[str, Any]) -> int | None:
    """The stock that was given, under either name. Raises Invalid when the two differ."""
    given = {data[name] for name in ("inventory_quantity", "stock") if name in data}
    if len(given) > 1:
        raise Invalid([FieldError("stock", "one_of", {"fields": "inventory_quantity, stock"})])
    return given.pop() if given else None


def combination(data: Mapping[str, Any], *, required: bool = False) -> dict[str, Any]:
    """`option_values` or `option_value_ids`, as the services' commands call them. Raises Invalid for both at once."""
    if required and not data.keys() & {"option_values", "option_value_ids"}:
        raise Invalid([FieldError("option_values", "required", {"or": "option_value_ids"})])
    if "option_values" in data and "option_value_ids" in data:
        raise Invalid([FieldError("option_value_ids", "one_of", {"fields": "option_values, option_value_ids"})])
    given: dict[str, Any] = {}
    if "option_values" in data:
        given["option_values"] = [(pair["option_name"], pair["option_value"]) for pair in data["option_values"]]
    if "option_value_ids" in data:
        given["option_value_ids"] = data["option_value_ids"]
    return given


def attributes(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a variant that were given, `stock` among them."""
    named = ("title", "sku", "price", "compare_at_price", "ean", "vat_rate")
    given = {name: data[name] for name in named if name in data}
    seen = stock_of(data)
    return given if seen is None else {**given, "stock": seen}


def changes(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a change. Raises Invalid for an expected stock without a new one: it would be lost in silence."""
    given = attributes(data)
    if "expected_inventory_quantity" in data and "stock" not in given:
        raise Invalid([FieldError("inventory_quantity", "required", {"or": "stock"})])
    return given
