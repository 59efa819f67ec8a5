"""What bulk edits are called: fields and actions, roundings, and why a variant was not changed or not set back."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from magflow.services.bulk_edit import BulkRefused
from magflow.services.bulk_undo import NothingToUndo
from magflow.web.locale import _, _l, money, ngettext, number
from magflow.web.sentences import SENTENCES

WHAT: Final[dict[str, Any]] = {
    "price:percent": _l("Price: change by per cent"),
    "price:add": _l("Price: add or take off"),
    "price:set": _l("Price: set to"),
    "compare_at_price:percent": _l("Compare-at price: change by per cent"),
    "compare_at_price:add": _l("Compare-at price: add or take off"),
    "compare_at_price:set": _l("Compare-at price: set to"),
    "compare_at_price:clear": _l("Compare-at price: remove"),
    "stock:add": _l("Stock: add or take off"),
    "stock:set": _l("Stock: set to"),
    "status:activate": _l("Activate"),
    "status:deactivate": _l("Deactivate"),
}
"""Field and action, as they are chosen together."""

ROUNDING: Final[dict[str, Any]] = {
    "cent": _l("to the cent"),
    ".99": _l("so that it ends in .99"),
    "0.05": _l("to 0.05"),
    "whole": _l("to whole amounts"),
}

REASONS: Final[dict[str, Any]] = {
    "below_zero": _l("It would fall below zero."),
    "too_large": _l("It would be larger than what can be stored."),
    "no_price_to_change": _l("It has no compare-at price that could be changed."),
    "combination_taken": _l("Another active variant has its combination."),
    "changed_since": _l("It was changed since."),
    "stock_moved_since": _l("Its stock has moved since."),
    "deleted": _l("It was deleted since."),
    "value_gone": _l("A value that it had does not exist any more."),
}
"""Why a variant cannot be changed, or not be set back."""


def told_change(change: Mapping[str, Any]) -> str:
    """One change of a bulk edit in words: `Price: change by per cent · +10 % · so that it ends in .99`."""
    if change["action"] == "template":
        return f"{_('Price template %(name)s', name=change.get('price_template', ''))} · {_amount(change, money)}"
    if change["action"] == "remap":
        return _("Other option values")
    key = f"{change['field']}:{change['action']}"
    parts = [str(WHAT.get(key, key))]
    if change.get("value") is not None:
        parts.append(_value(change))
    if change.get("rounding", "cent") != "cent":
        parts.append(str(ROUNDING.get(change["rounding"], change["rounding"])))
    return " · ".join(parts)


def _value(change: Mapping[str, Any]) -> str:
    if change["action"] == "percent":
        return f"{_amount(change, _signed)}\N{NO-BREAK SPACE}%"
    if change["action"] == "add":
        return _amount(change, _signed)
    return _amount(change, number if change["field"] == "stock" else money)


def _signed(value: Decimal) -> str:
    return f"+{number(value)}" if value > 0 else number(value)


def _amount(change: Mapping[str, Any], shown: Any) -> str:
    try:
        value = Decimal(str(change["value"]))
    except InvalidOperation:
        return str(change["value"])
    whole = value == value.to_integral_value()
    return str(shown(value.quantize(Decimal(1)) if whole and shown is not money else value))


def failure(error: Mapping[str, Any]) -> str:
    """Why a bulk edit that ran as a job changed nothing."""
    if error.get("code") == "stale_version":
        return _("Something changed between the preview and the run, so nothing was done. Look at it again.")
    if "kept" in error:
        return _("Every variant was changed since; nothing can be set back.")
    if error.get("refused_count"):
        return _refused(int(error["refused_count"]))
    return _("It could not be done (%(code)s); nothing was changed.", code=error.get("code", "?"))


def _refused(count: int) -> str:
    return ngettext(
        "%(num)d variant cannot be changed this way, so none was.",
        "%(num)d variants cannot be changed this way, so none was.",
        count,
    )


SENTENCES.update(
    {
        BulkRefused: lambda r: _refused(len(r.refused)),
        NothingToUndo: lambda _r: _("Every variant was changed since; nothing can be set back."),
    }
)
