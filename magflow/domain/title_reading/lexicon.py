"""What can be found in a text: the shop's own values by name, and words whose meaning is that of a value."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from magflow.domain.title_reading import vocabulary as words
from magflow.domain.title_reading.tokens import Token, tokens, words_of

Grade = Literal["own", "word", "soft", "abbreviation", "vague"]
Phrase = tuple[str, ...]

JOINERS: Final = frozenset({"", " ", "-", "_", ".", "\u00a0"})
"""What may stand between the words of one expression; a comma or a slash begins another."""
QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)([a-z]+)")
EU: Final = frozenset({"eu", "eur"})
LANGUAGES: Final = ("en", "ro", "it")


@dataclass(frozen=True)
class KnownValue:
    id: int
    name: str
    presentation: str | None = None


@dataclass(frozen=True)
class KnownType:
    """An option type with the values that may be read. `foreign` values are the shop's, not the product's."""

    id: int
    name: str
    values: tuple[KnownValue, ...]
    foreign: tuple[KnownValue, ...] = ()


@dataclass(frozen=True)
class Found:
    """An expression in a text that means something: words `start` to `end`."""

    start: int
    end: int
    concept: str | None
    grade: Grade
    own: tuple[tuple[int, int], ...] = ()
    """(type, value) of which this is the name."""
    also: tuple[str, ...] = ()
    """What it could mean besides."""


def _read_lines(kind: str, lines: str) -> tuple[dict[Phrase, str], dict[str, tuple[str, str, str]]]:
    phrases: dict[Phrase, str] = {}
    names: dict[str, tuple[str, str, str]] = {}
    for line in lines.strip().splitlines():
        meaning, rest = line.split(":", 1)
        called, forms = rest.split("=", 1)
        single, *several = forms.split("|")
        en, ro, it = (name.strip() for name in called.split(","))
        concept = f"{kind}:{meaning}"
        names[concept] = (en, ro, it)
        for form in [meaning if kind == "size" else en, en, ro, it, *single.split(), *several]:
            phrases[words_of(form)] = concept
    return phrases, names


COLOURS, COLOUR_NAMES = _read_lines("color", words.COLOUR_LINES)
MATERIALS, MATERIAL_NAMES = _read_lines("material", words.MATERIAL_LINES)
SIZES, SIZE_NAMES = _read_lines("size", words.SIZE_LINES)
NAMES: Final = {**COLOUR_NAMES, **MATERIAL_NAMES, **SIZE_NAMES}
PHRASES: Final = {**MATERIALS, **COLOURS, **SIZES}
LONGEST: Final = max(map(len, PHRASES))
ABBREVIATIONS: Final = {
    short: (f"color:{meaning}", grade)
    for grade, listed in (("vague", words.VAGUE_ABBREVIATIONS), ("abbreviation", words.CLEAR_ABBREVIATIONS))
    for meaning, shorts in listed.items()
    for short in shorts.split()
    if (short,) not in PHRASES
}
COUNTS_AS: Final = {word: kind for kind, listed in words.LABELS.items() for word in listed.split()}
LETTER_SIZES: Final = frozenset(
    phrase[0] for phrase in SIZES if len(phrase) == 1 and re.fullmatch("x{0,6}[sl]|m|[1-6]x[sl]", phrase[0])
)


def kind_of(concept: str | None) -> str | None:
    """Color, size, material or quantity."""
    if concept is None:
        return None
    kind = concept.partition(":")[0]
    return kind if kind in {"color", "size", "material"} else "quantity"


def meaning_at(found: Sequence[Token], at: int, *, sku: bool = False) -> Found | None:
    """The longest expression of the vocabulary that begins at this word."""
    return _quantity(found, at) or _colour(found, at) or _phrase(found, at) or (_short(found, at) if sku else None)


def _joined(found: Sequence[Token], start: int, end: int) -> bool:
    return end <= len(found) and all(found[n].between in JOINERS for n in range(start + 1, end))


def _longest(found: Sequence[Token], at: int, table: Mapping[Phrase, str]) -> tuple[int, str] | None:
    for length in range(min(LONGEST, len(found) - at), 0, -1):
        concept = table.get(tuple(token.text for token in found[at : at + length]))
        if concept is not None and _joined(found, at, at + length):
            return at + length, concept
    return None


def _colour(found: Sequence[Token], at: int) -> Found | None:
    """A colour with what makes another one of it: `dark blue`, `albastru închis`, `verde smeraldo scuro`."""
    start, shades = at, []
    plain = _longest(found, at, COLOURS)
    while (plain is None or plain[0] == at + 1) and start < len(found) and found[start].text in words.BEFORE:
        following = _longest(found, start + 1, COLOURS) if start + 1 < len(found) else None
        beyond = start + 1 < len(found) and found[start + 1].text in words.BEFORE
        if (following is None and not beyond) or found[start + 1].between not in JOINERS:
            break
        shades.append(words.BEFORE[found[start].text])
        start += 1
    base = _longest(found, start, COLOURS) if start < len(found) else None
    if base is None:
        return None
    end, concept = base
    while end < len(found) and found[end].text in words.AFTER and found[end].between in JOINERS:
        shades.append(words.AFTER[found[end].text])
        end += 1
    if shades:
        name = concept.partition(":")[2]
        return Found(at, end, f"color:{' '.join([*sorted(set(shades)), name])}", "word")
    return Found(at, end, concept, _grade(found, at, end), also=_cut(found, at, end))


def _cut(found: Sequence[Token], at: int, end: int) -> tuple[str, ...]:
    short = words.CUT_SHORT.get(found[at].text) if end == at + 1 else None
    return (f"color:{short}",) if short else ()


def _phrase(found: Sequence[Token], at: int) -> Found | None:
    here = found[at].text
    if here in EU and _joined(found, at, at + 2) and found[at + 1].is_number:
        return Found(at, at + 2, f"size:eu{found[at + 1].text}", "word")
    if found[at].is_number and _joined(found, at, at + 2) and found[at + 1].text in EU:
        return Found(at, at + 2, f"size:eu{here}", "word")
    glued = re.fullmatch(r"eu(\d\d(?:\.\d)?)|(\d\d(?:\.\d)?)eu", here)
    if glued:
        return Found(at, at + 1, f"size:eu{glued[1] or glued[2]}", "word")
    best = _longest(found, at, PHRASES)
    return None if best is None else Found(at, best[0], best[1], _grade(found, at, best[0]))


def _grade(found: Sequence[Token], start: int, end: int) -> Grade:
    return "soft" if end == start + 1 and found[start].text in words.SOFT else "word"


def _quantity(found: Sequence[Token], at: int) -> Found | None:
    token = found[at]
    glued = QUANTITY.fullmatch(token.text)
    if glued and glued[2] in words.UNITS:
        amount, unit, end = glued[1], glued[2], at + 1
    elif token.is_number and _joined(found, at, at + 2) and found[at + 1].text in words.UNITS:
        # `TSH-38-M` is a code with a size; `38 m` is a length.
        if found[at + 1].between != " ":
            return None
        amount, unit, end = token.text, found[at + 1].text, at + 2
    else:
        return None
    what, factor = words.UNITS[unit]
    return Found(
        at, end, f"{what}:{float(amount) * factor:g}" if what != "storage" else _storage(amount, factor), "word"
    )


def _storage(amount: str, factor: float) -> str:
    return f"storage:{float(amount) * factor:.3f}"


def _short(found: Sequence[Token], at: int) -> Found | None:
    known = ABBREVIATIONS.get(found[at].text)
    if known is None:
        return None
    return Found(at, at + 1, known[0], "abbreviation" if known[1] == "abbreviation" else "vague")


def meaning_of(name: str) -> str | None:
    """What a value's name means as a whole; None when it means nothing here or more than one thing."""
    found = tokens(name)
    if not found:
        return None
    meant = meaning_at(found, 0)
    return meant.concept if meant is not None and meant.end == len(found) else None


@dataclass
class Lexicon:
    """The values that may be read, by their names and by what those mean."""

    types: tuple[KnownType, ...]
    by_name: dict[Phrase, set[tuple[int, int]]] = field(default_factory=dict)
    by_meaning: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    kinds: dict[int, str | None] = field(default_factory=dict)
    labels: dict[Phrase, int] = field(default_factory=dict)
    foreign: set[int] = field(default_factory=set)
    """Values that the shop has and the product does not offer."""
    names: dict[int, str] = field(default_factory=dict)
    longest: int = 1

    @classmethod
    def of(cls, types: Iterable[KnownType]) -> "Lexicon":
        """Made once for all products that are read against the same values."""
        made = cls(tuple(types))
        for option in made.types:
            made._add(option)
        made.longest = max((len(phrase) for phrase in made.by_name), default=1)
        return made

    def _add(self, option: KnownType) -> None:
        meanings = {v.id: meaning_of(v.name) or meaning_of(v.presentation or "") for v in self._all(option)}
        kind = self.kinds[option.id] = _kind(option, meanings.values())
        self.labels[words_of(option.name)] = option.id
        for value in self._all(option):
            self.names[value.id] = value.name
            if value in option.foreign:
                self.foreign.add(value.id)
            for name in {value.name, value.presentation or value.name}:
                if phrase := words_of(name):
                    self.by_name.setdefault(phrase, set()).add((option.id, value.id))
            meaning = meanings[value.id]
            if meaning is None and kind in {"size", None} and re.fullmatch(r"\d\d(?:[.,]\d)?", value.name.strip()):
                meaning = f"size:eu{value.name.strip().replace(',', '.')}"
            if meaning is not None and (kind is None or kind == kind_of(meaning)):
                self.by_meaning.setdefault(meaning, []).append((option.id, value.id))

    @staticmethod
    def _all(option: KnownType) -> tuple[KnownValue, ...]:
        return (*option.values, *option.foreign)

    def find(self, found: Sequence[Token], *, sku: bool) -> list[Found]:
        """Every expression in a text, the longest first at each place; they do not overlap."""
        result: list[Found] = []
        at = 0
        while at < len(found):
            best = self._at(found, at, sku=sku)
            if best is not None:
                result.append(best)
            at = best.end if best is not None else at + 1
        return result

    def _at(self, found: Sequence[Token], at: int, *, sku: bool) -> Found | None:
        meant = meaning_at(found, at, sku=sku)
        least = meant.end - at if meant is not None else 1
        for length in range(min(self.longest, len(found) - at), least - 1, -1):
            own = self.by_name.get(tuple(token.text for token in found[at : at + length]))
            if own:
                same = meant is not None and meant.end == at + length
                concept = meant.concept if meant is not None and same else None
                return Found(at, at + length, concept, "own", tuple(sorted(own)), meant.also if meant and same else ())
        if meant is None and found[at].is_number and (concept := f"size:eu{found[at].text}") in self.by_meaning:
            return Found(at, at + 1, concept, "word")
        return meant

    def meaning(self, concept: str) -> list[tuple[int, int]]:
        """The values that mean this."""
        return self.by_meaning.get(concept, [])

    def language_of(self, type_id: int) -> str | None:
        """In which language the values of a type are named, as far as the vocabulary can tell."""
        [option] = [option for option in self.types if option.id == type_id]
        votes = dict.fromkeys(LANGUAGES, 0)
        for value in option.values or option.foreign:
            names = NAMES.get(meaning_of(value.name) or "", ())
            for language, name in zip(LANGUAGES, names, strict=False):
                votes[language] += words_of(name) == words_of(value.name) and names.count(name) == 1
        best = max(votes, key=lambda language: votes[language])
        return best if votes[best] else None


def _kind(option: KnownType, meanings: Iterable[str | None]) -> str | None:
    """What a type is about: by its name, else by what its values mean."""
    for word in words_of(option.name):
        if word in COUNTS_AS:
            return COUNTS_AS[word]
    kinds = [kind_of(meaning) for meaning in meanings]
    told = {kind for kind in kinds if kind is not None}
    return told.pop() if len(told) == 1 and kinds.count(None) <= len(kinds) // 3 else None
