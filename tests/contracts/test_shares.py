"""Whole numbers are divided without a loss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei_contracts.toolkit.shares import divide


@pytest.mark.parametrize(
    ("whole", "weights", "parts"),
    [
        (10, [1, 1, 1], [4, 3, 3]),
        (11, [1, 1, 1], [4, 4, 3]),
        (100, [1, 2, 4], [14, 29, 57]),
        (50, [2160, 11000], [8, 42]),
        (7, [10, 0, 4], [5, 0, 2]),
        (14, [10, 4], [10, 4]),
        (0, [3, 4], [0, 0]),
    ],
)
def test_the_largest_remainder_gets_the_odd_one_and_then_the_earlier(
    whole: int, weights: list[int], parts: list[int]
) -> None:
    assert divide(whole, weights) == parts


def test_without_any_weight_the_first_part_is_the_whole() -> None:
    assert [divide(5, [0, 0, 0]), divide(5, [0]), divide(5, [])] == [[5, 0, 0], [5], []]


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**9), min_size=1, max_size=8))
def test_parts_always_sum_to_the_whole_and_none_is_off_by_one(
    whole: int, weights: list[int]
) -> None:
    parts = divide(whole, weights)
    assert sum(parts) == whole
    if total := sum(weights):
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part * total - whole * weight) < total


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=8), st.data())
def test_no_part_of_what_fits_exceeds_its_weight(weights: list[int], data: st.DataObject) -> None:
    whole = data.draw(st.integers(0, sum(weights)))
    for part, weight in zip(divide(whole, weights), weights, strict=True):
        assert part <= weight
