"""Readings: per variant one value per option, with how sure that is and why.

Precision first. `certain` takes one reading and no doubt, for every option: what stands in the product's name or is the
same in all of its variants tells nothing, a second colour makes two readings, and two variants that would be the same
combination are both not certain.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from magflow.domain.title_reading import vocabulary as words
from magflow.domain.title_reading.context import Surroundings, doubts, is_none, label_before, touching
from magflow.domain.title_reading.lexicon import COUNTS_AS, LANGUAGES, NAMES, Found, Lexicon, kind_of
from magflow.domain.title_reading.tokens import Token, tokens, words_of

Confidence = Literal["certain", "likely", "unsure"]
CONFIDENCES: Final[tuple[Confidence, ...]] = ("certain", "likely", "unsure")
LIKELY_FROM: Final = 60

BASE: Final = {"own": 99, "word": 97, "abbreviation": 95, "soft": 95, "vague": 70}
COST: Final = {
    "same_in_all": 20, "in_name": 50, "of_a_part": 45, "beside_unknown": 25, "shade": 50, "model": 45,
    "bare_number": 25, "cut_short": 20, "common_word": 45, "soft_word": 25, "vague_abbreviation": 10, "near": 55,
    "not_offered": 20, "several_meanings": 50, "two_values": 60, "title_and_sku_differ": 60, "touches_other": 50,
    "nothing_to_compare": 15, "new_value": 30,
}  # fmt: skip
CLEARED_BY_LABEL: Final = frozenset({"bare_number", "beside_unknown", "model", "soft_word"})
INCOMPLETE_AT_MOST: Final = 55


@dataclass(frozen=True)
class Reason:
    """Why, as a stable code with what its sentence needs."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """A variant as it is read. `held`: its values per type when it has options; it is then only compared with."""

    id: int
    title: str | None
    sku: str
    held: Mapping[int, int] | None = None


@dataclass(frozen=True)
class Proposal:
    """A value that the option lacks."""

    type_id: int
    name: str


@dataclass(frozen=True)
class Choice:
    """What one option seems to be. Without `value_id` it is a value to be made, named `name`."""

    type_id: int
    value_id: int | None
    name: str
    score: int
    reasons: tuple[Reason, ...]
    offered: bool = True

    @property
    def proposal(self) -> Proposal | None:
        return Proposal(self.type_id, self.name) if self.value_id is None else None


@dataclass(frozen=True)
class Reading:
    """What one variant seems to be."""

    variant_id: int
    choices: tuple[Choice, ...] = ()
    missing: tuple[int, ...] = ()
    """Options of which nothing was read."""
    score: int = 0
    doubtful: bool = True
    reasons: tuple[Reason, ...] = ()
    """About the whole of it, beside those of its choices."""

    @property
    def confidence(self) -> Confidence:
        if not self.doubtful:
            return "certain"
        return "likely" if self.score >= LIKELY_FROM else "unsure"


@dataclass(frozen=True)
class _Sighting:
    """An expression that may be the value of one type."""

    key: int | str
    """The value's id, or what was meant where there is no such value."""
    text: str
    source: str
    grade: str
    doubts: tuple[str, ...]
    common: bool
    in_name: bool
    marked: bool

    @property
    def score(self) -> int:
        return max(5, BASE[self.grade] - sum(COST[doubt] for doubt in self.doubts))


def read_product(
    name: str,
    items: Sequence[Item],
    lexicon: Lexicon,
    *,
    own_options: bool,
    propose: bool = False,
    language: str = "en",
) -> dict[int, Reading]:
    """Readings of the variants without options, by id.

    `lexicon`: the product's own options, or the shop's where it has none. With `propose` a word that means a value
    which the option lacks becomes a proposal, named in the language of the other values, else in `language`.
    """
    return _Product(name, items, lexicon, own_options, propose, language).readings()


class _Product:
    """All variants of a product, read side by side."""

    def __init__(
        self, name: str, items: Sequence[Item], lexicon: Lexicon, own_options: bool, propose: bool, language: str
    ) -> None:
        self.items, self.lexicon = items, lexicon
        self.own_options, self.propose, self.language = own_options, propose, language
        self.name_words = frozenset(words_of(name))
        self.alone = len(items) == 1
        self.texts: dict[str, dict[int, tuple[Token, ...]]] = {
            "title": {item.id: tokens(item.title) for item in items if item.title},
            "sku": {item.id: tokens(item.sku) for item in items},
        }
        self.common = {source: _in_all(texts.values()) for source, texts in self.texts.items()}
        self.labels = {option.id: self._labels(option.id, option.name) for option in lexicon.types}
        self.families: dict[int, set[str]] = {}
        for concept, known in lexicon.by_meaning.items():
            for type_id, _value in known:
                self.families.setdefault(type_id, set()).add(concept.partition(":")[0])
        self.found: dict[tuple[int, str], Surroundings] = {
            (item_id, source): self._surroundings(source, text)
            for source, texts in self.texts.items()
            for item_id, text in texts.items()
        }
        self.words_are_whole = any(
            kind_of(f.concept) == "color" and f.grade in {"own", "word"} and len(text.words[f.start].text) > 3
            for (_id, source), text in self.found.items()
            for f in text.found
            if source == "sku"
        )
        self.said_in_full = {
            f.concept for text in self.found.values() for f in text.found if f.grade in {"own", "word"} and not f.also
        }

    def _labels(self, type_id: int, name: str) -> frozenset[str]:
        kind = self.lexicon.kinds[type_id]
        return frozenset({*words_of(name)[-1:], *(word for word, what in COUNTS_AS.items() if what == kind)})

    def _surroundings(self, source: str, text: tuple[Token, ...]) -> Surroundings:
        found = tuple(self.lexicon.find(text, sku=source == "sku"))
        familiar = self.name_words | self.common[source]
        return Surroundings(text, found, familiar, self.alone, source == "sku")

    def readings(self) -> dict[int, Reading]:
        bare = [item for item in self.items if item.held is None]
        chosen = {item.id: self._choices(item) for item in bare}
        types = [option.id for option in self.lexicon.types]
        if not self.own_options:
            types = [t for t in types if any(t in choices for choices, _reasons in chosen.values())]
        for type_id in types:
            self._compare(type_id, [choices for choices, _reasons in chosen.values()])
        made = {id_: self._reading(id_, choices, why, types) for id_, (choices, why) in chosen.items()}
        return self._without_collisions(made)

    # --- one variant --------------------------------------------------------------------------------------------------

    def _choices(self, item: Item) -> tuple[dict[int, Choice], list[Reason]]:
        sightings: dict[int, list[_Sighting]] = {}
        for source in ("title", "sku"):
            if (text := self.found.get((item.id, source))) is not None:
                for type_id, sighting in (seen for found in text.found for seen in self._seen(text, found, source)):
                    sightings.setdefault(type_id, []).append(sighting)
        choices: dict[int, Choice] = {}
        reasons: list[Reason] = []
        for type_id, seen in sightings.items():
            choice = self._decide(type_id, seen)
            if choice is None:
                reasons.append(Reason("no_such_value", {"option": self._name(type_id), "text": seen[0].text}))
            else:
                choices[type_id] = choice
        return choices, reasons

    def _seen(self, text: Surroundings, found: Found, source: str) -> Iterable[tuple[int, _Sighting]]:
        raw = " ".join(token.raw for token in text.words[found.start : found.end])
        spoken = {token.text for token in text.words[found.start : found.end]}
        common = spoken <= self.common[source]
        in_name = (spoken <= self.name_words and (self.alone or common)) or self._is_code(text, found)
        candidates = self._candidates(found)
        marked = {t for t in candidates if label_before(text, found, self.labels[t])}
        if not marked and is_none(text, found):
            return
        for type_id, (keys, near) in candidates.items():
            if marked and type_id not in marked:
                continue
            told = {
                "near": near,
                "several_meanings": len(keys) > 1 or (len(candidates) > 1 and not marked),
                "cut_short": self._cut_short(found, source),
                "vague_abbreviation": found.grade == "vague",
                "soft_word": found.grade == "soft" and self.alone,
                "touches_other": touching(text, found, text.found),
                "not_offered": keys[0] in self.lexicon.foreign,
                "in_name": in_name,
                "same_in_all": common and not in_name,
            }
            said = [*doubts(text, found), *(code for code, is_so in told.items() if is_so)]
            if type_id in marked:
                said = [doubt for doubt in said if doubt not in CLEARED_BY_LABEL]
            yield type_id, _Sighting(keys[0], raw, source, found.grade, tuple(said), common, in_name, type_id in marked)

    def _is_code(self, text: Surroundings, found: Found) -> bool:
        """Whether a SKU shortens the product's name there: BLU of Bluză, S of Sandale."""
        token = text.words[found.start].text
        if not text.sku or found.end > found.start + 1 or (found.start and len(token) < 3):
            return False
        return any(word.startswith(token) and word != token for word in self.name_words)

    def _candidates(self, found: Found) -> dict[int, tuple[list[int | str], bool]]:
        """Per type what this may be there, and whether that is only near."""
        known: dict[int, tuple[list[int | str], bool]] = {}
        pairs = list(found.own) or self.lexicon.meaning(found.concept or "")
        near = False
        if not pairs and found.concept is not None:
            for other in words.NEAR.get(found.concept, ()):
                pairs, near = self.lexicon.meaning(other), True
                if pairs:
                    break
        for type_id, value_id in pairs:
            known.setdefault(type_id, ([], near))[0].append(value_id)
        # Where the product offers one of several, the others are the shop's and not meant.
        for type_id, (keys, _near) in known.items():
            if offered := [key for key in keys if key not in self.lexicon.foreign]:
                known[type_id] = (offered, near)
        if not known and found.concept is not None:
            for option in self.lexicon.types:
                if self._is_about(option.id, found.concept):
                    known[option.id] = ([found.concept], False)
        return known

    def _is_about(self, type_id: int, concept: str) -> bool:
        """Whether such a word is one of this option's, although it has no such value."""
        if kind_of(concept) != "quantity":
            return self.lexicon.kinds[type_id] == kind_of(concept)
        return concept.partition(":")[0] in self.families.get(type_id, ())

    def _cut_short(self, found: Found, source: str) -> bool:
        """Whether a whole word may be three letters of a longer one here: ALB of ALBASTRU."""
        if source == "title" or self.words_are_whole:
            return False
        return any(self.lexicon.meaning(c) and c not in self.said_in_full for c in found.also)

    def _decide(self, type_id: int, seen: list[_Sighting]) -> Choice | None:
        """One value of everything that was seen for an option; None when the option has no such value."""
        if any(not s.in_name for s in seen):
            seen = [s for s in seen if not s.in_name]
        keys = {source: {s.key for s in seen if s.source == source} for source in ("title", "sku")}
        doubt: str | None = None
        if len(keys["title"] | keys["sku"]) > 1:
            extra = [s for s in seen if s.key not in keys["title"]]
            if len(keys["title"]) == 1 and keys["title"] <= keys["sku"] and all(s.common for s in extra):
                seen = [s for s in seen if s.key in keys["title"]]
            else:
                one_each = len(keys["title"]) == len(keys["sku"]) == 1
                doubt = "title_and_sku_differ" if one_each else "two_values"
        best = max(seen, key=lambda s: (s.marked, isinstance(s.key, int), s.score))
        agreed = {s.source for s in seen if s.key == best.key} == {"title", "sku"}
        return self._choice(type_id, best, seen, doubt, agreed=agreed)

    def _choice(
        self, type_id: int, best: _Sighting, seen: Sequence[_Sighting], doubt: str | None, *, agreed: bool
    ) -> Choice | None:
        named = self.lexicon.names.get(best.key) if isinstance(best.key, int) else self._new_name(type_id, best.key)
        if named is None:
            return None
        code = {"own": "own_name", "abbreviation": "abbreviation", "vague": "abbreviation"}.get(best.grade, "means")
        params = {"text": best.text, "value": named}
        reasons = [
            Reason("in_both", params) if agreed and code != "abbreviation" else Reason(f"{code}_{best.source}", params)
        ]
        score = best.score
        told = [*best.doubts, *([doubt] if doubt else [])]
        if isinstance(best.key, str):
            told.append("new_value")
            score -= COST["new_value"]
        if doubt:
            score -= COST[doubt]
        others = sorted({s.text for s in seen if s.key != best.key})
        reasons += [Reason(code, {**params, "others": ", ".join(others)}) for code in dict.fromkeys(told)]
        value = best.key if isinstance(best.key, int) else None
        sure = 100 if agreed and not told else max(5, score)
        return Choice(
            type_id, value, named, sure, tuple(reasons), value is not None and value not in self.lexicon.foreign
        )

    def _new_name(self, type_id: int, concept: str) -> str | None:
        names = NAMES.get(concept)
        if not self.propose or names is None:
            return None
        language = self.lexicon.language_of(type_id) or self.language
        return names[LANGUAGES.index(language) if language in LANGUAGES else 0]

    def _name(self, type_id: int) -> str:
        return next(option.name for option in self.lexicon.types if option.id == type_id)

    # --- all variants -------------------------------------------------------------------------------------------------

    def _compare(self, type_id: int, chosen: Sequence[dict[int, Choice]]) -> None:
        """What differs is the option: a value that all variants share is doubted, and so is one without company."""
        there = {choices[type_id].value_id or choices[type_id].name for choices in chosen if type_id in choices}
        there |= {item.held[type_id] for item in self.items if item.held is not None and type_id in item.held}
        codes = []
        if not self.alone and len(there) == 1:
            codes.append("same_in_all")
        if self.alone and not self.own_options:
            codes.append("nothing_to_compare")
        for choices in chosen:
            for code in codes:
                if type_id in choices:
                    choices[type_id] = _doubted(choices[type_id], code)

    def _reading(
        self, variant_id: int, choices: Mapping[int, Choice], reasons: Sequence[Reason], types: Sequence[int]
    ) -> Reading:
        made = tuple(choices[type_id] for type_id in types if type_id in choices)
        missing = tuple(type_id for type_id in types if type_id not in choices)
        said = list(reasons)
        named = {reason.params.get("option") for reason in reasons}
        said += [
            Reason("nothing_says", {"option": self._name(t)}) for t in missing if made and self._name(t) not in named
        ]
        if not made:
            return Reading(variant_id, (), missing, 0, True, (*said, Reason("nothing_read")))
        score = min(choice.score for choice in made)
        if missing:
            score = min(INCOMPLETE_AT_MOST, score) * len(made) // (len(made) + len(missing))
        sure = not missing and all(len(choice.reasons) == 1 for choice in made)
        return Reading(variant_id, made, missing, score, not sure, tuple(said))

    def _without_collisions(self, made: dict[int, Reading]) -> dict[int, Reading]:
        skus = {item.id: item.sku for item in self.items}
        same: dict[frozenset[tuple[int, int | str]], list[int]] = {}
        for item in self.items:
            if item.held is not None:
                combination = frozenset[tuple[int, int | str]](item.held.items())
            else:
                combination = frozenset((c.type_id, c.value_id or c.name) for c in made[item.id].choices)
            if combination:
                same.setdefault(combination, []).append(item.id)
        for ids in same.values():
            for id_ in ids if len(ids) > 1 else ():
                if id_ in made:
                    other = next(skus[n] for n in ids if n != id_)
                    made[id_] = replace(
                        made[id_],
                        score=min(made[id_].score, 50),
                        doubtful=True,
                        reasons=(*made[id_].reasons, Reason("same_combination", {"sku": other})),
                    )
        return made


def _doubted(choice: Choice, code: str) -> Choice:
    if any(reason.code == code for reason in choice.reasons):
        return choice
    score = max(5, min(94, choice.score) - COST[code])
    params = {"text": choice.name, "value": choice.name, "others": ""}
    return replace(choice, score=score, reasons=(*choice.reasons, Reason(code, params)))


def _in_all(texts: Iterable[tuple[Token, ...]]) -> frozenset[str]:
    """Words that stand in each of several texts."""
    sets = [frozenset(token.text for token in text) for text in texts]
    return frozenset.intersection(*sets) if len(sets) > 1 else frozenset()
