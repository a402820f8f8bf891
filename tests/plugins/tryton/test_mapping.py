"""Recorded sales as canonical orders: every yen is where it was paid."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.order import Order, OrderState, TillKey
from renkei_contracts.toolkit.wire import parse
from renkei_tryton import mapping, wire
from renkei_tryton.settings import TrytonSettings

Row = dict[str, Any]
Payload = Callable[[str], Any]

SETTINGS = TrytonSettings.model_validate(
    {
        "base_url": "https://tryton.example.jp",
        "database": "shop",
        "username": "admin",
        "password": "x",
    }
)


@pytest.fixture
def row(payload: Payload) -> Callable[[int], Row]:
    """The recorded sale of this id, free to be changed."""
    rows = payload("orders-changed")["response"]["result"]
    return lambda id: next(row for row in rows if row["id"] == id)


def order(row: Row, **overrides: Any) -> Order:
    sale = parse(wire.Sale, row, "sale")
    return mapping.to_order(sale, "till", SETTINGS.model_copy(update=overrides))


def amounts(order: Order) -> dict[str, tuple[int, int]]:
    return {line.sku: (line.amount, line.tax_rate) for line in order.lines}


def yen(value: int | str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": str(value)}


@pytest.mark.parametrize("id", [1, 2, 3, 4, 6, 7, 9, 10])
def test_the_lines_of_a_recorded_sale_add_up_to_its_total(
    row: Callable[[int], Row], id: int
) -> None:
    found = order(row(id))
    assert all(line.tax_included for line in found.lines)
    assert sum(line.amount for line in found.lines) == int(row(id)["total"]["decimal"])


@pytest.mark.parametrize("id", [1, 2, 3, 4, 6, 7, 9, 10])
def test_the_tenders_of_a_recorded_sale_add_up_to_its_total(
    row: Callable[[int], Row], id: int
) -> None:
    assert sum(one.amount for one in order(row(id)).tenders) == int(row(id)["total"]["decimal"])


def test_a_sale_is_its_lines_with_their_own_tax_rates(row: Callable[[int], Row]) -> None:
    found = order(row(1))
    assert amounts(found) == {"TEA-1": (2160, 800), "CUP-1": (3300, 1000)}
    assert [line.quantity for line in found.lines] == [2, 1]
    assert [line.title for line in found.lines] == ["煎茶", "有田焼の湯のみ"]


@pytest.mark.parametrize(("id", "points"), [(1, 0), (2, 800), (3, 8800)])
def test_points_used_are_what_the_points_tender_took(
    row: Callable[[int], Row], id: int, points: int
) -> None:
    found = order(row(id))
    assert (found.points_used, found.points_value) == (points, points)


def test_the_points_tender_goes_by_its_name_in_the_settings(row: Callable[[int], Row]) -> None:
    assert order(row(2), points_tender="Cash").points_used == 8000


@pytest.mark.parametrize(("id", "state"), [(1, "posted"), (2, "done")])
def test_done_and_posted_sales_are_fulfilled(
    row: Callable[[int], Row], id: int, state: str
) -> None:
    assert row(id)["state"] == state
    assert order(row(id)).state is OrderState.FULFILLED


def test_a_cancelled_sale_took_nothing(row: Callable[[int], Row]) -> None:
    found = order(row(2) | {"state": "cancelled", "payments.": []})
    assert (found.state, found.points_used, found.tenders) == (OrderState.CANCELLED, 0, ())


def test_a_cancelled_sale_is_cancelled_whatever_its_lines_and_payments_say(
    row: Callable[[int], Row],
) -> None:
    cash = {"method.": {"name": "Cash"}, "amount": yen(-8000)}
    sale = row(2) | {"state": "cancelled", "total": yen(1), "payments.": [cash]}
    with pytest.raises(PayloadInvalid):
        order(sale | {"state": "done"})
    assert (order(sale).state, order(sale).lines) == (OrderState.CANCELLED, ())


@pytest.mark.parametrize("state", ["open", "new-in-9.0"])
def test_a_sale_in_any_other_state_is_refused(row: Callable[[int], Row], state: str) -> None:
    with pytest.raises(PayloadInvalid, match="state"):
        order(row(2) | {"state": state})


def test_instants_are_utc(row: Callable[[int], Row]) -> None:
    at = {"year": 2026, "month": 11, "day": 26, "hour": 15, "minute": 6, "second": 44}
    recorded = {"__class__": "datetime", **at, "microsecond": 617648}
    found = order(row(2) | {"write_date": recorded})
    assert found.changed_at == datetime(2026, 11, 26, 15, 6, 44, 617648, UTC)
    assert found.placed_at < datetime(2026, 11, 27, tzinfo=UTC)


def test_a_sale_names_itself_by_id_and_shows_its_receipt_number(
    row: Callable[[int], Row],
) -> None:
    found = order(row(2) | {"number": "POS-0002"})
    assert (found.ref.connection, found.ref.id) == ("till", "2")
    assert (found.number, found.currency, found.location) == ("POS-0002", "JPY", "shop")


class TestTillKey:
    def test_it_is_store_point_day_and_receipt_number(self, row: Callable[[int], Row]) -> None:
        assert order(row(10)).till == TillKey(
            store="shop", till="2", business_date=date(2026, 11, 26), receipt_number="10"
        )

    def test_the_store_is_the_settings(self, row: Callable[[int], Row]) -> None:
        found = order(row(2), store="shinjuku")
        assert found.till == mapping.till_key("shinjuku", 1, date(2026, 11, 26), "2")

    def test_posting_changes_neither_key_nor_lines(self, row: Callable[[int], Row]) -> None:
        done, posted = order(row(2)), order(row(2) | {"state": "posted"})
        assert (done.till, done.lines) == (posted.till, posted.lines)


class TestDiscount:
    def test_it_comes_off_the_goods_of_its_own_rate(self, row: Callable[[int], Row]) -> None:
        assert amounts(order(row(4))) == {"CUP-1": (6500, 1000), "TEA-1": (1080, 800)}

    def test_it_comes_off_all_goods_where_none_has_its_rate(
        self, row: Callable[[int], Row]
    ) -> None:
        # 100 yen over 1080 and 1728: 38.46 and 61.54, the larger remainder is rounded up.
        assert amounts(order(row(6))) == {"TEA-1": (1042, 800), "CAKE-1": (1666, 800)}

    def test_it_may_make_a_sale_free(self, row: Callable[[int], Row]) -> None:
        found = order(row(7))
        assert amounts(found) == {"TEA-1": (0, 800)}
        assert found.tenders == ()

    def test_a_line_keeps_its_pieces(self, row: Callable[[int], Row]) -> None:
        assert [line.quantity for line in order(row(4)).lines] == [2, 1]

    def test_more_off_than_the_goods_are_worth_is_refused(self, row: Callable[[int], Row]) -> None:
        free = row(7)
        free["lines."][1]["amount"] = yen(-1081)
        with pytest.raises(PayloadInvalid, match="exceeds"):
            order(free | {"total": yen(-1)})


class TestReturns:
    @pytest.mark.parametrize("id", [5, 8])  # goods for cash; one thing for another
    def test_goods_taken_back_wait_for_a_person(self, row: Callable[[int], Row], id: int) -> None:
        with pytest.raises(PayloadInvalid, match="from which sale"):
            order(row(id))

    def test_a_negative_line_is_a_discount_only_by_its_code(
        self, row: Callable[[int], Row]
    ) -> None:
        with pytest.raises(PayloadInvalid, match="from which sale"):
            order(row(4), discount_codes=("COUPON",))


class TestTillWithoutTax:
    def test_its_net_amounts_are_not_taken_for_what_was_paid(
        self, row: Callable[[int], Row]
    ) -> None:
        recorded = row(10)
        assert not recorded["point."]["tax_included"]
        assert recorded["lines."][0]["amount"] == yen(2000)
        assert amounts(order(recorded)) == {"TEA-1": (2160, 800), "CUP-1": (3290, 1000)}


class TestOddLines:
    def test_weighed_goods_are_one_piece(self, row: Callable[[int], Row]) -> None:
        sale = row(9)
        sale["lines."][0] |= {"quantity": 0.333, "amount": yen(575)}
        found = order(sale | {"total": yen(575)})
        assert (found.lines[0].quantity, found.lines[0].amount) == (1, 575)

    def test_lines_that_miss_the_total_are_refused(self, row: Callable[[int], Row]) -> None:
        with pytest.raises(PayloadInvalid, match="add up"):
            order(row(1) | {"total": yen(5461)})

    @pytest.mark.parametrize("amount", ["5460.5", "1e30", "NaN", "Infinity"])
    def test_an_amount_that_is_no_whole_yen_is_refused(
        self, row: Callable[[int], Row], amount: str
    ) -> None:
        with pytest.raises(PayloadInvalid):
            order(row(1) | {"total": yen(amount)})

    def test_dollars_are_refused_for_their_currency(self, row: Callable[[int], Row]) -> None:
        sale = row(9)
        sale["lines."][0] |= {"amount": yen("17.28")}
        with pytest.raises(PayloadInvalid, match="in 'USD'"):
            order(sale | {"total": yen("17.28"), "currency.": {"code": "USD", "id": 2}})

    def test_change_is_taken_off_the_cash(self, row: Callable[[int], Row]) -> None:
        cash = {"method.": {"name": "Cash", "id": 1}}
        given = [cash | {"id": 1, "amount": yen(2000)}, cash | {"id": 2, "amount": yen(-272)}]
        (tender,) = order(row(9) | {"payments.": given}).tenders
        assert (tender.kind, tender.amount) == ("Cash", 1728)

    def test_more_change_than_cash_is_refused(self, row: Callable[[int], Row]) -> None:
        given = [
            {"method.": {"name": "Card"}, "amount": yen(2000)},
            {"method.": {"name": "Cash"}, "amount": yen(-272)},
        ]
        with pytest.raises(PayloadInvalid, match="amount"):
            order(row(9) | {"payments.": given})


class TestTax:
    def taxed(self, row: Row, taxes: Any) -> Row:
        row["lines."][0]["product."]["account_category."] = taxes
        return row

    def test_a_rate_changed_since_the_sale_is_refused(self, row: Callable[[int], Row]) -> None:
        now = {"customer_taxes_used.": [{"rate": yen("0.10")}]}
        with pytest.raises(PayloadInvalid, match="not what it was"):
            order(self.taxed(row(9), now))

    def test_goods_without_tax_have_rate_nought(self, row: Callable[[int], Row]) -> None:
        sale = self.taxed(row(9), {"customer_taxes_used.": []})
        sale["lines."][0]["unit_list_price"] = yen("1728.0000")
        assert order(sale).lines[0].tax_rate == 0

    @pytest.mark.parametrize(
        "taxes",
        [
            None,
            {"customer_taxes_used.": [{"rate": None}]},
            {"customer_taxes_used.": [{"rate": yen("0.08")}, {"rate": yen("0.01")}]},
            {"customer_taxes_used.": [{"rate": yen("0.080001")}]},
            {"customer_taxes_used.": [{"rate": yen("-0.08")}]},
        ],
        ids=["no category", "no percentage", "two", "too fine", "negative"],
    )
    def test_any_other_tax_is_refused(self, row: Callable[[int], Row], taxes: Any) -> None:
        with pytest.raises(PayloadInvalid):
            order(self.taxed(row(9), taxes))


class TestShape:
    @pytest.mark.parametrize("key", sorted(set(wire.Sale.model_fields) - {"point", "currency"}))
    def test_a_missing_field_is_named(self, row: Callable[[int], Row], key: str) -> None:
        alias = wire.Sale.model_fields[key].alias or key
        sale = {name: value for name, value in row(1).items() if name != alias}
        with pytest.raises(PayloadInvalid, match=alias):
            order(sale)

    @pytest.mark.parametrize(
        "change",
        [
            {"id": True},
            {"id": -1},
            {"number": None},
            {"write_date": None},
            {"write_date": {"__class__": "datetime", "year": "2026"}},
            {"date": {"__class__": "date", "year": 2026, "month": 13, "day": 1}},
            {"total": "five"},
            {"lines.": [3]},
        ],
        ids=str,
    )
    def test_a_changed_type_is_refused(self, row: Callable[[int], Row], change: Row) -> None:
        with pytest.raises(PayloadInvalid):
            order(row(1) | change)

    def test_a_refusal_does_not_repeat_what_was_sent(self, row: Callable[[int], Row]) -> None:
        with pytest.raises(PayloadInvalid) as refusal:
            order(row(1) | {"total": "hanako@example.jp"})
        assert "hanako" not in str(refusal.value)

    def test_an_instant_is_written_as_tryton_reads_it(self) -> None:
        at = datetime(2026, 11, 27, 0, 6, 44, 780332, UTC)
        assert wire.moment(at) == {
            "__class__": "datetime",
            "year": 2026,
            "month": 11,
            "day": 27,
            "hour": 0,
            "minute": 6,
            "second": 44,
            "microsecond": 780332,
        }


def test_goods_are_offered_with_tax_by_the_piece(payload: Payload) -> None:
    (cup,) = [row for row in payload("goods")["response"]["result"] if row["code"] == "CUP-1"]
    item = mapping.to_item(parse(wire.Goods, cup, "a product"))
    assert (item.sku, item.quantity, item.yen, item.tax_rate) == ("CUP-1", 1, 3300, 1000)


def test_quantities_come_as_floats_and_are_read_exactly(row: Callable[[int], Row]) -> None:
    sale = row(9)
    sale["lines."][0]["quantity"] = 0.1
    assert parse(wire.Sale, sale, "sale").lines[0].quantity == Decimal("0.1")
