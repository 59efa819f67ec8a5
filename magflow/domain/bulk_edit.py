"""Bulk arithmetic: what a rule makes of one value, exactly, or why it cannot.

Prices are Decimal with two places, rounded half up; stock is a whole number. Nothing here knows a database, so that
the preview and the run cannot come to different figures.
"""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Final, Literal

from magflow.domain.errors import FieldError, Invalid
from magflow.domain.money import CENT, to_cents

Field = Literal["price", "compare_at_price", "stock", "status"]
Action = Literal["set", "add", "percent", "clear", "activate", "deactivate"]
Rounding = Literal["cent", ".99", "0.05", "whole"]

ROUNDINGS: Final = ("cent", ".99", "0.05", "whole")
ACTIONS: Final[dict[str, tuple[str, ...]]] = {
    "price": ("set", "add", "percent"),
    "compare_at_price": ("set", "add", "percent", "clear"),
    "stock": ("set", "add"),
    "status": ("activate", "deactivate"),
}
HIGHEST_PRICE: Final = Decimal("9999999999.99")
HIGHEST_STOCK: Final = 1_000_000_000


@dataclass(frozen=True)
class Rule:
    """One change: the price plus 10 per cent, rounded to .99. `value` is a price, a difference, or per cent."""

    field: Field
    action: Action
    value: Decimal | None = None
    rounding: Rounding = "cent"


@dataclass(frozen=True)
class RefusedValue:
    """Why a rule cannot be applied to a row: a stable code."""

    code: str


def check_rules(rules: list[Rule]) -> None:
    """Refuse rules that cannot be right whatever the rows, naming each."""
    errors: list[FieldError] = []
    if not rules:
        errors.append(FieldError("changes", "required"))
    seen: set[str] = set()
    for n, rule in enumerate(rules):
        name = f"changes[{n}]"
        if rule.field not in ACTIONS:
            errors.append(FieldError(f"{name}.field", "one_of", {"fields": ", ".join(ACTIONS)}))
            continue
        if rule.field in seen:
            errors.append(FieldError(f"{name}.field", "repeated", {"value": rule.field}))
        seen.add(rule.field)
        if rule.action not in ACTIONS[rule.field]:
            errors.append(FieldError(f"{name}.action", "one_of", {"fields": ", ".join(ACTIONS[rule.field])}))
        elif rule.action in {"set", "add", "percent"} and rule.value is None:
            errors.append(FieldError(f"{name}.value", "required"))
        elif rule.action == "set" and rule.value is not None and rule.value < 0:
            errors.append(FieldError(f"{name}.value", "below_zero"))
        if rule.field == "stock" and rule.value is not None and rule.value != rule.value.to_integral_value():
            errors.append(FieldError(f"{name}.value", "not_whole"))
        if rule.rounding not in ROUNDINGS:
            errors.append(FieldError(f"{name}.rounding", "one_of", {"fields": ", ".join(ROUNDINGS)}))
    if errors:
        raise Invalid(errors)


def rounded(price: Decimal, rounding: Rounding) -> Decimal:
    """The price as the shop likes it to end.

    `.99`: the nearest price that ends in .99, upwards when two are equally near, at least 0.99. `0.05`: the nearest
    multiple of five cents; `whole`: the nearest whole amount; both half up.
    """
    if rounding == ".99":
        below = (price - Decimal("0.99")).to_integral_value(rounding=ROUND_FLOOR) + Decimal("0.99")
        above = below + 1
        nearest = below if price - below < above - price else above
        return max(nearest, Decimal("0.99"))
    if rounding == "0.05":
        return to_cents((price * 20).to_integral_value(rounding=ROUND_HALF_UP) / 20)
    if rounding == "whole":
        return price.to_integral_value(rounding=ROUND_HALF_UP).quantize(CENT)
    return to_cents(price)


def new_price(rule: Rule, old: Decimal | None) -> Decimal | RefusedValue | None:
    """What the rule makes of a price. A price of nothing cannot be added to or multiplied."""
    if rule.action == "clear":
        return None
    value = rule.value if rule.value is not None else Decimal(0)
    if rule.action == "set":
        wanted = value
    elif old is None:
        return RefusedValue("no_price_to_change")
    elif rule.action == "add":
        wanted = old + value
    else:
        wanted = old * (100 + value) / 100
    # A negative price must be refused for what it is, before rounding could lift it to 0.99.
    if wanted < 0:
        return RefusedValue("below_zero")
    if wanted > HIGHEST_PRICE:
        return RefusedValue("too_large")
    # Free stays free: a price of nothing that is raised by per cent is not a decision to charge 0.99.
    if wanted == 0:
        return Decimal("0.00")
    price = rounded(wanted, rule.rounding)
    return price if price <= HIGHEST_PRICE else RefusedValue("too_large")


def new_stock(rule: Rule, old: int) -> int | RefusedValue:
    """What the rule makes of a stock."""
    value = int(rule.value or 0)
    wanted = value if rule.action == "set" else old + value
    if wanted < 0:
        return RefusedValue("below_zero")
    if wanted > HIGHEST_STOCK:
        return RefusedValue("too_large")
    return wanted


DRASTIC: Final = Decimal("0.20")
"""A price that moves further than this part of itself is looked at apart."""


def is_drastic(old: Decimal, new: Decimal) -> bool:
    """Whether a price moves by more than a fifth. From nothing to something has no measure, and counts."""
    return abs(new - old) > old * DRASTIC
