"""The canonical models refuse what the hub could not keep."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from renkei_contracts.base import Day, Instant
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Birthday
from renkei_contracts.order import LineItem, Order, TillKey
from renkei_contracts.till import CommitRequest, HoldRequest, QuoteRequest
from renkei_contracts.vendor import PROTOCOLS, Vendor

LINE: dict[str, Any] = {"id": "1", "quantity": 2, "amount": 1_100, "tax_rate": 1000}
ORDER: dict[str, Any] = {
    "ref": {"connection": "cart", "id": "o1"},
    "changed_at": "2026-11-26T12:00:00+09:00",
    "placed_at": "2026-11-26T12:00:00+09:00",
    "state": "paid",
    "lines": [LINE],
}


@pytest.mark.parametrize("said", ["20261126", "1764900000", "-1", 1764900000, "", "12:00"])
def test_what_would_be_read_as_seconds_is_no_instant_and_no_day(said: object) -> None:
    for kind in (Instant, Day):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(said)


@pytest.mark.parametrize("said", ["0001-01-01", "1969-12-31", "2201-01-01", "9999-12-31"])
def test_a_day_that_no_shop_can_have_is_no_day(said: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Day).validate_python(said)


@pytest.mark.parametrize("said", ["W01-1", "W01", "02-30", "00-00", "2000-02-29", "2-29", "x"])
def test_a_birthday_is_a_month_and_a_day_of_it(said: str) -> None:
    with pytest.raises(ValidationError, match="must be a month and a day of it, as 02-29"):
        TypeAdapter(Birthday).validate_python(said)


@pytest.mark.parametrize("said", ["02-29", "12-31", ""])
def test_a_birthday_on_a_leap_day_is_one(said: str) -> None:
    assert TypeAdapter(Birthday).validate_python(said) == said


@pytest.mark.parametrize("said", ["1970-01-01T08:59:59+09:00", "2200-12-31T23:59:59-01:00"])
def test_an_instant_lies_in_years_that_can_be_read_again_as_it_is_kept(said: str) -> None:
    """In UTC it is of the year before or after."""
    with pytest.raises(ValidationError, match="must lie in the years"):
        TypeAdapter(Instant).validate_python(said)


@pytest.mark.parametrize("said", ["0001-01-01T00:00+09:00", "9999-12-31T23:59-01:00"])
def test_an_instant_beyond_every_calendar_in_utc_is_refused(said: str) -> None:
    with pytest.raises(ValidationError, match="must lie in the years"):
        TypeAdapter(Instant).validate_python(said)


def test_instants_are_kept_in_utc() -> None:
    assert Order.model_validate(ORDER).placed_at == datetime(2026, 11, 26, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    "wrong",
    [
        {"placed_at": "2026-11-26T12:00:00"},
        {"placed_at": "0001-01-01T00:00:00+09:00"},
        {"placed_at": "9999-12-31T23:59:59.999999Z"},
        {"placed_at": 0},
        {"placed_at": 2147483648.5},
        {"test": 0},
        {"lines": [LINE | {"amount": 10**12 - 1}, LINE | {"id": "2", "amount": 1}]},
        {"points_used": -1},
        {"points_used": 1.0},
        {"points_used": "1"},
        {"points_used": 10**18},
        {"unknown": 1},
        {"lines": [LINE, LINE]},
        {"lines": [LINE | {"amount": 10.5}]},
        {"lines": [LINE | {"returned_quantity": 3}]},
        {"lines": [LINE | {"returned_amount": 1_101}]},
        {"lines": [LINE | {"title": "a\x00b"}]},
        {"lines": [LINE | {"title": "\ud800"}]},
        {"ref": {"connection": "Not A Slug", "id": "o1"}},
        {"ref": {"connection": "cart", "id": ""}},
    ],
)
def test_an_order_that_could_not_be_booked_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Order.model_validate(ORDER | wrong)


def test_models_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        LineItem.model_validate(LINE).amount = 1  # type: ignore[misc]


@pytest.mark.parametrize("points", [0, -5, 10**12])
def test_a_hold_is_of_at_least_one_point(points: int) -> None:
    with pytest.raises(ValidationError):
        HoldRequest(key="k", member="mem_1", points=points)


def test_a_sales_natural_key_names_every_part() -> None:
    sale = {
        "store": "shibuya",
        "till": "1",
        "business_date": "2026-11-26",
        "settlement_count": 2,
        "receipt_number": "0007",
    }
    ask = CommitRequest.model_validate(
        {"sale": sale, "sold_at": "2026-11-27T01:30:00+09:00", "lines": [LINE]}
    )
    assert str(ask.sale) == "|shibuya|1|2026-11-26|2|0007"


def test_two_natural_keys_are_never_spelled_alike() -> None:
    day = {"business_date": "2026-11-26", "receipt_number": "1"}
    one = TillKey.model_validate(day | {"company": "a|b", "store": "c", "till": "d"})
    two = TillKey.model_validate(day | {"company": "a", "store": "b|c", "till": "d"})
    assert str(one) != str(two)


def test_an_external_reference_names_its_connection() -> None:
    assert str(ExternalRef(connection="cart", id="o1")) == "cart/o1"


def test_every_capability_has_a_protocol_and_a_factory() -> None:
    factories = set(Vendor.__dataclass_fields__) - {"name", "title", "settings", "twin", "peer"}
    assert factories == set(PROTOCOLS)


def test_a_quote_and_a_sale_have_no_two_lines_of_one_id() -> None:
    line = LineItem(id="1", quantity=1, amount=100, tax_rate=1000)
    with pytest.raises(ValidationError, match="share an id"):
        QuoteRequest(lines=(line, line))
