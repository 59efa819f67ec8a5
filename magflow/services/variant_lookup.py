"""Finding the variant that an id or a SKU means, for lines that will refer to it."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import refer_to_products_of, refer_to_variants
from magflow.domain.errors import AmbiguousSku, FieldError, Invalid, NotFound
from magflow.models import Product, Variant


def share_products_of(session: Session, wanted: Sequence[tuple[int | None, str | None]]) -> None:
    """Before an order is locked into whose lines these (id, SKU) pairs go; whether they are there is asked later."""
    refer_to_products_of(
        session,
        variants=[id_ for id_, _ in wanted if id_ is not None],
        skus=[sku for id_, sku in wanted if id_ is None and sku],
    )


def find_variant(session: Session, variant_id: int | None, sku: str | None) -> Variant:
    """One variant by id, else by SKU. Raises NotFound, AmbiguousSku, Invalid when neither is given or they differ."""
    [variant] = find_variants(session, [(variant_id, sku)], at="")
    return variant


def find_variants(
    session: Session, wanted: Sequence[tuple[int | None, str | None]], *, at: str = "items[{n}]."
) -> list[Variant]:
    """The variants of many (id, SKU) pairs, in their order, with three statements whatever their number.

    They cannot be removed before the transaction ends. A SKU is unique within a product only: where several products
    have it, AmbiguousSku lists the variants. `at` says where a pair stands in the request.
    """
    if errors := [
        FieldError(f"{at.format(n=n)}variant_id", "required", {"or": "sku"})
        for n, (id_, sku) in enumerate(wanted)
        if id_ is None and not sku
    ]:
        raise Invalid(errors)
    ids = {id_ for id_, _ in wanted if id_ is not None}
    skus = {sku for id_, sku in wanted if id_ is None and sku}
    by_id = {v.id: v for v in session.scalars(select(Variant).where(Variant.id.in_(ids)))} if ids else {}
    by_sku: dict[str, list[Variant]] = {}
    if skus:
        for variant in session.scalars(select(Variant).where(Variant.sku.in_(skus)).order_by(Variant.id)):
            by_sku.setdefault(variant.sku, []).append(variant)
    found = []
    for n, (id_, sku) in enumerate(wanted):
        if id_ is not None:
            if id_ not in by_id:
                raise NotFound("variant", id_)
            if sku and sku != by_id[id_].sku:
                raise Invalid([FieldError(f"{at.format(n=n)}sku", "not_its_sku", {"sku": by_id[id_].sku})])
            found.append(by_id[id_])
        else:
            found.append(_the_one(session, sku or "", by_sku.get(sku or "", [])))
    refer_to_variants(session, [variant.id for variant in found])
    return found


def _the_one(session: Session, sku: str, variants: Sequence[Variant]) -> Variant:
    if not variants:
        raise NotFound("variant", sku)
    if len(variants) > 1:
        named = select(Product.id, Product.name).where(Product.id.in_([v.product_id for v in variants]))
        names = dict(session.execute(named).all())
        raise AmbiguousSku(
            sku, [{"variant_id": v.id, "product_id": v.product_id, "product": names[v.product_id]} for v in variants]
        )
    return variants[0]
