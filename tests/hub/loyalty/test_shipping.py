"""When a sale ships free."""

import pytest

from renkei.loyalty.shipping import Shipping


@pytest.mark.parametrize("pickup", [False, True])
def test_a_program_that_says_nothing_lets_nothing_ship_free(pickup: bool) -> None:
    assert not Shipping().is_free(1_000_000, pickup=pickup)


def test_a_line_is_reached_with_the_last_yen_and_pick_up_needs_none() -> None:
    rules = Shipping(free_from=5_000, free_at_pickup=True)
    assert [rules.is_free(yen, pickup=False) for yen in (4_999, 5_000)] == [False, True]
    assert rules.is_free(1, pickup=True)
    assert not Shipping(free_from=5_000).is_free(1, pickup=True)
