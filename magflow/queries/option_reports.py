"""What a change of the options of many products did, product by product."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Text, cast, func, select
from sqlalchemy.orm import Session

from magflow.db import any_of
from magflow.models import AuditEntry, Product, Variant, VariantTrouble


@dataclass(frozen=True)
class ProductReport:
    id: int
    name: str
    deactivated: int
    incomplete: int
    orphans: int


def report(session: Session, product_ids: Sequence[int], request_id: str) -> list[ProductReport]:
    """Per product: variants that one request deactivated, and active ones that are incomplete or orphans by now."""
    wanted = any_of(product_ids)
    deactivated = dict(
        session.execute(
            select(Variant.product_id, func.count())
            .join(AuditEntry, AuditEntry.row_id == cast(Variant.id, Text))
            .where(
                AuditEntry.table_name == "variants",
                Variant.product_id == wanted,
                AuditEntry.request_id == request_id,
                AuditEntry.action == "update",
                AuditEntry.new.op("->>")("status") == "1",
            )
            .group_by(Variant.product_id)
        ).all()
    )
    troubled = {
        (product_id, kind): count
        for product_id, kind, count in session.execute(
            select(VariantTrouble.product_id, VariantTrouble.kind, func.count())
            .where(VariantTrouble.product_id == wanted)
            .group_by(VariantTrouble.product_id, VariantTrouble.kind)
        )
    }
    names = session.execute(select(Product.id, Product.name).where(Product.id == wanted).order_by(Product.id))
    return [
        ProductReport(
            id_,
            name,
            deactivated.get(id_, 0),
            troubled.get((id_, "incomplete"), 0),
            troubled.get((id_, "orphan"), 0),
        )
        for id_, name in names
    ]
