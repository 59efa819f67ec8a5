"""The API of variants: made, read, changed, switched on and off, and their stock explained."""

from typing import Any, Final

from flask import Response, abort

from magflow.blueprints.variants import answers, requests
from magflow.db import db
from magflow.queries import audit, catalogue, product_details, variant_lists
from magflow.queries import stock as movements
from magflow.services import stock, variants
from magflow.services.variants import ACTIVE, INACTIVE
from magflow.web.answers import listed
from magflow.web.api import ApiBlueprint, PageQuery, id_after, page_meta, perform, success
from magflow.web.auth import current_actor, visitor
from magflow.web.bodies import SeenBody
from magflow.web.permissions import requires

api = ApiBlueprint("api_variants", __name__, description="Variants and their stock")

FILTERS: Final = (
    "q", "sku", "sku_prefix", "ean", "product_id", "brand", "category", "option_name", "option_value",
    "stock_min", "stock_max", "purchasable", "complete",
)  # fmt: skip


def _variant(session: Any, variant: Any) -> dict[str, Any]:
    return answers.variant_json(catalogue.variant(session, variant.id))


def _filter(query: dict[str, Any], **more: Any) -> variant_lists.VariantFilter:
    status = {"active": ACTIVE, "inactive": INACTIVE}.get(query.get("status", ""))
    named: dict[str, Any] = {name: query[name] for name in FILTERS if name in query}
    return variant_lists.VariantFilter(status=status, **named, **more)


def _list(query: dict[str, Any], wanted: variant_lists.VariantFilter, present: Any = answers.variant_json) -> Response:
    sort = query.get("sort") or ("sku" if wanted.sku_prefix else variant_lists.NEWEST)
    page = variant_lists.variants(db.session(), wanted, sort=sort, after=query["cursor"], limit=query["limit"])
    meta = page_meta(page.total, page.next_key, estimated=page.total_is_estimate)
    return success([present(row) for row in page.rows], meta=meta)


@api.get("/variants")
@requires("catalog:read")
@api.filters(requests.VariantsQuery)
@api.answers(answers.VariantOut, many=True, description="Variants, newest first, inactive ones among them")
def list_variants(query: dict[str, Any]) -> Response:
    """List variants."""
    return _list(query, _filter(query))


@api.get("/products/<int:product_id>/variants")
@requires("catalog:read")
@api.filters(requests.VariantsOfProductQuery)
@api.answers(answers.VariantOut, many=True, description="Its variants, newest first, inactive ones among them")
def list_variants_of_product(query: dict[str, Any], product_id: int) -> Response:
    """List the variants of a product."""
    product_details.check_product(db.session(), product_id)
    return _list(query, _filter(query, product_id=product_id))


@api.post("/products/<int:product_id>/variants")
@requires("catalog:write")
@api.reads(requests.NewVariantBody)
@api.answers(answers.MadeVariantOut, status=(200, 201), description="The variant; 200 when it was there and inactive")
def create_variant(data: dict[str, Any], product_id: int) -> Response:
    """Make a variant, or bring back the inactive one of this combination.

    An inactive variant is always made anew: any number of drafts may share a combination.
    """
    command = variants.NewVariant(
        product_id,
        attributes=requests.attributes(data),
        active=data["status"] == "active",
        **requests.combination(data),
    )
    return perform(
        variants.create_or_reactivate,
        command,
        present=lambda session, made: {**_variant(session, made.variant), "action": made.outcome},
        created=lambda made: made.outcome == "created",
    )


@api.get("/products/<int:product_id>/variants/orphans")
@requires("catalog:read")
@api.filters(requests.VariantsOfProductQuery)
@api.answers(answers.OrphanOut, many=True, description="Variants that hold a value which the product no longer offers")
def list_orphans(query: dict[str, Any], product_id: int) -> Response:
    """List the variants of a product that hold values it no longer offers."""
    product_details.check_product(db.session(), product_id)
    return _list(query, _filter(query, product_id=product_id, orphaned=True), answers.orphan_json)


@api.get("/products/<int:product_id>/variants/available-combinations")
@requires("catalog:read")
@api.filters(PageQuery)
@api.answers(answers.FreeCombination, many=True, description="Combinations without an active variant")
def list_available_combinations(query: dict[str, Any], product_id: int) -> Response:
    """List the combinations of a product's values that no active variant has."""
    free = product_details.free_combinations(db.session(), product_id, after=id_after(query), limit=query["limit"])
    return success(free.rows, meta=page_meta(free.total, None if free.next_place is None else [free.next_place]))


@api.get("/variants/<int:variant_id>")
@requires("catalog:read")
@api.answers(answers.VariantOut, description="The variant")
def get_variant(variant_id: int) -> Response:
    """Read a variant."""
    return success(answers.variant_json(catalogue.variant(db.session(), variant_id)))


@api.put("/variants/<int:variant_id>")
@requires("catalog:write")
@api.reads(requests.VariantChangesBody)
@api.answers(answers.VariantOut, description="The variant as it stands now")
def change_variant(data: dict[str, Any], variant_id: int) -> Response:
    """Change the fields that are given: all of them, or none.

    A new stock says which stock it was decided on, so that a sale in between is never undone.
    """
    command = variants.EditVariant(
        variant_id,
        requests.changes(data),
        seen_version=data.get("version"),
        expected_stock=data.get("expected_inventory_quantity"),
        active=data["status"] == "active" if "status" in data else None,
        **requests.combination(data),
    )
    return perform(variants.edit, command, present=_variant)


@api.put("/variants/<int:variant_id>/options")
@requires("catalog:write")
@api.reads(requests.VariantOptionsBody)
@api.answers(answers.VariantOut, description="The variant as it stands now")
def change_variant_options(data: dict[str, Any], variant_id: int) -> Response:
    """Give a variant another combination. Only an active variant can collide with another."""
    given = requests.combination(data, required=True)
    command = variants.EditVariant(variant_id, {}, seen_version=data.get("version"), **given)
    return perform(variants.edit, command, present=_variant)


@api.post("/variants/<int:variant_id>/activate")
@requires("catalog:write")
@api.reads(requests.ActivationBody, required=False)
@api.answers(answers.VariantOut, description="The variant, active")
def activate_variant(data: dict[str, Any], variant_id: int) -> Response:
    """Activate a variant; refused while another active one has its combination, unless it takes that one's place.

    The refusal names the other one; sent again with its id as `instead_of`, the two are swapped in one step.
    """
    other = data.get("instead_of")
    if other is None:
        return _switch(variant_id, data, active=True)
    command = variants.Swap(variant_id, other, data.get("version"), data.get("instead_of_version"))
    return perform(variants.swap, command, present=_variant)


@api.post("/variants/<int:variant_id>/deactivate")
@requires("catalog:write")
@api.reads(SeenBody, required=False)
@api.answers(answers.VariantOut, description="The variant, inactive")
def deactivate_variant(data: dict[str, Any], variant_id: int) -> Response:
    """Deactivate a variant; it keeps its stock and its history."""
    return _switch(variant_id, data, active=False)


def _switch(variant_id: int, data: dict[str, Any], *, active: bool) -> Response:
    command = variants.EditVariant(variant_id, {}, seen_version=data.get("version"), active=active)
    return perform(variants.edit, command, present=_variant)


@api.delete("/variants/<int:variant_id>")
@requires("catalog:write")
@api.filters(requests.DeleteQuery)
@api.answers(answers.DeletedVariantOut, description="What became of it")
def delete_variant(query: dict[str, Any], variant_id: int) -> Response:
    """Deactivate a variant; with `hard=true` and the scope `admin`, remove it for good."""
    if not query["hard"]:
        return perform(
            variants.edit,
            variants.EditVariant(variant_id, {}, active=False),
            present=lambda _, variant: {"id": variant.id, "deleted": False, "status": "inactive"},
        )
    if "admin" not in (visitor().scopes or ()):
        abort(403)
    return perform(
        variants.delete_for_good,
        variant_id,
        present=lambda _, __: {"id": variant_id, "deleted": True, "status": "deleted"},
    )


@api.get("/variants/<int:variant_id>/history")
@requires("catalog:read")
@api.filters(PageQuery)
@api.answers(answers.ChangeOut, many=True, description="Changes, newest first")
def list_history(query: dict[str, Any], variant_id: int) -> Response:
    """Who changed what of a variant; its stock has movements instead."""
    product_details.check_variant(db.session(), variant_id)
    wanted = audit.AuditFilter(table_name="variants", row_id=str(variant_id))
    page = audit.entries(db.session(), wanted, after=id_after(query) or None, limit=query["limit"])
    return listed([answers.change_json(entry) for entry in page.rows], page)


@api.get("/variants/<int:variant_id>/stock-movements")
@requires("stock:read")
@api.filters(PageQuery)
@api.answers(answers.MovementOut, many=True, description="Movements, newest first")
def list_movements(query: dict[str, Any], variant_id: int) -> Response:
    """Why a variant's stock is what it is: the sum of its movements is its stock."""
    product_details.check_variant(db.session(), variant_id)
    page = movements.movements_of(db.session(), variant_id, after=id_after(query) or None, limit=query["limit"])
    return listed([answers.movement_json(row) for row in page.rows], page)


@api.post("/variants/<int:variant_id>/stock-adjustments")
@requires("stock:write")
@api.reads(requests.AdjustmentBody)
@api.answers(answers.AdjustedOut, status=(200, 201), description="The movement; 200 when the stock was that already")
def adjust_stock(data: dict[str, Any], variant_id: int) -> Response:
    """Change a variant's stock by a difference, or set it to what was counted."""
    command = stock.AdjustStock(
        variant_id, data["reason"], delta=data.get("delta"), set_to=data.get("set"), expected=data.get("expected")
    )
    # The service refuses a count on any other figure than the expected one, so this is what it changed.
    delta = command.delta if command.delta is not None else (command.set_to or 0) - (command.expected or 0)
    actor = current_actor().name
    return perform(
        stock.adjust,
        command,
        present=lambda _, variant: answers.adjusted_json(variant, delta, command.reason, actor),
        created=bool(delta),
    )
