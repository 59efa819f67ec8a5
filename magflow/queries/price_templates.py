"""Price templates as lists and pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from magflow.domain.errors import NotFound
from magflow.models import PriceTemplate, PriceTemplateRule, Product, ProductPriceTemplate
from magflow.queries.paging import Page, counted


@dataclass(frozen=True)
class TemplateRow:
    """A template with its rules, and how many products had it last."""

    template: PriceTemplate
    rules: tuple[PriceTemplateRule, ...]
    products: int


def templates(session: Session, *, after: int | None = None, limit: int = 50) -> Page[TemplateRow]:
    """Templates, newest first, in four statements."""
    statement = select(PriceTemplate.id)
    total, estimate = counted(session, statement)
    if after is not None:
        statement = statement.where(PriceTemplate.id < after)
    ids = list(session.scalars(statement.order_by(PriceTemplate.id.desc()).limit(limit + 1)))
    page: Page[TemplateRow] = Page((), total, estimate, ids[limit - 1] if len(ids) > limit else None)
    return replace(page, rows=_rows(session, ids[:limit]))


def template(session: Session, template_id: int) -> TemplateRow:
    """One template. Raises NotFound."""
    rows = _rows(session, [template_id])
    if not rows:
        raise NotFound("price template", template_id)
    return rows[0]


def _rows(session: Session, ids: Sequence[int]) -> list[TemplateRow]:
    found = session.execute(
        select(PriceTemplate, func.count(ProductPriceTemplate.product_id))
        .outerjoin(ProductPriceTemplate, ProductPriceTemplate.price_template_id == PriceTemplate.id)
        .where(PriceTemplate.id.in_(ids))
        .group_by(PriceTemplate.id)
        .order_by(PriceTemplate.id.desc())
        .execution_options(populate_existing=True)
    ).all()
    rules: dict[int, list[PriceTemplateRule]] = {}
    for rule in session.scalars(
        select(PriceTemplateRule).where(PriceTemplateRule.price_template_id.in_(ids)).order_by(PriceTemplateRule.id)
    ):
        rules.setdefault(rule.price_template_id, []).append(rule)
    return [TemplateRow(template, tuple(rules.get(template.id, ())), count) for template, count in found]


def names(session: Session) -> list[tuple[int, str]]:
    """All templates to choose from, by name."""
    return [
        (row.id, row.name)
        for row in session.execute(select(PriceTemplate.id, PriceTemplate.name).order_by(PriceTemplate.name))
    ]


def of_product(session: Session, product_id: int) -> ProductPriceTemplate | None:
    """Which template a product's prices were made with last."""
    return session.get(ProductPriceTemplate, product_id, populate_existing=True)


def products_with(session: Session, template_id: int, *, limit: int = 50) -> list[tuple[Product, ProductPriceTemplate]]:
    """Products whose prices were made with a template, by name."""
    rows = session.execute(
        select(Product, ProductPriceTemplate)
        .join(ProductPriceTemplate, ProductPriceTemplate.product_id == Product.id)
        .where(ProductPriceTemplate.price_template_id == template_id)
        .order_by(Product.name, Product.id)
        .limit(limit)
    )
    return [(product, kept) for product, kept in rows]
