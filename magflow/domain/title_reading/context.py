"""What stands around a word decides whether it is a value: "Model M", "XS Max", "cu dungi albe", "set 42 buc"."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from magflow.domain.title_reading import traps
from magflow.domain.title_reading import vocabulary as words
from magflow.domain.title_reading.lexicon import COUNTS_AS, JOINERS, LETTER_SIZES, PHRASES, Found, kind_of
from magflow.domain.title_reading.tokens import Token

HARD: Final = frozenset(",;|/()[]:–—")
"""Signs that end what belongs together."""
FIXED_AT: Final = {
    word: [(phrase, phrase.index(word)) for phrase in traps.FIXED if word in phrase]
    for word in {word for phrase in traps.FIXED for word in phrase}
}
"""The names in which a word stands, and where in them."""


@dataclass(frozen=True)
class Surroundings:
    """A text and what is known of its words."""

    words: tuple[Token, ...]
    found: tuple[Found, ...]
    familiar: frozenset[str]
    """Words of the product's name and words that stand in all of its variants."""
    alone: bool
    """The product has no other variant to compare with."""
    sku: bool

    def before(self, at: int, back: int = 1) -> str:
        return self.words[at - back].text if at - back >= 0 else ""

    def following(self, end: int) -> str:
        return self.words[end].text if end < len(self.words) else ""

    def touches(self, at: int) -> bool:
        """Whether this word and the one before belong together."""
        return 0 < at < len(self.words) and self.words[at].between in JOINERS


def label_before(text: Surroundings, found: Found, labels: frozenset[str]) -> bool:
    """Whether the name of an option stands before it: `Mărime: M`, `nr. 42`."""
    return text.before(found.start) in labels and text.words[found.start].between[:1] in {
        "",
        " ",
        ":",
        "=",
        ".",
        "-",
        "_",
    }


def is_none(text: Surroundings, found: Found) -> bool:
    """Whether this is surely something else than a value."""
    token = text.words[found.start]
    if set("'’&") & {*token.between, *text.words[found.end - 1].after}:
        # Levi's, L'Oréal, M&M: a letter there is part of a name, and so is what stands behind an ampersand.
        return len(token.text) == 1 or "&" in token.between
    if _in_fixed(text, found):
        return True
    short = token.text in LETTER_SIZES and found.end == found.start + 1
    if short:
        return _is_model(text, found)
    return found.end == found.start + 1 and token.is_number and _is_count(text, found)


def _in_fixed(text: Surroundings, found: Found) -> bool:
    for at in range(found.start, found.end):
        for phrase, offset in FIXED_AT.get(text.words[at].text, ()):
            start = at - offset
            if start >= 0 and tuple(token.text for token in text.words[start : start + len(phrase)]) == phrase:
                return True
    return False


def _is_model(text: Surroundings, found: Found) -> bool:
    token = text.words[found.start]
    if text.touches(found.start) and text.before(found.start) in traps.MODEL_WORDS:
        return True
    if text.touches(found.end) and text.following(found.end) in traps.MODEL_FOLLOWERS:
        return True
    # 5 L, 2 m: an amount. In a SKU the number is an article's.
    behind_number = found.start > 0 and text.words[found.start - 1].is_number and token.between in {"", " "}
    return behind_number and len(token.text) == 1 and not text.sku


def _is_count(text: Surroundings, found: Found) -> bool:
    if text.following(found.end) in traps.COUNTED and text.words[found.end].between in {" ", "", "-"}:
        return True
    before = text.before(found.start)
    if (
        before in traps.COUNTING
        or before in traps.MODEL_WORDS
        or before in traps.OTHER_SCALES
        or before in traps.PHONES
    ):
        return True
    return "%" in text.words[found.start].after or "#" in text.words[found.start].between


def doubts(text: Surroundings, found: Found) -> list[str]:
    """Why a reading is not certain, by what stands around it."""
    kind = kind_of(found.concept)
    said: list[str] = []
    token = text.words[found.start]
    single = found.end == found.start + 1
    if kind in {"color", "material"}:
        said += _of_parts(text, found)
    if single and (
        token.text in LETTER_SIZES or (found.grade == "own" and len(token.text) <= 2 and token.text.isalpha())
    ):
        said += _of_letters(text, found)
    elif single and token.is_number:
        said += _of_numbers(text, found)
    elif kind in {"color", "material", None} or found.grade == "own":
        said += _of_neighbours(text, found)
    if single and token.text in traps.STOP:
        said.append("common_word")
    return said


def _of_parts(text: Surroundings, found: Found) -> list[str]:
    """A white sole, black stripes, with a red print."""
    for at in range(found.start - 1, max(-1, found.start - 4), -1):
        if text.words[at + 1].between[:1] in HARD:
            break
        if text.words[at].text in traps.WITH:
            return ["of_a_part"]
        if text.words[at].text in traps.PARTS:
            return ["of_a_part"]
    if text.touches(found.end) and text.following(found.end) in traps.PARTS:
        return ["of_a_part"]
    return []


def _of_letters(text: Surroundings, found: Found) -> list[str]:
    at, end = found.start, found.end
    if any(token.text in traps.PHONES for token in text.words):
        return ["model"]
    if text.following(end) and text.touches(end) and not _known(text, end):
        return ["beside_unknown"]
    if at and text.words[at - 1].is_number and text.words[at].between == " ":
        return ["beside_unknown"]
    # In a SKU a word before is a code; behind a number a letter may be its unit.
    riddle = text.alone and text.touches(at) and not _known(text, at - 1)
    if riddle and (not text.sku or text.words[at - 1].is_number):
        return ["beside_unknown"]
    if text.sku and len(text.words) == 1:
        return ["beside_unknown"]
    return []


def _of_numbers(text: Surroundings, found: Found) -> list[str]:
    """A number without a word that says what it is."""
    others = [f for f in text.found if f is not found and text.words[f.start].is_number and f.end == f.start + 1]
    if text.alone or others or any(token.text in traps.PHONES for token in text.words):
        return ["bare_number"]
    if text.following(found.end) and text.touches(found.end) and not _known(text, found.end):
        return ["bare_number"]
    if found.start and not text.sku and text.touches(found.start) and not _known(text, found.start - 1):
        return ["bare_number"]
    return []


def _of_neighbours(text: Surroundings, found: Found) -> list[str]:
    """`albastru regal`, `electric blue`: a word that is not known may make another colour of it."""
    at, end = found.start, found.end
    shades = (words.BEFORE.keys() | words.AFTER.keys()) - text.familiar
    if text.touches(at) and text.before(at) in shades:
        return ["shade"]
    if text.touches(end) and text.following(end) in shades:
        return ["shade"]
    if text.touches(end) and text.words[end].is_word and not _known(text, end):
        return ["beside_unknown"]
    if text.touches(at) and at and text.words[at - 1].is_word and not _known(text, at - 1) and (at > 1 or not text.sku):
        return ["beside_unknown"]
    return []


def _known(text: Surroundings, at: int) -> bool:
    """Whether a word is no riddle: of the product's name, in all variants, neutral, or a value itself."""
    word = text.words[at].text
    if word in text.familiar or word in traps.NEUTRAL or word in COUNTS_AS or word in traps.WITH:
        return True
    return any(f.start <= at < f.end for f in text.found) or (word,) in PHRASES


def touching(text: Surroundings, found: Found, others: Sequence[Found]) -> bool:
    """Whether another of the same kind is directly beside it: `negru-alb`, `negru/alb`, `negru și alb`."""
    for other in others:
        between = range(min(found.end, other.end), max(found.start, other.start))
        if (
            other is not found
            and kind_of(other.concept) == kind_of(found.concept)
            and all(text.words[n].text in {"si", "e", "and", "cu", "con", "with", "n"} for n in between)
        ):
            return True
    return False
