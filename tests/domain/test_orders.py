"""An order's life as values."""

import pytest

from magflow.domain.errors import AlreadyFinalized, EmptyOrder, OrderNotEditable
from magflow.domain.orders import check_editable, check_finalizable, quantity_per_variant


def test_lines_of_one_variant_are_summed() -> None:
    assert quantity_per_variant([(1, 2), (2, 1), (1, 3)]) == {1: 5, 2: 1}


@pytest.mark.parametrize("status", ["confirmed", "cancelled", "returned"])
def test_only_a_pending_order_is_edited_or_finalized(status: str) -> None:
    with pytest.raises(OrderNotEditable):
        check_editable(1, status)
    with pytest.raises(AlreadyFinalized):
        check_finalizable(1, status, lines=1)


def test_an_order_without_lines_is_not_finalized() -> None:
    with pytest.raises(EmptyOrder):
        check_finalizable(1, "pending", lines=0)
    check_finalizable(1, "pending", lines=1)
