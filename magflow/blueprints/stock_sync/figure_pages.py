"""Figures over time: a page with their charts and tables, and a file of each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from flask import Blueprint, Response, abort, url_for
from flask_babel import format_date

from magflow.blueprints.stock_sync import figure_answers, words
from magflow.blueprints.stock_sync.figure_kinds import BY_NAME, KINDS, FigureKind, Kind, Told, told
from magflow.db import db
from magflow.domain.imports.writing import blocks, cell
from magflow.domain.stock_figures import ENOUGH
from magflow.queries import stock_figures as reads
from magflow.queries.stock_figures import FigureFilter, Figures
from magflow.queries.stock_sync import accounts
from magflow.web import border, charts
from magflow.web.forms import show
from magflow.web.listing import Listing
from magflow.web.locale import _, money, ngettext, number
from magflow.web.permissions import requires

blueprint = Blueprint("sync_figures", __name__)

PERIODS: Final = (28, 90, 365)
USUAL: Final = 90


class PageQuery(border.Query):
    """What the address of the page says."""

    days = border.Integer(least=1, most=figure_answers.MOST_DAYS - 1)
    account = border.Text(most=70)
    brand = border.Text()
    category = border.Text()


@dataclass(frozen=True)
class Shown:
    """A figure as the page shows it."""

    told: Told
    value: str
    change: str | None
    notes: Sequence[str]
    chart: charts.Chart | None
    summary: str
    header: Sequence[Any]
    rows: Sequence[tuple[date, Sequence[str]]]
    csv_url: str


@blueprint.app_context_processor
def for_home() -> dict[str, Any]:
    """The figures of the last days for Home, and the numbers at a chart's edge."""
    return {"sync_figures": lately, "figure_ticks": ticks}


@blueprint.get("/stock-sync/figures")
@requires("stock:read")
def index() -> str:
    """Every figure with its definition, its chart and its table."""
    listing = Listing(PageQuery())
    found = reads.figures(db.session(), _wanted(listing))
    brands, categories = reads.choices(db.session(), found.wanted.since, found.wanted.until)
    return show(
        "stock_sync/figures.html",
        area_tabs=words.tabs("figures"),
        listing=listing,
        days=listing["days"] or USUAL,
        periods=[(str(n), ngettext("%(num)d day", "%(num)d days", n)) for n in PERIODS],
        accounts=[(one.label, one.name) for one in accounts(db.session())],
        brands=[(name, name) for name in brands],
        categories=[(name, name) for name in categories],
        figures=[_shown(kind, found) for kind in KINDS],
        since=reads.first_day(db.session()),
        enough=ENOUGH,
    )


@blueprint.get("/stock-sync/figures/<name>.csv")
@requires("stock:read")
def as_csv(name: str) -> Response:
    """One figure's table as a file."""
    kind = BY_NAME.get(name)
    if kind is None:
        abort(404)
    found = reads.figures(db.session(), _wanted(Listing(PageQuery())))
    header = ["day", *(column.name for column in kind.columns)]
    rows = (
        [day.isoformat(), *(cell(figure_answers.plain(v, c.kind)) for v, c in zip(values, kind.columns, strict=True))]
        for day, values in told(kind, found).rows()
    )
    answer = Response(b"".join(blocks(header, rows)), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def lately(days: int = 30) -> Mapping[str, Shown]:
    """The figures of the last days by name."""
    until = datetime.now(UTC).date()
    found = reads.figures(db.session(), FigureFilter(until - timedelta(days=days - 1), until))
    return {kind.name: _shown(kind, found) for kind in KINDS}


def _wanted(listing: Listing) -> FigureFilter:
    until = datetime.now(UTC).date()
    since = until - timedelta(days=(listing["days"] or USUAL) - 1)
    known = {name for one in accounts(db.session()) for name in (one.label, one.code)}
    account = (listing["account"] or "").lower()
    # An address that was kept may name an account that is gone: then everything is shown, as without it.
    return FigureFilter(since, until, account if account in known else None, listing["brand"], listing["category"])


# --- one figure ------------------------------------------------------------------------------------------------------


def _shown(kind: FigureKind, found: Figures) -> Shown:
    one = told(kind, found)
    value = written(one.value, kind.kind) if one.enough or not kind.cases else _("Not enough cases yet")
    change = None if one.change in {None, 0} else _("%(change)s in a week", change=_signed(one.change, kind.kind))
    asked = found.wanted
    return Shown(
        one,
        value,
        change,
        _notes(one),
        _chart(one),
        _summary(one),
        [column.label for column in kind.columns],
        [
            (day, [written(value, column.kind) for value, column in zip(values, kind.columns, strict=True)])
            for day, values in reversed(list(one.rows()))
        ],
        url_for(
            "sync_figures.as_csv", name=kind.name, days=(asked.until - asked.since).days + 1, account=asked.account,
            brand=asked.brand, category=asked.category,
        ),
    )  # fmt: skip


def written(value: Any, kind: Kind) -> str:
    """A value for people; a dash for what is unknown, which is not zero."""
    if value is None:
        return "—"
    if kind == "money":
        return money(value)
    if kind == "percent":
        return _("%(n)s %%", n=number(Decimal(str(value))))
    if kind == "hours":
        return duration(float(value))
    return number(value)


def duration(hours: float) -> str:
    """A time in hours or days."""
    if hours < 48:
        return _("%(n)s h", n=number(round(Decimal(hours), 1)))
    days = round(hours / 24)
    return ngettext("%(num)d day", "%(num)d days", days)


def _signed(value: Any, kind: Kind) -> str:
    points = kind == "percent"
    said = _("%(n)s points", n=number(abs(Decimal(str(value))))) if points else written(abs(value), kind)
    return f"{'+' if value > 0 else '−'}{said}"


def _notes(one: Told) -> list[str]:
    """What is told beside the figure, in a line each."""
    beside = one.beside
    if one.kind.name == "zero_stock":
        said = [_("≈ %(money)s lost in this period", money=money(beside["lost_in_period"]))]
        if beside["hours_to_resolution"] is not None:
            median = beside["median_hours_to_resolution"]
            said.append(_("resolved after %(mean)s on average (median %(median)s)",
                          mean=duration(beside["hours_to_resolution"]),
                          median=written(median, "hours")))  # fmt: skip
        if beside["oldest_open_hours"] is not None:
            said.append(_("the oldest open one: %(age)s", age=duration(beside["oldest_open_hours"])))
        return said
    if one.kind.name == "updated":
        overdue = beside["overdue"] or 0
        return [ngettext("%(num)d product overdue", "%(num)d products overdue", overdue)]
    if one.kind.name == "efficiency":
        if beside["stock"] is None:
            return []
        return [_("%(part)s of %(all)s units", part=number(beside["contested"]), all=number(beside["stock"]))]
    acted, left = (
        ("cases_acted_upon", "cases_not_acted_upon")
        if one.kind.name == "recovery"
        else ("cases_followed", "cases_not_followed")
    )
    said = [_("%(acted)s cases acted upon, %(left)s not", acted=number(beside[acted]), left=number(beside[left]))]
    if one.enough and one.kind.name == "recovery":
        said.append(_("not acted upon: %(percent)s", percent=written(beside["not_acted_upon"], "percent")))
    return said


def _axis(one: Told) -> list[date]:
    """Every day between the first and the last point: a day without a count is a gap."""
    first, last = one.points[0][0], one.points[-1][0]
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _chart(one: Told) -> charts.Chart | None:
    if not one.points:
        return None
    axis, by_day = _axis(one), dict(one.points)
    columns = [one.kind.column(name) for name in one.kind.drawn]
    values = [[column.of(by_day[day]) if day in by_day else None for day in axis] for column in columns]
    if one.kind.cases:
        # What is summed up stands until the next case.
        values = [_carried(series) for series in values]
    lines = [
        charts.Line(str(column.label), [None if value is None else float(value) for value in series])
        for column, series in zip(columns, values, strict=True)
    ]
    said = [
        f"{format_date(day, 'd MMM')}: {', '.join(written(series[n], columns[0].kind) for series in values)}"
        for n, day in enumerate(axis)
    ]
    return charts.chart(lines, [format_date(day, "d MMM") for day in axis], said, most=upper_edge(one.kind.kind, lines))


def upper_edge(kind: Kind, lines: Sequence[charts.Line]) -> float | None:
    """What the upper edge has to reach; of things that are counted there is no half one beside it."""
    if kind != "count":
        return 100 if kind == "percent" else None
    most = max((value for line in lines for value in line.values if value is not None), default=0)
    return max(2, 2 * math.ceil(most / 2))


def _carried(series: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for value in series:
        found.append(value if value is not None or not found else found[-1])
    return found


def _summary(one: Told) -> str:
    """The chart in a sentence, for those who cannot see it."""
    column = one.kind.columns[0]
    values = [(day, value) for day, point in one.points if (value := column.of(point)) is not None]
    if not values:
        return _("Nothing to draw yet.")
    numbers = [value for _day, value in values]
    return _(
        "%(title)s: from %(first)s on %(since)s to %(last)s on %(until)s; least %(least)s, most %(most)s.",
        title=one.kind.title,
        first=written(values[0][1], column.kind),
        since=format_date(values[0][0], "d MMM"),
        last=written(values[-1][1], column.kind),
        until=format_date(values[-1][0], "d MMM"),
        least=written(min(numbers), column.kind),
        most=written(max(numbers), column.kind),
    )


def ticks(one: Shown) -> list[str]:
    """The numbers at a chart's edge."""
    kind = one.told.kind.kind
    if one.chart is None:
        return []
    return [
        written(Decimal(str(value)) if kind == "money" else int(value) if value == int(value) else value, kind)
        for value in one.chart.ticks
    ]
