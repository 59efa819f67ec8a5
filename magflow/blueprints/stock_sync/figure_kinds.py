"""The figures that are tracked: what each is called, how it is defined, and which columns tell it day by day.

The page, the file and the API tell the same columns; a chart draws some of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from magflow.domain.stock_figures import ENOUGH, Compared, Day, mean_hours
from magflow.queries.stock_figures import Figures
from magflow.web.locale import _l

Kind = Literal["count", "percent", "money", "hours"]
WEEK: Final = timedelta(days=7)


@dataclass(frozen=True)
class Column:
    """One column of a figure: its name for programs, its label for people, and where its value comes from."""

    name: str
    label: Any
    kind: Kind
    of: Callable[[Any], Any]
    """Of a day, or of cases up to a day; None: not known."""


@dataclass(frozen=True)
class FigureKind:
    """One of the figures. The first of its columns is the figure itself; `drawn` says which ones the chart shows."""

    name: str
    title: Any
    definition: Any
    columns: tuple[Column, ...]
    drawn: tuple[str, ...]
    cases: bool = False
    """Made of cases, and not told under too few of them."""

    @property
    def kind(self) -> Kind:
        return self.columns[0].kind

    def column(self, name: str) -> Column:
        """One of its columns."""
        return next(column for column in self.columns if column.name == name)


def cents(value: float | None) -> Decimal | None:
    """An amount from cents."""
    return None if value is None else Decimal(round(value)).scaleb(-2)


DAY_BY_DAY: Final = (
    FigureKind(
        "zero_stock",
        _l("Products with 0 stock and competition"),
        _l("Products of which an account has nothing left while others sell there; dismissed ones do not count. Lost: "
           "weekly sales of the account times the price, for as long as it lasts, less what a sister account with rank "
           "1 catches. An estimate."),
        (
            Column("products", _l("Products"), "count", lambda d: d.zero_stock),
            Column("lost_that_day", _l("Lost that day"), "money", lambda d: cents(d.lost_that_day)),
            Column("lost_so_far", _l("Lost so far by the open ones"), "money", lambda d: cents(d.lost_cents)),
            Column("resolved", _l("Resolved"), "count", lambda d: d.resolved),
            Column("hours_to_resolution", _l("Mean time to resolution"), "hours", lambda d: d.hours_to_resolution),
        ),
        ("products",),
    ),
    FigureKind(
        "updated",
        _l("Offers updated within 7 days"),
        _l("Active offers that were sent and accepted within the last 7 days (or the limit of your rules), of all "
           "active offers. Overdue: products with an offer that was not."),
        (
            Column("percent", _l("Updated"), "percent", lambda d: d.updated),
            Column("offers", _l("Active offers"), "count", lambda d: d.offers),
            Column("updated", _l("Sent in time"), "count", lambda d: d.sent),
            Column("overdue", _l("Products overdue"), "count", lambda d: d.overdue),
        ),
        ("percent",),
    ),
    FigureKind(
        "efficiency",
        _l("Distribution efficiency"),
        _l("The share of stock that stands in accounts with competition, where having it decides who sells. Goods that "
           "several accounts offer out of one warehouse count once."),
        (
            Column("percent", _l("With competition"), "percent", lambda d: d.efficiency),
            Column("stock", _l("Stock in all"), "count", lambda d: d.stock),
            Column("contested", _l("Of it with competition"), "count", lambda d: d.contested),
        ),
        ("percent",),
    ),
)  # fmt: skip

COMPARED: Final = (
    FigureKind(
        "recovery",
        _l("Buy button recovery"),
        _l("Alerts on stock after whose transfer the account had rank 1 again within 7 days; beside it, the same "
           "within 7 days after opening of those that nobody acted upon though another account had stock to give. "
           "Only where the marketplace tells ranks. From 30 cases of each on."),
        (
            Column("acted_upon", _l("Acted upon"), "percent", lambda c: c.followed.rate),
            Column("cases_acted_upon", _l("Cases"), "count", lambda c: c.followed.judged),
            Column("not_acted_upon", _l("Not acted upon"), "percent", lambda c: c.left.rate),
            Column("cases_not_acted_upon", _l("Cases"), "count", lambda c: c.left.judged),
        ),
        ("acted_upon", "not_acted_upon"),
        cases=True,
    ),
    FigureKind(
        "return",
        _l("Return on recommendations"),
        _l("Value regained: what was sold of a SKU in all accounts in the 7 days after the transfer, less the 7 days "
           "before the alert. The return is what the followed ones regained beyond what the not followed ones did on "
           "average, less the cost of the transfers. From 30 cases of each on."),
        (
            Column("return", _l("Return"), "money", lambda c: cents(c.return_cents)),
            Column("followed", _l("Regained per followed one"), "money", lambda c: cents(c.followed.each_cents)),
            Column("cases_followed", _l("Cases"), "count", lambda c: c.followed.cases),
            Column("not_followed", _l("Regained per one not followed"), "money", lambda c: cents(c.left.each_cents)),
            Column("cases_not_followed", _l("Cases"), "count", lambda c: c.left.cases),
            Column("transfer_cost", _l("Cost of the transfers"), "money", lambda c: cents(c.followed.cost_cents)),
        ),
        ("return",),
        cases=True,
    ),
)  # fmt: skip

KINDS: Final = (*DAY_BY_DAY, *COMPARED)
BY_NAME: Final[Mapping[str, FigureKind]] = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True)
class Told:
    """A figure of a period: its value at the end, its change in a week, and its points."""

    kind: FigureKind
    points: Sequence[tuple[date, Day | Compared]]
    value: Any
    change: Any
    beside: Mapping[str, Any]

    @property
    def enough(self) -> bool:
        """Whether it can be told; of cases, whether there are enough of both kinds."""
        return self.value is not None and all(self.beside.get(name, ENOUGH) >= ENOUGH for name in CASE_COUNTS)

    def rows(self) -> Iterator[tuple[date, list[Any]]]:
        """Day by day, the values of its columns."""
        for day, point in self.points:
            yield day, [column.of(point) for column in self.kind.columns]


CASE_COUNTS: Final = ("cases_acted_upon", "cases_not_acted_upon", "cases_followed", "cases_not_followed")


def told(kind: FigureKind, found: Figures) -> Told:
    """One figure of a period."""
    of_days: list[tuple[date, Day | Compared]] = [(day.day, day) for day in found.days]
    points = [(point.day, point) for point in found.compared] if kind.cases else of_days
    last = points[-1][1] if points else None
    value = kind.columns[0].of(last) if last else None
    earlier = [point for day, point in points if day <= points[-1][0] - WEEK]
    before = kind.columns[0].of(earlier[-1]) if earlier else None
    change = None if value is None or before is None else value - before
    if isinstance(change, float):
        change = round(change, 1)
    beside = {column.name: column.of(last) if last else None for column in kind.columns[1:]}
    if kind.cases:
        beside = {name: 0 if beside[name] is None and name in CASE_COUNTS else beside[name] for name in beside}
    if kind.name == "zero_stock":
        lost = sum((day.lost_that_day for day in found.days), 0)
        resolved = sum(day.resolved for day in found.days)
        beside |= {
            "lost_in_period": cents(lost), "resolved": resolved, "hours_to_resolution": mean_hours(found.days),
            "median_hours_to_resolution": found.ages.median, "oldest_open_hours": found.ages.oldest,
        }  # fmt: skip
    return Told(kind, points, value, change, beside)
