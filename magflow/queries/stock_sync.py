"""Offers of a SKU side by side, and what follows from them: one statement for one SKU or for a thousand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import exists, select, text
from sqlalchemy.orm import Session

from magflow.domain.amounts import Policy, Split, advise, best_split, together
from magflow.domain.demand import Demand
from magflow.domain.errors import AmbiguousSku, NotFound
from magflow.domain.marketplaces import ACTIVE_OFFER, ONLY_CALL_US, offered, sellable
from magflow.domain.stock_sync import Analysis, OfferFacts, Thresholds, analyse
from magflow.models import Offer, Product, Setting, StockAlert, Variant
from magflow.queries.paging import Page, counted

SETTING: Final = "stock_sync"
FIGURES: Final = ("low_stock", "stale_days", "default_transfer")
MOVING: Final = ("horizon_days", "lead_days", "transfer_cost", "unit_cost", "margin_percent", "floor")
"""What moving goods means to the shop: `magflow.domain.amounts.Policy`."""


@dataclass(frozen=True)
class Limits:
    """The shop's thresholds, and those of single categories."""

    shop: Thresholds = field(default_factory=Thresholds)
    categories: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)

    def of(self, category: str | None) -> Thresholds:
        """What holds for a product of this category."""
        own = self.categories.get(category or "", {})
        low, stale, usual = (int(own.get(name, getattr(self.shop, name))) for name in FIGURES)
        return Thresholds(low, stale, usual, self.shop.strict_competition)


def limits(session: Session) -> Limits:
    """The thresholds as they are now."""
    kept = session.scalar(select(Setting.value).where(Setting.key == SETTING)) or {}
    given = {name: int(kept[name]) for name in FIGURES if name in kept}
    strict = kept.get("competition") == "other_sellers"
    policy = Policy(**{name: kept[name] for name in MOVING if name in kept})
    return Limits(Thresholds(**given, strict_competition=strict), kept.get("categories") or {}, policy)


MOST_CATEGORIES: Final = 500
CATEGORIES: Final = """
SELECT DISTINCT category FROM products WHERE category <> '' AND NOT archived ORDER BY category LIMIT :most"""


def categories(session: Session) -> list[str]:
    """The categories of the shop's products, to choose from."""
    return list(session.scalars(text(CATEGORIES), {"most": MOST_CATEGORIES}))


@dataclass(frozen=True)
class Account:
    """An account as the screens name it. `label` is its code; with the source in front where another has it."""

    id: int
    source: str
    code: str
    label: str
    fulfilment: str
    pool: str
    pool_kind: str
    pool_mode: str
    stock_writable: bool
    publishing: bool
    currency: str
    offers_read_at: datetime | None

    @property
    def name(self) -> str:
        return self.label.upper()

    @property
    def own_pool(self) -> bool:
        """Sells from the shop's own warehouse."""
        return self.pool_kind == "own"


# A code that several accounts have is the first one's: what is added later renames nobody. An address that is only
# called comes last, for nothing is offered there.
LABELLED: Final = f"""
SELECT a.*, CASE WHEN row_number() OVER (PARTITION BY a.code ORDER BY a.source IN {ONLY_CALL_US}, a.id) = 1 THEN a.code
                 ELSE a.source || '_' || a.code END AS label,
       p.kind AS pool_kind, p.mode AS pool_mode
FROM marketplace_accounts a JOIN stock_pools p ON p.name = a.pool"""  # noqa: S608 - constants

ACCOUNTS: Final = f"""
SELECT id, source, code, label, fulfilment, pool, pool_kind, pool_mode, stock_writable, publishing, currency,
       offers_read_at
FROM ({LABELLED}) AS a ORDER BY id"""  # noqa: S608 - constants


def accounts(session: Session) -> list[Account]:
    """Every account of the shop."""
    return [Account(*row) for row in session.execute(text(ACCOUNTS))]


# Our own offers on the same page: of the same product key there, or, where the key is not known, of the same variant.
FACTS: Final = f"""
WITH a AS ({LABELLED})
SELECT o.variant_id, o.id AS offer_id, o.account_id, a.label, a.source, a.pool, a.pool_kind, a.pool_mode,
       a.stock_writable, o.stock, f.weekly, f.ratio, f.weeks, f.own_part,
       o.number_of_offers, o.buy_button_rank, o.part_number_key, o.status, o.last_synced_at, o.last_read_at,
       o.sent_stock, o.differs_since IS NOT NULL AS differs, o.validation_status, o.offer_validation_status,
       o.translation_validation_status, o.sale_price, o.best_offer_sale_price, o.currency, v.price,
       (SELECT count(*) FROM offers s JOIN marketplace_accounts b ON b.id = s.account_id
        WHERE b.source = a.source AND b.country = a.country AND s.status = {ACTIVE_OFFER} AND s.stock > 0
          AND s.part_number_key = o.part_number_key)
       + (SELECT count(*) FROM offers s JOIN marketplace_accounts b ON b.id = s.account_id
          WHERE b.source = a.source AND b.country = a.country AND s.status = {ACTIVE_OFFER} AND s.stock > 0
            AND o.part_number_key IS NULL AND s.variant_id = o.variant_id AND s.part_number_key IS NULL) AS own_offers
FROM offers o JOIN a ON a.id = o.account_id JOIN variants v ON v.id = o.variant_id
LEFT JOIN demand_forecasts f ON f.variant_id = o.variant_id AND f.account_id = o.account_id
WHERE o.variant_id = ANY (:variants)
ORDER BY o.variant_id, o.account_id"""  # noqa: S608 - constants


@dataclass(frozen=True)
class OfferRow:
    """What the screens show of an offer beside the facts of the analysis."""

    offer_id: int
    facts: OfferFacts
    status: int
    last_read_at: datetime | None
    sale_price: Decimal | None
    best_price: Decimal | None
    currency: str
    unknown: str | None = None
    """Why there is no forecast: `no_sales`, `short_history`."""


@dataclass(frozen=True)
class Analysed:
    """A SKU with everything that is said of it."""

    analysis: Analysis
    product_id: int
    product_name: str
    category: str | None
    price: Decimal
    own_stock: int
    offers: tuple[OfferRow, ...]
    policy: Policy

    @property
    def split(self) -> Split | None:
        """How the stock would sell best; None where there is no forecast, or nothing to divide."""
        return best_split(self.analysis, self.policy)


def analysed(session: Session, variant_ids: Sequence[int], now: datetime | None = None) -> dict[int, Analysed]:
    """The analysis of these variants, by id, in three statements whatever their number."""
    if not variant_ids:
        return {}
    moment = now or datetime.now(UTC)
    shop = limits(session)
    named = session.execute(
        select(Variant.id, Variant.sku, Variant.price, Variant.stock, Product.id, Product.name, Product.category)
        .join(Product, Product.id == Variant.product_id)
        .where(Variant.id.in_(variant_ids))
    ).all()
    offers: dict[int, list[OfferRow]] = {}
    for row in session.execute(text(FACTS), {"variants": list(variant_ids)}):
        offers.setdefault(row.variant_id, []).append(_offer(row))
    found = {}
    for variant_id, sku, price, stock, product_id, name, category in named:
        rows = _drawn(offers.get(variant_id, ()))
        facts = tuple(row.facts for row in rows)
        known = {row.facts.account_id: row.unknown for row in rows if row.unknown}
        analysis = advise(analyse(sku, variant_id, facts, shop.of(category), moment), shop.policy, known)
        found[variant_id] = Analysed(analysis, product_id, name, category, price, stock, rows, shop.policy)
    return found


def _drawn(rows: Sequence[OfferRow]) -> tuple[OfferRow, ...]:
    """Each offer with what sells from its stock: of a shared pool, in all of its accounts together."""

    def drawn(offer: OfferFacts) -> Demand | None:
        if not offer.pool_shared:
            return offer.demand
        others = (row.facts for row in rows)
        return together([o.demand for o in others if o.pool_shared and o.pool == offer.pool and o.demand])

    return tuple(replace(row, facts=replace(row.facts, drawn=drawn(row.facts))) for row in rows)


def _offer(row: Any) -> OfferRow:
    conditions = sellable(
        stock=row.stock,
        status=row.status,
        offer_validation=row.offer_validation_status,
        documentation=row.validation_status,
        translation=row.translation_validation_status,
    )
    facts = OfferFacts(
        account_id=row.account_id,
        code=row.label,
        stock=row.stock,
        sellers=row.number_of_offers,
        own_offers=row.own_offers,
        rank=row.buy_button_rank,
        part_number_key=row.part_number_key,
        active=row.status == ACTIVE_OFFER,
        last_synced_at=row.last_synced_at,
        pool=row.pool,
        pool_shared=row.pool_kind == "own" and row.pool_mode == "shared",
        source=row.source,
        sent_stock=row.sent_stock,
        differs=row.differs,
        faults=tuple(c.code for c in conditions if c.passed is False and c.code not in {"stock", "status"}),
        written_at_once=row.pool_kind == "own" or row.stock_writable,
        price=row.sale_price or row.price,
        demand=Demand(row.weekly, row.ratio, row.weeks, row.own_part) if row.weekly is not None else None,
    )
    unknown = None if row.weekly is not None else "no_sales" if row.weeks is None else "short_history"
    return OfferRow(
        row.offer_id, facts, row.status, row.last_read_at, row.sale_price, row.best_offer_sale_price, row.currency,
        unknown,
    )  # fmt: skip


def analyse_one(session: Session, variant_id: int, now: datetime | None = None) -> Analysed:
    """The analysis of one variant. Raises NotFound."""
    found = analysed(session, [variant_id], now).get(variant_id)
    if found is None:
        raise NotFound("variant", variant_id)
    return found


@dataclass(frozen=True)
class Chain:
    """An offer's stock as a chain: what there is, what of it is shown, what was sent, what was read back."""

    account_id: int
    stock: int
    reserved: int
    buffer: int
    offered: int | None
    """None: the marketplace counts it; we read it and do not write it."""
    sent: int | None
    shown: int


CHAINS: Final = """
SELECT o.variant_id, o.account_id,
       CASE WHEN p.kind = 'marketplace' THEN o.stock WHEN p.mode = 'divided' THEN coalesce(o.share, 0)
            ELSE v.stock END AS stock,
       coalesce((SELECT sum(i.quantity) FROM order_items i JOIN orders r ON r.id = i.order_id
                 WHERE i.variant_id = v.id AND r.status = 'pending' AND i.stock_source = 'own'
                   AND (p.mode = 'shared' OR (r.source = a.source AND r.source_account = a.code))), 0)::integer
           AS reserved,
       coalesce(o.buffer, a.buffer) AS buffer, p.kind, o.sent_stock, o.stock AS shown
FROM offers o JOIN marketplace_accounts a ON a.id = o.account_id JOIN stock_pools p ON p.name = a.pool
JOIN variants v ON v.id = o.variant_id
WHERE o.variant_id = ANY (:variants) ORDER BY o.variant_id, o.account_id"""


def chains(session: Session, variant_ids: Sequence[int]) -> dict[tuple[int, int], Chain]:
    """The chain of each account's offer of these variants, by (variant, account); one statement."""
    found = {}
    for variant_id, account_id, stock, reserved, buffer, kind, sent, shown in session.execute(
        text(CHAINS), {"variants": list(variant_ids)}
    ):
        own = kind == "own"
        found[variant_id, account_id] = Chain(
            account_id, stock, reserved if own else 0, buffer if own else 0,
            offered(stock, reserved, buffer) if own else None, sent, shown,
        )  # fmt: skip
    return found


# --- SKUs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Named:
    """What a SKU stands for."""

    sku: str
    variant_ids: tuple[int, ...]


def variants_of(session: Session, skus: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The variants of each SKU; of those that several products have, the ones that are for sale anywhere."""
    rows = session.execute(
        text(
            "SELECT v.sku, v.id, EXISTS (SELECT FROM offers o WHERE o.variant_id = v.id) AS offered "
            "FROM variants v WHERE v.sku = ANY (:skus) ORDER BY v.id"
        ),
        {"skus": list(skus)},
    )
    every: dict[str, list[tuple[int, bool]]] = {}
    for sku, variant_id, listed in rows:
        every.setdefault(sku, []).append((variant_id, listed))
    return {
        sku: tuple(id_ for id_, listed in ids if listed) or tuple(id_ for id_, _listed in ids)
        for sku, ids in every.items()
    }


def offered_variants(
    session: Session, *, sku: str | None = None, action: bool = False, after: int | None = None, limit: int = 50
) -> Page[int]:
    """Variants that have offers, by id; of one SKU, or only those that ask for an action."""
    statement = select(Variant.id).where(exists(select(Offer.id).where(Offer.variant_id == Variant.id)))
    if sku:
        statement = statement.where(Variant.sku == sku)
    if action:
        waiting = select(StockAlert.id).where(
            StockAlert.variant_id == Variant.id, StockAlert.state == "open", StockAlert.priority < 2
        )
        statement = statement.where(exists(waiting))
    total, estimate = counted(session, statement)
    if after is not None:
        statement = statement.where(Variant.id > after)
    ids = list(session.scalars(statement.order_by(Variant.id).limit(limit + 1)))
    more, ids = len(ids) > limit, ids[:limit]
    return Page(ids, total, estimate, ids[-1] if more else None)


def variant_of(session: Session, sku: str) -> int:
    """The one variant that a SKU means. Raises NotFound, AmbiguousSku."""
    ids = variants_of(session, [sku]).get(sku, ())
    if not ids:
        raise NotFound("variant", sku)
    if len(ids) > 1:
        raise ambiguous(session, sku, ids)
    return ids[0]


def ambiguous(session: Session, sku: str, variant_ids: Sequence[int]) -> AmbiguousSku:
    """The refusal that lists the variants of a SKU."""
    rows = session.execute(
        select(Variant.id, Product.id, Product.name)
        .join(Product, Product.id == Variant.product_id)
        .where(Variant.id.in_(variant_ids))
        .order_by(Variant.id)
    )
    return AmbiguousSku(sku, [{"variant_id": v, "product_id": p, "product": name} for v, p, name in rows])
