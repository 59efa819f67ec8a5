"""The API of the catalogue: products, their options, and the option types of the shop."""

from typing import Any

from flask import Response

from magflow.blueprints.variants import answers, requests
from magflow.db import db
from magflow.queries import catalogue, product_details, product_lists
from magflow.services import options, products
from magflow.web.answers import listed
from magflow.web.api import ApiBlueprint, id_after, perform, success
from magflow.web.bodies import EmptyBody
from magflow.web.permissions import requires

api = ApiBlueprint("api_catalogue", __name__, description="Products, their options, and option types")


@api.get("/products")
@requires("catalog:read")
@api.filters(requests.ProductsQuery)
@api.answers(answers.ProductOut, many=True, description="Products, newest first")
def list_products(query: dict[str, Any]) -> Response:
    """List products."""
    wanted = product_lists.ProductFilter(
        q=query.get("q"),
        brand=query.get("brand"),
        category=query.get("category"),
        archived=query.get("archived"),
        handle=query.get("handle"),
        sku_prefix=query.get("sku_prefix"),
        option_value=query.get("option_value"),
    )
    page = product_lists.products(db.session(), wanted, after=id_after(query) or None, limit=query["limit"])
    return listed([answers.product_json(row) for row in page.rows], page)


@api.post("/products")
@requires("catalog:write")
@api.reads(requests.NewProductBody)
@api.answers(answers.ProductDetailsOut, status=201, description="The product that was made")
def create_product(data: dict[str, Any]) -> Response:
    """Make a product; with `sku`, `price`, stock or EAN also its default variant."""
    stock = requests.stock_of(data)
    fields = ("name", "handle", "description", "brand", "category", "vat_rate", "sku", "price", "ean")
    command = products.NewProduct(
        **{name: data[name] for name in fields if name in data},
        stock=stock or 0,
        default_variant=stock is not None or data.get("ean") is not None,
        options=requests.options(data.get("options", [])),
    )
    return perform(
        products.create,
        command,
        present=lambda session, product: answers.details_json(product_details.details(session, product.id)),
        created=True,
    )


@api.get("/products/<int:product_id>")
@requires("catalog:read")
@api.answers(answers.ProductDetailsOut, description="The product, its options, and its default variant")
def get_product(product_id: int) -> Response:
    """Read a product."""
    return success(answers.details_json(product_details.details(db.session(), product_id)))


@api.patch("/products/<int:product_id>")
@requires("catalog:write")
@api.reads(requests.ProductChangesBody)
@api.answers(answers.ProductDetailsOut, description="The product as it stands now")
def change_product(data: dict[str, Any], product_id: int) -> Response:
    """Change the fields that are given."""
    seen = data.pop("version", None)
    return perform(
        products.edit,
        products.EditProduct(product_id, data, seen),
        present=lambda session, product: answers.details_json(product_details.details(session, product.id)),
    )


@api.post("/products/<int:product_id>/archive")
@requires("catalog:write")
@api.reads(EmptyBody, required=False)
@api.answers(answers.ArchivedOut, description="The product, and how many of its variants were active until now")
def archive_product(_data: dict[str, Any], product_id: int) -> Response:
    """Deactivate a product's variants and mark it archived."""
    return perform(
        products.archive,
        product_id,
        present=lambda session, done: {
            **answers.details_json(product_details.details(session, product_id)),
            "deactivated_count": done[1],
        },
    )


@api.put("/products/<int:product_id>/options")
@requires("catalog:write")
@api.reads(requests.ProductOptionsBody)
@api.answers(answers.OptionsChangedOut, description="The options, and what became of the variants")
def set_product_options(data: dict[str, Any], product_id: int) -> Response:
    """Say which options a product has and which values it offers. Types and values that are missing are made."""
    command = products.SetOptions(product_id, requests.options(data["options"]), data.get("version"))
    return perform(products.set_options, command, present=lambda _, changed: answers.options_changed_json(changed))


@api.get("/option-types")
@requires("catalog:read")
@api.filters(requests.OptionTypesQuery)
@api.answers(answers.OptionTypeOut, many=True, description="Option types with all their values, newest first")
def list_option_types(query: dict[str, Any]) -> Response:
    """List the option types of the shop."""
    page = catalogue.option_type_page(
        db.session(), q=query.get("q"), after=id_after(query) or None, limit=query["limit"]
    )
    return listed([answers.option_type_json(row) for row in page.rows], page)


@api.post("/option-types")
@requires("catalog:write")
@api.reads(requests.NewOptionTypeBody)
@api.answers(answers.OptionTypeOut, status=201, description="The option type that was made")
def create_option_type(data: dict[str, Any]) -> Response:
    """Make an option type and its values."""
    return perform(
        options.create_type,
        options.NewOptionType(data["name"], data["values"], data.get("presentation")),
        present=lambda _, made: answers.option_type_json(catalogue.OptionRow(made.type, made.values)),
        created=True,
    )
