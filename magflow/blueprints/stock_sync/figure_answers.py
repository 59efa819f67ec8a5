"""What `GET /stock-sync/figures` reads and answers."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from marshmallow import fields

from magflow.blueprints.stock_sync.figure_kinds import KINDS, Kind, Told, told
from magflow.domain.errors import FieldError, Invalid
from magflow.domain.money import to_cents
from magflow.queries.stock_figures import FigureFilter, Figures
from magflow.web.answers import Answer, Word
from magflow.web.border import Day, OneOf, Query, Text

USUAL_DAYS: Final = 90
MOST_DAYS: Final = 800
UNITS: Final[dict[Kind, str]] = {"count": "products", "percent": "percent", "money": "money", "hours": "hours"}
ALONE: Final = {"description": "Of this account alone; its code, such as `main`"}


class FiguresQuery(Query):
    """Which period, and of what."""

    since = Day(data_key="from", metadata={"description": f"The first day; {USUAL_DAYS} days unless given"})
    until = Day(data_key="to", metadata={"description": "The last day; today unless given"})
    account = Text(most=70, metadata=ALONE)
    brand = Text()
    category = Text(metadata={"description": "The product's category"})
    figure = OneOf(tuple(kind.name for kind in KINDS), metadata={"description": "This figure alone"})


class FigureOut(Answer):
    """A figure with its definition. `points`: a day each, with the figure's columns; unknown is null, never 0."""

    figure = Word(*(kind.name for kind in KINDS), required=True)
    title = fields.String(required=True)
    definition = fields.String(required=True)
    unit = Word(*UNITS.values(), required=True)
    value = fields.Raw(required=True, allow_none=True)
    change_in_a_week = fields.Raw(required=True, allow_none=True)
    enough_cases = fields.Boolean(required=True, allow_none=True)
    beside = fields.Dict(required=True)
    points = fields.List(fields.Dict(), required=True)


class FiguresOut(Answer):
    """The figures of a period."""

    since = fields.Date(required=True, data_key="from")
    until = fields.Date(required=True, data_key="to")
    account = fields.String(required=True, allow_none=True)
    brand = fields.String(required=True, allow_none=True)
    category = fields.String(required=True, allow_none=True)
    currency = fields.String(required=True)
    figures = fields.List(fields.Nested(FigureOut), required=True)


def wanted(query: dict[str, Any], days: int = USUAL_DAYS) -> FigureFilter:
    """The period that is asked for. Raises Invalid when it ends before it begins, or is too long."""
    until: date = query.get("until") or datetime.now(UTC).date()
    since: date = query.get("since") or until - timedelta(days=days - 1)
    if since > until:
        raise Invalid([FieldError("from", "period_reversed")])
    if (until - since).days >= MOST_DAYS:
        raise Invalid([FieldError("from", "period_too_long", {"limit": MOST_DAYS})])
    return FigureFilter(since, until, query.get("account"), query.get("brand"), query.get("category"))


def figures_json(found: Figures, currency: str, only: str | None = None) -> dict[str, Any]:
    """`data` of the figures."""
    asked = found.wanted
    return {
        "from": asked.since.isoformat(),
        "to": asked.until.isoformat(),
        "account": asked.account,
        "brand": asked.brand,
        "category": asked.category,
        "currency": currency,
        "figures": [figure_json(told(kind, found)) for kind in KINDS if only in {None, kind.name}],
    }


def figure_json(one: Told) -> dict[str, Any]:
    """One figure with its points."""
    kind = one.kind
    return {
        "figure": kind.name,
        "title": str(kind.title),
        "definition": str(kind.definition),
        "unit": UNITS[kind.kind],
        "value": plain(one.value, kind.kind),
        "change_in_a_week": plain(one.change, kind.kind),
        "enough_cases": one.enough if kind.cases else None,
        "beside": {name: plain(value, of_name(one, name)) for name, value in one.beside.items()},
        "points": [
            {"day": day.isoformat()}
            | {column.name: plain(value, column.kind) for column, value in zip(kind.columns, values, strict=True)}
            for day, values in one.rows()
        ],
    }


def of_name(one: Told, name: str) -> Kind:
    """What kind of value stands beside a figure under this name."""
    if "hours" in name:
        return "hours"
    return next((column.kind for column in one.kind.columns if column.name == name), "money")


def plain(value: Any, kind: Kind) -> Any:
    """A value as programs read it: money as text, everything else as a number."""
    if value is None:
        return None
    if kind == "money":
        return to_cents(value)
    return value if kind == "count" else round(value, 1)
