"""Saving cells of the grid: many rows in one transaction, each of them whole or refused whole.

The preview of a pasted block and the save make the same plan. The number of statements does not depend on the number of
rows; what the plan overlooked because somebody was faster trips a constraint, and the plan is made anew.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy.orm import Session

from magflow.concurrency import (
    StartAgain,
    execute,
    lock_variant_rows,
    refer_to_products_of,
    savepoint,
    share_product,
    transactional,
)
from magflow.domain.actors import Actor
from magflow.domain.errors import CombinationTaken, FieldError, Invalid, NotFound, SkuTaken
from magflow.domain.grid import (
    ACTIVE,
    FIELDS,
    LARGEST_SAVE,
    Holder,
    Problem,
    Row,
    RowEdit,
    RowPlan,
    exchanged,
    plan_row,
    settle,
)
from magflow.models import Product
from magflow.queries import grid
from magflow.services import ledger

State = Literal["saved", "refused", "gone"]


@dataclass(frozen=True)
class SaveCells:
    """Changed cells of variants of one product."""

    product_id: int
    rows: Sequence[RowEdit]


@dataclass(frozen=True)
class RowAnswer:
    """What became of one row: `row` is how it stands now; `problems` name the cells that held it up."""

    variant_id: int
    state: State
    row: Row | None
    problems: Mapping[str, Problem]


@transactional
def save_cells(session: Session, command: SaveCells, *, actor: Actor) -> list[RowAnswer]:
    """Save what can be saved; the answer says of every row what became of it, and why.

    Raises NotFound for the product, and Invalid when the command itself makes no sense.
    """
    _check(command)
    if any("status" in edit.cells for edit in command.rows):
        share_product(session, command.product_id)
    else:
        _product(session, command.product_id)
        # Stock and the rest of a row are two updates of it.
        refer_to_products_of(session, variants=[edit.variant_id for edit in command.rows])
    # A row whose SKU changes would ask for the stronger lock by itself later, and a lock that grows can meet another.
    whole = any("sku" in edit.cells for edit in command.rows)
    lock_variant_rows(session, [edit.variant_id for edit in command.rows], whole=whole)
    plans = _plans(session, command)
    _write(session, [plan for plan in plans.values() if plan.accepted and plan.new])
    return _answers(session, command, plans)


def check_cells(session: Session, command: SaveCells) -> list[RowAnswer]:
    """What saving would answer now; nothing is written and nothing locked."""
    _check(command)
    _product(session, command.product_id)
    plans = _plans(session, command)
    return [_answer(edit, plans.get(edit.variant_id), None) for edit in command.rows]


def _product(session: Session, product_id: int) -> None:
    if session.get(Product, product_id) is None:
        raise NotFound("product", product_id)


def _check(command: SaveCells) -> None:
    errors: list[FieldError] = []
    if len(command.rows) > LARGEST_SAVE:
        errors.append(FieldError("rows", "too_many", {"limit": LARGEST_SAVE}))
    if len({edit.variant_id for edit in command.rows}) != len(command.rows):
        errors.append(FieldError("rows", "repeated", {"value": "id"}))
    if unknown := {name for edit in command.rows for name in edit.cells} - set(FIELDS):
        errors += [FieldError(name[:60], "unknown_field") for name in sorted(unknown)]
    if errors:
        raise Invalid(errors)


def _plans(session: Session, command: SaveCells) -> dict[int, RowPlan]:
    """The plan of every row that is there, checked alone and then against the others."""
    there = grid.rows(session, command.product_id, [edit.variant_id for edit in command.rows])
    plans = [plan_row(there[edit.variant_id], edit) for edit in command.rows if edit.variant_id in there]
    new_skus = [plan.new["sku"] for plan in plans if "sku" in plan.new]
    skus = grid.with_skus(session, command.product_id, new_skus) if new_skus else ()
    waking = any(plan.new.get("status") == ACTIVE for plan in plans)
    active = grid.active_of(session, command.product_id) if waking else ()
    settle(
        plans,
        {sku: Holder(id_, sku) for sku, id_ in skus},
        {digest: Holder(id_, sku) for digest, id_, sku in active},
    )
    return {plan.row.id: plan for plan in plans}


# Rows may exchange their SKUs and their place as the active one of a combination. The unique indexes look at every row
# as it is written, so whoever is in the way lets go first.
LET_GO_OF_SKU: Final = """
UPDATE variants SET sku = '~' || id || '~' || md5(sku) WHERE id = ANY(%(ids)s::bigint[])"""

LET_GO_OF_COMBINATION: Final = """
UPDATE variants SET status = 1 WHERE id = ANY(%(ids)s::bigint[])"""

WRITE: Final = """
UPDATE variants v
SET title = CASE WHEN n.new ? 'title' THEN n.new ->> 'title' ELSE v.title END,
    price = CASE WHEN n.new ? 'price' THEN (n.new ->> 'price')::numeric ELSE v.price END,
    compare_at_price = CASE WHEN n.new ? 'compare_at_price' THEN (n.new ->> 'compare_at_price')::numeric
                            ELSE v.compare_at_price END,
    sku = CASE WHEN n.new ? 'sku' THEN n.new ->> 'sku' ELSE v.sku END,
    ean = CASE WHEN n.new ? 'ean' THEN n.new ->> 'ean' ELSE v.ean END,
    status = CASE WHEN n.new ? 'status' THEN (n.new ->> 'status')::smallint ELSE v.status END,
    version = v.version + 1, updated_at = clock_timestamp()
FROM (SELECT unnest(%(ids)s::bigint[]) AS id, unnest(%(new)s::text[])::jsonb AS new) n
WHERE v.id = n.id"""


def _write(session: Session, plans: Sequence[RowPlan]) -> None:
    plain = [(plan.row.id, new) for plan in plans if (new := {k: v for k, v in plan.new.items() if k != "stock"})]
    if plain:
        try:
            with savepoint(session):
                for ids, statement in (
                    (exchanged(plans, "sku"), LET_GO_OF_SKU),
                    (exchanged(plans, "status"), LET_GO_OF_COMBINATION),
                ):
                    if ids:
                        execute(session, statement, {"ids": ids})
                parameters = {"ids": [id_ for id_, _new in plain], "new": [_dumped(new) for _id, new in plain]}
                execute(session, WRITE, parameters)
        except (SkuTaken, CombinationTaken) as lost:
            # Somebody took it between our look and our write; the next plan sees who, and says so.
            raise StartAgain from lost
    stocks = {plan.row.id: plan.new["stock"] for plan in plans if "stock" in plan.new}
    if stocks:
        ledger.set_to(session, stocks, reason="adjustment")


def _dumped(new: Mapping[str, Any]) -> str:
    return json.dumps(new, default=str, ensure_ascii=False)


def _answers(session: Session, command: SaveCells, plans: Mapping[int, RowPlan]) -> list[RowAnswer]:
    now = grid.rows(session, command.product_id, list(plans))
    return [_answer(edit, plans.get(edit.variant_id), now.get(edit.variant_id)) for edit in command.rows]


def _answer(edit: RowEdit, plan: RowPlan | None, now: Row | None) -> RowAnswer:
    if plan is None:
        return RowAnswer(edit.variant_id, "gone", None, {})
    return RowAnswer(edit.variant_id, "saved" if plan.accepted else "refused", now or plan.row, plan.problems)
