"""Races that are lost to somebody who is gone again when it comes to naming him."""

from __future__ import annotations

from typing import Any

from flask import Flask

from magflow.services import variants
from tests.gates.planting import swapped
from tests.gates.scenarios import side_by_side
from tests.shop import ANA, make_product, make_variant


def test_a_draft_whose_winner_was_deactivated_meanwhile_becomes_active(app: Flask) -> None:
    """Seen once in some thousand histories: refused for an active variant that was none any more, and had no name."""
    product = make_product()
    winner, draft = make_variant(product), make_variant(product, active=False)
    of_combination, asked = variants._of_combination, []

    def after_he_left(*args: Any) -> Any:
        asked.append(args)
        if len(asked) == 1:
            [gone] = side_by_side(app, lambda: variants.set_active(winner.id, False, actor=ANA))
            assert not isinstance(gone, Exception), gone
        return of_combination(*args)

    with swapped(variants, _of_combination=after_he_left):
        assert variants.set_active(draft.id, True, actor=ANA).status == variants.ACTIVE
    assert len(asked) == 1
