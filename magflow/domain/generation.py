"""Combinations by multiplication: how many, which, and what their SKUs are called."""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from magflow.domain.errors import FieldError, Invalid
from magflow.domain.names import LONGEST_SKU, ascii_words, sku_from
from magflow.domain.options import name_key

Mode = Literal["all", "missing", "selected"]

MODES: Final = ("all", "missing", "selected")
LARGEST_GENERATION: Final = 2_048
"""Variants that one generation makes, unless the shop's setting says otherwise."""

FIELD: Final = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Value:
    """An option value as a combination holds it."""

    id: int
    name: str


@dataclass(frozen=True)
class Axis:
    """An option with the values that may be combined."""

    type_id: int
    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Combination:
    """One value per axis, in the product's option order."""

    names: Mapping[str, str]
    value_ids: tuple[int, ...]

    @property
    def digest(self) -> str:
        return "-".join(map(str, sorted(self.value_ids)))


def count(axes: Sequence[Axis]) -> int:
    """How many combinations there are; none without an option, or with one that has no values."""
    return math.prod(len(axis.values) for axis in axes) if axes else 0


def combinations(axes: Sequence[Axis]) -> Iterator[Combination]:
    """All of them, the last option turning fastest."""
    if not axes:
        return
    for values in itertools.product(*(axis.values for axis in axes)):
        yield _combination(axes, values)


def _combination(axes: Sequence[Axis], values: Sequence[Value]) -> Combination:
    return Combination(
        {axis.name: value.name for axis, value in zip(axes, values, strict=True)}, tuple(value.id for value in values)
    )


def belongs(axes: Sequence[Axis], digest: str | None) -> bool:
    """Whether a digest is one of the combinations: exactly one offered value per axis."""
    ids = {int(part) for part in (digest or "").split("-") if part.isdigit()}
    if len(ids) != len(axes):
        return False
    return all(sum(value.id in ids for value in axis.values) == 1 for axis in axes)


def named_combination(axes: Sequence[Axis], chosen: Mapping[str, str]) -> Combination | FieldError:
    """The combination that a {option: value} means, or what is wrong with it."""
    wanted = {name_key(option): (option, value) for option, value in chosen.items()}
    values: list[Value] = []
    for axis in axes:
        option, name = wanted.pop(name_key(axis.name), (axis.name, None))
        if name is None:
            return FieldError("combination", "option_missing", {"option": option})
        found = next((value for value in axis.values if name_key(value.name) == name_key(name)), None)
        if found is None:
            return FieldError("combination", "value_not_offered", {"option": axis.name, "value": name})
        values.append(found)
    if wanted:
        option, name = next(iter(wanted.values()))
        return FieldError("combination", "not_an_option_of_product", {"option": option, "value": name})
    return _combination(axes, values)


class SkuPattern:
    """A pattern such as `{product}-{Color}-{Size}`: names in braces, everything else as it stands.

    `product` is the product's name, `handle` its handle; the others are option names, accents and case aside.
    Raises Invalid when a name in braces is unknown.
    """

    def __init__(self, pattern: str | None, product: str, handle: str, axes: Sequence[Axis]) -> None:
        self._pattern = (pattern or "").strip()
        self._fixed = {"product": ascii_words(product).upper(), "handle": ascii_words(handle).upper()}
        self._handle = handle
        known = {*self._fixed, *(name_key(axis.name) for axis in axes)}
        unknown = [name for name in FIELD.findall(self._pattern) if name_key(name) not in known]
        if unknown:
            names = ", ".join(["product", "handle", *(axis.name for axis in axes)])
            raise Invalid([FieldError("sku_pattern", "unknown_name", {"value": unknown[0], "known": names})])

    def sku(self, names: Mapping[str, str]) -> str:
        """The SKU of a combination, before any number that keeps it unique."""
        if not self._pattern:
            return sku_from(self._handle, tuple(names.values()))
        parts = self._fixed | {name_key(option): ascii_words(value).upper() for option, value in names.items()}
        filled = FIELD.sub(lambda found: parts[name_key(found[1])], self._pattern)
        clean = re.sub(r"[^A-Za-z0-9._/+-]+", "-", ascii_words_kept(filled)).strip("-")
        return clean[:LONGEST_SKU] or sku_from(self._handle, tuple(names.values()))


def ascii_words_kept(text: str) -> str:
    """A SKU's text without accents; the signs that codes use (. _ / + -) stay."""
    return "".join(
        part if re.fullmatch(r"[._/+-]+", part) else ascii_words(part) for part in re.split(r"([._/+-]+)", text)
    )


class Numbering:
    """Gives out SKUs that are not taken: the plain one, else the next number behind it. Linear for thousands."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def unique(self, base: str) -> str:
        if base not in self._taken:
            self._taken.add(base)
            return base
        number = self._next.get(base, 2)
        while f"{base}-{number}" in self._taken:
            number += 1
        self._next[base] = number + 1
        self._taken.add(f"{base}-{number}")
        return f"{base}-{number}"
