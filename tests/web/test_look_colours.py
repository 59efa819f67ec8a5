"""Contrast of the colour tokens, light and dark: text 4.5 to 1, icons and edges of controls 3 to 1 (WCAG 2.2 AA)."""

from __future__ import annotations

import re

import pytest

from magflow.settings import share

TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);",
        (share("static") / "css" / "tokens.css").read_text(),
    )
}

BACKGROUNDS = ("page", "surface", "raised", "sunken", "hover", "selected")
TONES = ("good", "warn", "bad", "info", "neutral")
TEXT = [
    *((text, back) for text in ("text", "text-soft", "text-faint", "accent-text") for back in BACKGROUNDS),
    *((tone, back) for tone in TONES for back in (f"{tone}-soft", "surface", "page")),
    ("text-soft", "pressed"), ("text", "pressed"), ("text-soft", "neutral-soft"),
    *(("text", f"{tone}-soft") for tone in ("good", "warn", "bad", "info", "accent")),
    ("text-soft", "accent-soft"), ("text-soft", "bad-soft"),
    ("accent-text", "accent-soft"), ("accent-text", "bad-soft"),
    ("on-accent", "accent"), ("on-accent", "accent-hover"), ("on-bad", "bad-fill"),
]  # fmt: skip
EDGES = [
    *(("line-strong", back) for back in ("page", "surface", "raised", "sunken")),
    *(("focus", back) for back in ("page", "surface", "raised", "sunken", "bad-soft", "selected")),
    ("accent", "surface"), ("accent", "selected"), ("bad", "surface"),
]  # fmt: skip


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), [(*p, 4.5) for p in TEXT] + [(*p, 3.0) for p in EDGES])
def test_contrast(front: str, back: str, least: float, scheme: int) -> None:
    found = contrast(TOKENS[front][scheme], TOKENS[back][scheme])
    assert found >= least, f"{front} on {back}: {found:.2f}, wanted {least}"
