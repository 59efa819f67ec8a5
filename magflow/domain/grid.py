"""Cells of the variants' grid: what may stand in them, and what a set of changed cells means together.

A cell travels as text in one canonical form (`12.50`, `185`, `active`, empty for none) and never as a number of a
browser. `seen` is the text that stood there when the person began to type: what somebody else made of a cell meanwhile
is a conflict of that cell, and the other cells of the row are not disturbed by it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple

from magflow.domain import border
from magflow.domain.border import Unfit
from magflow.domain.imports.cells import ean

ACTIVE, INACTIVE = 0, 1
STATUS: Final = {"active": ACTIVE, "inactive": INACTIVE}
STATUS_WORD: Final = {number: word for word, number in STATUS.items()}

LARGEST_STOCK: Final = 1_000_000_000
LONGEST_SKU: Final = 120
LARGEST_SAVE: Final = 2_048
"""Rows of one save: a whole generation."""

PLAIN: Final = ("title", "price", "compare_at_price", "sku", "ean", "status")
FIELDS: Final = ("sku", "title", "price", "compare_at_price", "stock", "ean", "status")


class Row(NamedTuple):
    """A variant as it stands."""

    id: int
    version: int
    sku: str
    title: str | None
    price: Decimal
    compare_at_price: Decimal | None
    stock: int
    ean: str | None
    status: int
    digest: str | None

    def text(self, name: str) -> str:
        """What a cell of it shows, in the canonical form."""
        return cell_text(name, getattr(self, name))


@dataclass(frozen=True)
class Typed:
    """One changed cell. `add`: the text is a difference to whatever the stock is by then."""

    text: str
    seen: str = ""
    add: bool = False


@dataclass(frozen=True)
class RowEdit:
    """The changed cells of one variant, and the version of it that was seen."""

    variant_id: int
    version: int
    cells: Mapping[str, Typed]


@dataclass(frozen=True)
class Problem:
    """Why a cell cannot be saved. With the code `conflict`, `now` is what somebody else made of it."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)
    now: str | None = None


@dataclass
class RowPlan:
    """What would happen to one variant: `new` holds only what changes. A row is saved whole or not at all."""

    row: Row
    edit: RowEdit
    new: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether the row will be saved."""
        return not self.problems

    def will_be(self, name: str) -> Any:
        """A field as it is afterwards."""
        return self.new[name] if self.accepted and name in self.new else getattr(self.row, name)


# --- one cell ---------------------------------------------------------------------------------------------------------


def cell_text(name: str, value: Any) -> str:
    """A stored value in the form in which cells travel."""
    if value is None:
        return ""
    return STATUS_WORD[value] if name == "status" else str(value)


def cell_value(name: str, text: str) -> Any:
    """The value of a cell's canonical text. Raises Unfit."""
    return READERS[name](text)


def _optional(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: read(text) if text.strip(border.EDGES) else None


def _required(read: Callable[[str], Any]) -> Callable[[str], Any]:
    def checked(text: str) -> Any:
        if not text.strip(border.EDGES):
            raise Unfit("required")
        return read(text)

    return checked


def _money(text: str) -> Decimal:
    if text.startswith("-") and border.DECIMAL.fullmatch(text) and text.strip("-0."):
        raise Unfit("below_zero")
    return border.money(text)


def _stock(text: str) -> int:
    if text.startswith("-") and border.INTEGER.fullmatch(text) and text.strip("-0"):
        raise Unfit("below_zero")
    return border.integer(text, least=0, most=LARGEST_STOCK, as_text=True)


def _status(text: str) -> int:
    return STATUS[border.one_of(text, STATUS)]


READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "title": _optional(border.text),
    "price": _required(_money),
    "compare_at_price": _optional(_money),
    "sku": _required(lambda text: border.text(text, most=LONGEST_SKU)),
    "stock": _required(_stock),
    "ean": _optional(ean),
    "status": _required(_status),
}


# --- a row ------------------------------------------------------------------------------------------------------------


def plan_row(row: Row, edit: RowEdit) -> RowPlan:
    """What the cells of one variant mean, against what it is now."""
    plan = RowPlan(row, edit)
    for name, typed in edit.cells.items():
        try:
            outcome = _stock_cell(row, typed) if name == "stock" else _plain_cell(row, edit, name, typed)
        except Unfit as unfit:
            outcome = Problem(unfit.code, unfit.params)
        if isinstance(outcome, Problem):
            plan.problems[name] = outcome
        elif outcome != getattr(row, name):
            plan.new[name] = outcome
    return plan


def _plain_cell(row: Row, edit: RowEdit, name: str, typed: Typed) -> Any:
    value = cell_value(name, typed.text)
    now = row.text(name)
    if row.version == edit.version or now == typed.seen or value == getattr(row, name):
        return value
    return Problem("conflict", now=now)


def _stock_cell(row: Row, typed: Typed) -> int | Problem:
    """A count is worth what was seen when it was made; that it equals the present figure may be chance."""
    if typed.add:
        stock = row.stock + border.integer(typed.text, least=-LARGEST_STOCK, most=LARGEST_STOCK, as_text=True)
        if stock < 0:
            return Problem("stock_short", {"stock": row.stock})
        return stock if stock <= LARGEST_STOCK else Problem("too_large", {"limit": LARGEST_STOCK})
    stock = _required(_stock)(typed.text)
    return stock if typed.seen == str(row.stock) else Problem("conflict", now=str(row.stock))


# --- rows among each other --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Holder:
    """The variant that has a SKU, or that is active with a combination, before anything is saved."""

    id: int
    sku: str


def settle(
    plans: Sequence[RowPlan], skus: Mapping[str, Holder], combinations: Mapping[str | None, Holder]
) -> Sequence[RowPlan]:
    """Refuse what would give two variants one SKU, or two active ones one combination; the first in the list wins.

    `skus` and `combinations` say who of the whole product has what is asked for. Rows may exchange theirs: a holder
    that gives way in the same save is no obstacle, unless it is refused itself, so this goes round until it rests.
    """
    by_id = {plan.row.id: plan for plan in plans}
    while True:
        lost = (
            _kept_out(plans, by_id, "sku", skus)
            or _kept_out(plans, by_id, "status", combinations)
            # Only among those whom nobody else keeps out: who is refused anyway stands in nobody's way.
            or _doubled(plans, "sku")
            or _doubled(plans, "status")
        )
        if not lost:
            return plans
        for plan, name, holder in lost:
            if name == "sku":
                plan.problems[name] = Problem("sku_taken", {"sku": plan.new["sku"], "id": holder.id})
            else:
                plan.problems[name] = Problem("combination_taken", {"sku": holder.sku, "id": holder.id})


Lost = list[tuple[RowPlan, str, Holder]]


def _claims(plans: Iterable[RowPlan], name: str) -> Iterator[tuple[RowPlan, str | None]]:
    """Who asks for which SKU, or for being the active one of which combination."""
    for plan in plans:
        if plan.accepted and name in plan.new and (name == "sku" or plan.new[name] == ACTIVE):
            yield plan, plan.new["sku"] if name == "sku" else plan.row.digest


def _kept_out(plans: Iterable[RowPlan], by_id: Mapping[int, RowPlan], name: str, holders: Mapping[Any, Holder]) -> Lost:
    lost: Lost = []
    for plan, key in _claims(plans, name):
        holder = holders.get(key)
        if holder is not None and holder.id != plan.row.id and not _gives_way(by_id.get(holder.id), name):
            lost.append((plan, name, holder))
    return lost


def _doubled(plans: Iterable[RowPlan], name: str) -> Lost:
    lost: Lost = []
    won: dict[str | None, Row] = {}
    for plan, key in _claims(plans, name):
        winner = won.setdefault(key, plan.row)
        if winner is not plan.row:
            lost.append((plan, name, Holder(winner.id, winner.sku)))
    return lost


def _gives_way(holder: RowPlan | None, name: str) -> bool:
    return holder is not None and holder.accepted and name in holder.new


def exchanged(plans: Sequence[RowPlan], name: str) -> list[int]:
    """Variants whose SKU or combination another one takes over in the same save: they must let go of it first."""
    accepted = [plan for plan in plans if plan.accepted and name in plan.new]
    if name == "sku":
        wanted = {plan.new["sku"] for plan in accepted}
        return [plan.row.id for plan in accepted if plan.row.sku in wanted]
    wanted = {plan.row.digest for plan in accepted if plan.new["status"] == ACTIVE}
    return [plan.row.id for plan in accepted if plan.new["status"] == INACTIVE and plan.row.digest in wanted]
