"""Receipt numbers between two of them."""

import pytest

from renkei.services.till.receipt_numbers import between


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ("8", "11", ["8", "9", "10", "11"]),
        ("0008", "0011", ["0008", "0009", "0010", "0011"]),
        ("A-09", "A-10", ["A-09", "A-10"]),
        ("5", "5", ["5"]),
        ("11", "8", None),
        ("A1", "B2", None),
        ("A", "B", None),
        ("1", "1000000", None),
    ],
)
def test_numbers_count_up_with_what_stands_before_them(
    first: str, last: str, found: list[str] | None
) -> None:
    assert between(first, last) == found
