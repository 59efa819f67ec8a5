"""Price templates: what each option value adds to a base price, as an amount or as per cent of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from magflow.domain.errors import FieldError, Invalid
from magflow.domain.money import to_cents
from magflow.domain.options import name_key


@dataclass(frozen=True)
class PriceRule:
    """Size M: +2.00, or Size L: +10 %. Names as people write them; they are compared folded."""

    option_name: str
    option_value: str
    kind: Literal["amount", "percent"]
    amount: Decimal


class PriceTemplateRules:
    """The rules of one template, ready to be asked."""

    def __init__(self, rules: Sequence[PriceRule]) -> None:
        self._rules = {(name_key(rule.option_name), name_key(rule.option_value)): rule for rule in rules}

    def price(self, base: Decimal, values: Mapping[str, str]) -> Decimal:
        """The price of a combination {option: value}: the base, plus each rule's part of the BASE, half up.

        Per cents do not compound, so the order of the options does not matter. Never below zero.
        """
        price = base
        for option, value in values.items():
            rule = self._rules.get((name_key(option), name_key(value)))
            if rule is None:
                continue
            price += rule.amount if rule.kind == "amount" else base * rule.amount / 100
        return max(to_cents(price), Decimal("0.00"))


def check_rules(rules: Sequence[PriceRule]) -> None:
    """Refuse rules that say two things about one value, or say nothing, naming each."""
    errors: list[FieldError] = []
    seen: set[tuple[str, str]] = set()
    for n, rule in enumerate(rules):
        key = (name_key(rule.option_name), name_key(rule.option_value))
        if not key[0]:
            errors.append(FieldError(f"rules[{n}].option_name", "blank"))
        if not key[1]:
            errors.append(FieldError(f"rules[{n}].option_value", "blank"))
        if key in seen:
            errors.append(FieldError(f"rules[{n}].option_value", "repeated", {"value": rule.option_value}))
        seen.add(key)
    if errors:
        raise Invalid(errors)
