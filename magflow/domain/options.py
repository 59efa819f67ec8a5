"""Combinations of option values: the digest, what is complete, what is refused."""

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence

from magflow.domain.errors import FieldError, InvalidOptions


def digest(chosen: Mapping[int, int], types: Collection[int]) -> str | None:
    """The canonical text of a combination; None for a variant without options.

    `chosen` is the option value per option type. Values of types that the product no longer uses stay on the
    variant but do not count.
    """
    counted = {value for type_, value in chosen.items() if type_ in types}
    return "-".join(map(str, sorted(counted))) or None


def cleaned(ids: Iterable[int]) -> list[int]:
    """Option value ids without zeros and repetitions, ascending."""
    return sorted({i for i in ids if i})


def chosen_values(
    wanted: Sequence[int], known: Mapping[int, int], types: Collection[int], *, field: str = "option_values"
) -> dict[int, int]:
    """The wanted values as {type: value}.

    `known` maps every existing wanted value to its type. Raises InvalidOptions that names every id which does not
    exist, every type that the product does not use, and every pair that shares a type.
    """
    errors: list[FieldError] = []
    chosen: dict[int, int] = {}
    for value in wanted:
        type_ = known.get(value)
        if type_ is None:
            errors.append(FieldError(field, "unknown_option_value", {"value": value}))
        elif type_ not in types:
            errors.append(FieldError(field, "not_an_option_of_product", {"value": value, "option": type_}))
        elif type_ in chosen:
            errors.append(FieldError(field, "two_values_of_one_option", {"value": value, "other": chosen[type_]}))
        else:
            chosen[type_] = value
    if errors:
        raise InvalidOptions(errors)
    return chosen


def name_key(name: str) -> str:
    """A name folded for comparison: case, accents and both spellings of Romanian s and t with a mark fall together."""
    decomposed = unicodedata.normalize("NFKD", name.strip())
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).casefold().split())
