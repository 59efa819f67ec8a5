"""Amounts in words: which rule found them, what is expected of them, and for how long the stock lasts."""

from decimal import Decimal
from typing import Any, Final

from magflow.domain.outlook import Basis, Expected
from magflow.domain.stock_sync import Recommendation, Thresholds
from magflow.queries.stock_sync import Analysed
from magflow.web.locale import _, _l, money, ngettext, number

WHY_NONE: Final[dict[str, Any]] = {
    "no_sales": _l("There is no forecast: an account has sold none of it within a year."),
    "short_history": _l("There is no forecast yet: it was seen for less than 4 weeks, or sold in less than 2 of them."),
    "nothing_spare": _l("The forecast is not asked: the giver has nothing above what it must keep."),
}
CONFIDENCE: Final[dict[str, Any]] = {"low": _l("low"), "medium": _l("medium"), "high": _l("high")}


def how_much(advice: Recommendation, limits: Thresholds) -> str:
    """Which rule gave the quantity, and with which numbers."""
    basis = advice.basis
    if basis is not None and basis.rule == "forecast":
        return from_forecast(basis)
    return " ".join(filter(None, (_usual(advice, limits), str(WHY_NONE.get(basis.why, "")) if basis else "")))


def _usual(advice: Recommendation, limits: Thresholds) -> str:
    if advice.cause in {"better_rank", "no_competition"}:
        return _("The usual rule: half of the difference, at most %(n)s.", n=limits.default_transfer)
    if advice.giver is None:
        return _("The usual amount: %(n)s.", n=limits.default_transfer)
    return _("The usual rule: at most %(n)s, and at most half of what the giver has.", n=limits.default_transfer)


def from_forecast(basis: Basis) -> str:
    """What is expected to sell, and what would be suggested without it."""
    return _(
        "From the forecast: %(sales)s a week. Without it: %(n)s.",
        sales=", ".join(f"{side.code.upper()} ≈ {weekly(side.weekly)}" for side in basis.sides),
        n=basis.usual,
    )


def expected(basis: Basis | None) -> str:
    """What moving is expected to bring; nothing where there is no forecast."""
    if basis is None or basis.choice is None:
        return ""
    choice = basis.choice
    if choice.gain < 0:
        return _(
            "It does not pay within %(days)s days: it costs ≈ %(money)s more than it brings.",
            days=basis.horizon_days,
            money=money(amount(-choice.gain)),
        )
    return _(
        "Expected in %(days)s days: ≈ %(units)s more units sold, ≈ %(money)s margin after the cost of moving.",
        days=basis.horizon_days,
        units=weekly(choice.units),
        money=money(amount(choice.gain)),
    )


def covers(basis: Basis | None) -> str:
    """For how many days both stocks last, before and after."""
    known = [side for side in basis.sides if side.weekly is not None] if basis else []
    if not known:
        return ""
    return _("Days of cover: %(list)s.", list=", ".join(
        f"{side.code.upper()} {whole(side.cover_before)} → {whole(side.cover_after)}" for side in known))  # fmt: skip


def confidence(basis: Basis | None) -> str:
    """How sure that is: the least sure side says it."""
    known = [side for side in basis.sides if side.confidence] if basis else []
    if not known:
        return ""
    order = ("low", "medium", "high")
    side = min(known, key=lambda one: (order.index(one.confidence or "low"), one.weeks))
    return ngettext(
        "Confidence: %(level)s (%(num)d week that counts).",
        "Confidence: %(level)s (%(num)d weeks that count).",
        side.weeks,
        level=CONFIDENCE[side.confidence or "low"],
    )


def cover(days: float | None) -> str:
    """Days of cover of one account."""
    if days is None:
        return "—"
    if days < 1:
        return _("less than a day")
    return ngettext("%(num)d day", "%(num)d days", min(int(days), 9999))


def whole(days: float | None) -> str:
    """Days as a bare number."""
    return "—" if days is None else number(min(int(days), 9999))


def chance(value: float | None) -> str:
    """A chance in per cent, never more certain than it is."""
    if value is None:
        return "—"
    if 0 < value < 0.01:
        return _("under 1 %")
    if 0.99 < value < 1:
        return _("over 99 %")
    return f"{round(value * 100)} %"


def weekly(units: float | None) -> str:
    """Units as a forecast tells them: one place below ten."""
    if units is None:
        return "—"
    return number(Decimal(round(units)) if abs(units) >= 10 else Decimal(str(round(units, 1))))


def amount(value: float) -> Decimal:
    """An estimate of money, in whole units of the currency."""
    return Decimal(round(value))


def side_of(basis: Basis | None, account_id: int) -> Expected | None:
    """What is expected of one account."""
    return next((side for side in basis.sides if side.account_id == account_id), None) if basis else None


def no_forecast(one: Analysed) -> list[str]:
    """Accounts that have no forecast, each with the reason."""
    reasons = {
        "no_sales": _l("%(account)s: no forecast, nothing sold within a year."),
        "short_history": _l("%(account)s: no forecast yet, too few weeks or sales."),
    }
    return [str(reasons[row.unknown]) % {"account": row.facts.name} for row in one.offers if row.unknown]
