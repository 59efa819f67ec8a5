"""Orphans, incomplete variants and duplicates in words: what is wrong, and why a remedy is not taken."""

from collections.abc import Mapping
from typing import Any, Final

from magflow.queries.troubles import TroubledRow
from magflow.services.troubles import Outcome
from magflow.web.locale import _, _l
from magflow.web.sentences import add_sentences

KINDS: Final[dict[str, Any]] = {
    "orphan": _l("Orphan"),
    "incomplete": _l("Incomplete"),
    "duplicate": _l("Duplicate"),
}

REASONS: Final[dict[str, Any]] = {
    "not_found": _l("It does not exist any more."),
    "value_not_offered": _l("Its product does not offer the new value."),
    "combination_taken": _l("The active variant %(sku)s has this combination."),
}
"""Why a remedy is not taken for a variant."""

add_sentences({"another_option": _l("A value is replaced by a value of the same option only.")})


def sentences(row: TroubledRow) -> list[str]:
    """Everything that is wrong with a variant, a sentence each."""
    said = [_("%(value)s is no longer offered.", value=value) for value in row.gone]
    said += [_("It lacks a value for %(option)s.", option=option) for option in row.lacking]
    if row.alike:
        said.append(_("It reads like %(skus)s.", skus=", ".join(sku for _id, sku in row.alike[:5])))
    return said


def refusal(outcome: Outcome) -> str:
    """Why nothing happens to a variant."""
    params: Mapping[str, Any] = outcome.params
    return str(REASONS[outcome.refused or "not_found"]) % dict(params)
