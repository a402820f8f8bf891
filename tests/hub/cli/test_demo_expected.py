"""The demo's own arithmetic, by hand."""

import pytest

from renkei.cli.demo_expected import kept, points_for
from renkei_contracts.stage import Item


def item(sku: str, quantity: int, yen: int, tax_rate: int = 1000) -> Item:
    return Item(sku, sku, quantity, yen, tax_rate)


@pytest.mark.parametrize(
    ("items", "points"),
    [
        ([], 0),
        ([item("a", 1, 108)], 0),  # ¥99 without tax
        ([item("a", 1, 110)], 1),
        ([item("a", 1, 108), item("b", 1, 112)], 2),  # the sale counts, not the line
        ([item("a", 1, 10_800, 800), item("b", 1, 4_532)], 141),  # 10,000 + 4,120
    ],
)
def test_a_sale_earns_one_point_per_hundred_yen_without_tax(items: list[Item], points: int) -> None:
    assert points_for(items) == points


def test_what_is_paid_in_points_earns_nothing() -> None:
    assert points_for([item("a", 1, 1_100)], 50) == 9  # ¥1,050 hold ¥95 of tax


def test_points_are_not_divided_over_two_tax_rates_here() -> None:
    with pytest.raises(ValueError, match="one tax rate"):
        points_for([item("a", 1, 110), item("b", 1, 108, 800)], 1)


def test_an_item_given_back_is_no_longer_kept() -> None:
    a, b = item("a", 1, 110), item("b", 1, 220)
    assert kept([a, b], a) == [b]


def test_one_of_two_pieces_given_back_leaves_one() -> None:
    a = item("a", 2, 110)
    assert kept([a], a) == [item("a", 1, 110)]
