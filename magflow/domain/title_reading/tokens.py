"""A title or a SKU as words: folded for comparison, each with what stands between it and the word before."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from magflow.domain.options import name_key

WORD: Final = re.compile(r"\d+(?:[.,]\d+)?(?:[x×*]\d+(?:[.,]\d+)?)+|\d+[.,]\d+[^\W_]*|[^\W_]+")
"""Measures such as 30x40 and numbers with decimals stay in one piece: half of one means something else."""
NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)?")


@dataclass(frozen=True, slots=True)
class Token:
    """One word. `between` is what separates it from the word before, without blanks unless there is nothing else."""

    text: str
    """Folded: case and accents do not count."""
    raw: str
    between: str
    after: str
    """What follows it directly."""

    @property
    def is_number(self) -> bool:
        return NUMBER.fullmatch(self.text) is not None

    @property
    def is_word(self) -> bool:
        """Letters alone, and more than one: a code is none."""
        return self.text.isalpha() and len(self.text) > 1


def tokens(text: str) -> tuple[Token, ...]:
    """The words of a text, in order."""
    plain = unicodedata.normalize("NFC", text)
    found = list(WORD.finditer(plain))
    words = []
    end = 0
    for n, word in enumerate(found):
        follower = plain[word.end() : found[n + 1].start() if n + 1 < len(found) else len(plain)]
        between = plain[end : word.start()]
        folded = name_key(word[0]).replace(",", ".").replace("×", "x").replace("*", "x")
        words.append(Token(folded, word[0], _sign(between), _sign(follower)))
        end = word.end()
    return tuple(words)


def _sign(between: str) -> str:
    """What separates two words; a hyphen with blanks around it is a dash."""
    sign = between.strip() or between[:1]
    return "–" if sign == "-" and between != "-" else sign


def words_of(text: str) -> tuple[str, ...]:
    """The folded words alone."""
    return tuple(token.text for token in tokens(text))
