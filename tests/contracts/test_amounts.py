"""Decimals of vendors: whole yen and basis points, or a reason why not."""

from decimal import Decimal

import pytest

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.toolkit.amounts import basis_points, in_yen, whole_yen


@pytest.mark.parametrize("currency", ["USD", "jpy", "", None, "円" * 1000])
def test_what_is_not_in_yen_is_refused_by_name(currency: str | None) -> None:
    assert in_yen("JPY", "order 7") == "JPY"
    with pytest.raises(PayloadInvalid, match=r"^order 7 is in ") as caught:
        in_yen(currency, "order 7")
    assert len(str(caught.value)) < 80


def test_a_decimal_that_is_whole_is_yen() -> None:
    assert (whole_yen(Decimal("1080.00"), "a price"), whole_yen(Decimal(0), "a price")) == (1080, 0)
    assert whole_yen(Decimal(-5), "a discount", least=-5) == -5


@pytest.mark.parametrize("amount", ["0.5", "-1", "1e999999999", "NaN", "Infinity"])
def test_an_amount_that_is_no_yen_is_refused_by_name(amount: str) -> None:
    with pytest.raises(PayloadInvalid, match="a price"):
        whole_yen(Decimal(amount), "a price")


def test_a_rate_is_told_in_percent_or_as_a_part() -> None:
    assert basis_points(Decimal("7.75"), "line 1") == basis_points(
        Decimal("0.0775"), "line 1", whole=1
    )


@pytest.mark.parametrize("rate", ["100.01", "-1", "0.005", "1e999999999", "NaN"])
def test_what_is_no_rate_is_refused_by_name(rate: str) -> None:
    with pytest.raises(PayloadInvalid, match="line 1"):
        basis_points(Decimal(rate), "line 1")
