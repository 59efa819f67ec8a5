"""Readings of titles in words: why a value is suggested, what makes it doubtful, why an item was refused."""

from collections.abc import Mapping
from typing import Any, Final

from magflow.domain.title_reading import Reading, Reason
from magflow.services.title_reading import Answer
from magflow.web.locale import _l

REASONS: Final[dict[str, Any]] = {
    "own_name_title": _l("“%(text)s” in the title is the value itself."),
    "own_name_sku": _l("“%(text)s” in the SKU is the value itself."),
    "means_title": _l("“%(text)s” in the title means %(value)s."),
    "means_sku": _l("“%(text)s” in the SKU means %(value)s."),
    "abbreviation_title": _l("“%(text)s” in the title is short for %(value)s."),
    "abbreviation_sku": _l("“%(text)s” in the SKU is short for %(value)s."),
    "in_both": _l("Title and SKU both say “%(text)s”."),
    "same_in_all": _l("All variants of the product say %(value)s; it may tell nothing."),
    "in_name": _l("“%(text)s” stands in the product's name too."),
    "of_a_part": _l("“%(text)s” may be the colour of a part, or a part of a name."),
    "beside_unknown": _l("The word beside “%(text)s” is not known and may change what it means."),
    "shade": _l("The word beside “%(text)s” makes another shade of it."),
    "model": _l("“%(text)s” may belong to the name of a model."),
    "bare_number": _l("“%(text)s” is a number, and nothing says that it is this option."),
    "cut_short": _l("“%(text)s” may also be short for another value."),
    "common_word": _l("“%(text)s” is a common word and may mean nothing here."),
    "soft_word": _l("“%(text)s” has other meanings as well."),
    "vague_abbreviation": _l("“%(text)s” could be short for several words."),
    "near": _l("There is no such value; %(value)s comes near to “%(text)s”."),
    "not_offered": _l("The product does not offer %(value)s yet."),
    "several_meanings": _l("“%(text)s” could be several values."),
    "two_values": _l("It also says: %(others)s."),
    "title_and_sku_differ": _l("The title and the SKU say different things: “%(text)s” and “%(others)s”."),
    "touches_other": _l("“%(text)s” stands together with another value of its kind."),
    "nothing_to_compare": _l("The product has no options and no other variant to compare with."),
    "new_value": _l("%(value)s would be a new value."),
    "nothing_says": _l("Nothing says which %(option)s it is."),
    "no_such_value": _l("“%(text)s” is no value that %(option)s has."),
    "nothing_read": _l("Neither title nor SKU says anything about its options."),
    "same_combination": _l("%(sku)s would be the same combination."),
}

REFUSED: Final[dict[str, Any]] = {
    "not_found": _l("It does not exist any more."),
    "has_options": _l("It has options by now."),
    "stale_version": _l("Somebody changed it since you saw it."),
    "no_values": _l("No value was chosen."),
    "needs_new_values": _l("The new value was not to be made."),
    "unknown_option_value": _l("A chosen value does not exist any more."),
    "two_values_of_one_option": _l("Two values of one option were chosen."),
    "not_an_option_of_product": _l("The product does not have this option; it was not to be added."),
    "value_not_offered": _l("The product does not offer this value; it was not to be added."),
    "combination_taken": _l("The active variant %(sku)s has this combination."),
    "option_comes_back": _l(
        "Other variants hold values of the option that would be added; add it on the page of options."
    ),
}

CONFIDENCE: Final[dict[str, tuple[Any, str, str]]] = {
    "certain": (_l("Certain"), "good", "ok"),
    "likely": (_l("Likely"), "info", "info"),
    "unsure": (_l("Unsure"), "warn", "warning"),
}
"""Confidence -> word, tone, icon."""


def _filled(sentence: Any, params: Mapping[str, Any]) -> str:
    return str(sentence) % dict(params)


def reason(said: Reason) -> str:
    """Why, in the reader's language."""
    return _filled(REASONS[said.code], said.params)


def reasons(reading: Reading) -> list[str]:
    """Everything that is said about a reading, each sentence once."""
    said = [reason(r) for choice in reading.choices for r in choice.reasons]
    return list(dict.fromkeys([*said, *map(reason, reading.reasons)]))


def refusal(answer: Answer) -> str:
    """Why an item was refused."""
    return _filled(REFUSED[answer.refused or "not_found"], answer.params)
