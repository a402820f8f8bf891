"""Sales and members as the hub's: amounts before points, and what is refused."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, IdentityKind, Member, MemberState
from renkei_contracts.order import Order, OrderState, TillKey
from renkei_contracts.toolkit.wire import parse
from renkei_smaregi import mapping, wire

Payload = Callable[[str], Any]


def order_of(body: Any) -> Order:
    return mapping.to_order(parse(wire.Transaction, body, "transaction"), "store-a")


def member_of(body: Any) -> Member:
    return mapping.to_member(parse(wire.Customer, body, "customer"), "store-a")


@pytest.fixture
def sale(payload: Payload) -> dict[str, Any]:
    found: dict[str, Any] = payload("transaction")
    return found


@pytest.fixture
def customer(payload: Payload) -> dict[str, Any]:
    found: dict[str, Any] = payload("customer")
    return found


@pytest.fixture
def plain(sale: dict[str, Any]) -> dict[str, Any]:
    """A sale of one line of 1,100 yen without any discount."""
    line = {
        "transactionDetailId": "1",
        "transactionDetailDivision": "1",
        "quantity": "1",
        "taxDivision": "0",
        "unitDiscountedSum": "1100",
        "taxRate": "10.00",
    }
    none = dict.fromkeys(("subtotalDiscountPrice", "couponDiscount", "pointDiscount"), "0")
    return {
        **sale,
        **none,
        "spendPoint": "0",
        "subtotal": "1100",
        "total": "1100",
        "details": [line],
    }


class TestSale:
    def test_a_sale_is_restated_whole(self, sale: dict[str, Any]) -> None:
        order = order_of(sale)
        assert order.ref == ExternalRef(connection="store-a", id="25")
        assert order.state is OrderState.FULFILLED
        assert order.currency == "JPY"
        assert not order.test
        assert order.location == "1"

    def test_an_amount_is_after_every_discount_but_before_points(
        self, sale: dict[str, Any]
    ) -> None:
        first, second = order_of(sale).lines
        assert (first.amount, second.amount) == (2160 - 66 - 16, 4400 - 134 - 34)
        assert first.amount + second.amount == int(sale["total"]) + int(sale["pointDiscount"])

    def test_points_used_and_their_worth(self, sale: dict[str, Any]) -> None:
        order = order_of({**sale, "spendPoint": "40"})
        assert (order.points_used, order.points_value) == (40, 100)

    def test_points_smaregi_granted_change_nothing(self, sale: dict[str, Any]) -> None:
        assert order_of({**sale, "newPoint": "62"}) == order_of(sale)

    def test_it_was_sold_when_the_till_says_and_not_when_it_was_uploaded(
        self, sale: dict[str, Any]
    ) -> None:
        order = order_of(sale)
        assert order.placed_at == datetime(2026, 11, 26, 2, 59, 30, tzinfo=UTC)
        assert order.changed_at == datetime(2026, 11, 26, 3, 0, 6, tzinfo=UTC)
        del sale["terminalTranDateTime"]
        assert order_of(sale).placed_at == datetime(2026, 11, 26, 3, 0, 5, tzinfo=UTC)

    def test_the_natural_key_names_store_till_day_and_receipt(self, sale: dict[str, Any]) -> None:
        assert order_of(sale).till == TillKey(
            store="1", till="3", business_date=date(2026, 11, 26), receipt_number="412"
        )

    @pytest.mark.parametrize("day", ["", None, "2026-11-25"])
    def test_closing_the_day_does_not_change_the_natural_key(
        self, sale: dict[str, Any], day: str | None
    ) -> None:
        assert order_of({**sale, "sumDate": day}).till == order_of(sale).till

    def test_the_day_is_japanese(self, sale: dict[str, Any]) -> None:
        till = order_of({**sale, "terminalTranDateTime": "2026-11-26T00:30:00+09:00"}).till
        assert till is not None
        assert till.business_date == date(2026, 11, 26)

    @pytest.mark.parametrize("key", ["storeId", "terminalId", "terminalTranId"])
    def test_without_a_part_there_is_no_natural_key(self, sale: dict[str, Any], key: str) -> None:
        assert order_of({**sale, key: ""}).till is None

    def test_the_card_scanned_is_proof(self, sale: dict[str, Any]) -> None:
        order = order_of(sale)
        assert order.customer == ExternalRef(connection="store-a", id="7")
        (card,) = order.identities
        assert (card.kind, card.scope, card.value) == (IdentityKind.CARD, "", "2100000000012")
        assert card.grade is Grade.VERIFIED

    def test_a_single_transaction_has_the_code_in_its_member(
        self, sale: dict[str, Any], customer: dict[str, Any]
    ) -> None:
        single = {**sale, "customer": customer}
        del single["customerCode"]
        assert order_of(single) == order_of(sale)

    @pytest.mark.parametrize("id", ["", "0", None])
    def test_a_guest_is_nobody(self, sale: dict[str, Any], id: str | None) -> None:
        order = order_of({**sale, "customerId": id, "customerCode": ""})
        assert order.customer is None
        assert order.identities == ()

    def test_carriage_is_shipping(self, sale: dict[str, Any]) -> None:
        order = order_of({**sale, "carriage": "500", "commission": "300", "total": "7010"})
        assert order.shipping == 500

    def test_restating_twice_is_equal(self, sale: dict[str, Any]) -> None:
        assert order_of(sale) == order_of(sale)


class TestLine:
    @pytest.mark.parametrize(
        ("changed", "rate"),
        [
            ({"taxRate": "10.00"}, 1000),
            ({"taxRate": "8"}, 800),
            ({"taxRate": "7.8"}, 780),
            ({"taxRate": "", "reduceTaxId": "1", "reduceTaxRate": "8.00"}, 800),
            (
                {"taxRate": "", "reduceTaxId": "", "reduceTaxRate": "8", "standardTaxRate": "10"},
                1000,
            ),
            ({"taxRate": None, "standardTaxRate": None}, 500),
            ({"taxDivision": "2"}, 0),
        ],
    )
    def test_the_rate_is_the_applied_one(
        self, plain: dict[str, Any], changed: dict[str, Any], rate: int
    ) -> None:
        plain["details"][0].update(changed)
        assert order_of({**plain, "taxRate": "5"}).lines[0].tax_rate == rate

    @pytest.mark.parametrize("rate", ["8.001", "-1", "101", "8%", "", "ten", "1e1"])
    def test_a_rate_that_is_none_is_refused(self, plain: dict[str, Any], rate: str) -> None:
        plain["details"][0]["taxRate"] = rate
        with pytest.raises(PayloadInvalid):
            order_of(plain)

    def test_tax_is_added_to_an_exclusive_line(self, plain: dict[str, Any]) -> None:
        plain["details"][0].update(taxDivision="1", taxExcludeProportional="110")
        (line,) = order_of({**plain, "taxExclude": "110", "total": "1210"}).lines
        assert (line.amount, line.tax_included) == (1100, False)

    def test_an_exclusive_line_without_tax_may_hold_it_and_is_refused(
        self, plain: dict[str, Any]
    ) -> None:
        plain["details"][0]["taxDivision"] = "1"
        with pytest.raises(PayloadInvalid, match="no tax was added"):
            order_of(plain)

    def test_an_exclusive_line_paid_with_points_needs_no_tax(self, plain: dict[str, Any]) -> None:
        plain["details"][0]["taxDivision"] = "1"
        paid = {"pointDiscount": "1100", "spendPoint": "1100", "total": "0"}
        assert order_of({**plain, **paid}).lines[0].amount == 1100

    @pytest.mark.parametrize(
        "name",
        ["productBundleProportional", "staffDiscountProportional", "bargainDiscountProportional"],
    )
    def test_a_discount_of_the_line_alone_lowers_amount_and_subtotal(
        self, plain: dict[str, Any], name: str
    ) -> None:
        plain["details"][0][name] = "100"
        order = order_of({**plain, "subtotal": "1000", "total": "1000"})
        assert order.lines[0].amount == 1000

    def test_a_surcharge_on_the_subtotal_raises_the_amount(self, plain: dict[str, Any]) -> None:
        plain["details"][0]["discountPriceProportional"] = "-50"
        order = order_of({**plain, "subtotalDiscountPrice": "-50", "total": "1150"})
        assert order.lines[0].amount == 1150

    def test_the_sum_counts_and_not_the_price(self, plain: dict[str, Any]) -> None:
        plain["details"][0].update(price="200", salesPrice="240", quantity="3")
        assert order_of(plain).lines[0].amount == 1100

    @pytest.mark.parametrize(("flag", "earns"), [("0", True), ("1", False), (None, True)])
    def test_a_product_without_points_earns_none(
        self, plain: dict[str, Any], flag: str | None, earns: bool
    ) -> None:
        plain["details"][0]["pointNotApplicable"] = flag
        assert order_of(plain).lines[0].earns is earns

    def test_an_amount_keyed_into_a_category_is_a_line(self, plain: dict[str, Any]) -> None:
        plain["details"][0]["transactionDetailDivision"] = "3"
        assert order_of(plain).lines[0].sku == ""

    @pytest.mark.parametrize(
        "changed",
        [
            {"unitDiscountedSum": "1100.5"},
            {"unitDiscountedSum": ""},
            {"unitDiscountedSum": None},
            {"unitDiscountedSum": "NaN"},
            {"unitDiscountedSum": "1,100"},
            {"unitDiscountedSum": "１１００"},
            {"unitDiscountedSum": "9" * 13},
            {"unitDiscountedSum": 1100.0},
            {"unitDiscountedSum": True},
            {"unitDiscountedSum": "-1100"},
            {"discountPriceProportional": "1200"},
            {"discountPriceProportional": "0.5"},
            {"quantity": "1.5"},
            {"quantity": "-1"},
            {"quantity": None},
            {"taxDivision": "3"},
            {"taxDivision": None},
            {"taxExcludeProportional": "110"},
            {"taxFree": "100"},
            {"transactionDetailId": None},
            {"transactionDetailDivision": "9"},
            {"transactionDetailDivision": None},
            {"productName": "x" * 501},
            {"productName": "\x00"},
        ],
        ids=range(24),
    )
    def test_a_line_that_is_not_certain_is_refused(
        self, plain: dict[str, Any], changed: dict[str, Any]
    ) -> None:
        plain["details"][0].update(changed)
        with pytest.raises(PayloadInvalid):
            order_of(plain)

    def test_two_lines_of_one_id_are_refused(self, sale: dict[str, Any]) -> None:
        sale["details"][1]["transactionDetailId"] = "1"
        with pytest.raises(PayloadInvalid):
            order_of(sale)

    def test_goods_given_back_in_a_sale_wait_for_a_person(self, sale: dict[str, Any]) -> None:
        sale["details"][1]["transactionDetailDivision"] = "2"
        with pytest.raises(PayloadInvalid, match="line 2 gives goods back"):
            order_of(sale)


class TestSums:
    @pytest.mark.parametrize(
        ("key", "value", "named"),
        [
            ("subtotal", "6561", "subtotal is 6561, its parts say 6560"),
            ("subtotalDiscountPrice", "201", "subtotalDiscountPrice is 201, its parts say 200"),
            ("couponDiscount", "51", "couponDiscount is 51, its parts say 50"),
            ("pointDiscount", "101", "total is 6210, its parts say 6209"),
            ("total", "6211", "total is 6211, its parts say 6210"),
            ("taxExclude", "1", "total is 6210, its parts say 6211"),
            ("roundingPrice", "-10", "roundingPrice"),
        ],
    )
    def test_a_head_its_lines_do_not_explain_is_refused_with_the_numbers(
        self, sale: dict[str, Any], key: str, value: str, named: str
    ) -> None:
        with pytest.raises(PayloadInvalid, match=f"transaction 25: {named}"):
            order_of({**sale, key: value})

    def test_a_discount_without_shares_is_refused(self, sale: dict[str, Any]) -> None:
        for line in sale["details"]:
            del line["discountPriceProportional"]
        with pytest.raises(PayloadInvalid, match="its parts say 0"):
            order_of(sale)

    def test_points_taken_as_payment_need_no_shares(self, sale: dict[str, Any]) -> None:
        for line in sale["details"]:
            del line["discountPointProportional"]
        assert order_of(sale).points_used == 100

    @pytest.mark.parametrize(
        "key",
        [
            "transactionHeadId",
            "subtotal",
            "total",
            "updDateTime",
            "details",
        ],
    )
    def test_what_decides_something_must_be_there(self, sale: dict[str, Any], key: str) -> None:
        del sale[key]
        with pytest.raises(PayloadInvalid):
            order_of(sale)

    @pytest.mark.parametrize(
        "at", ["20261126", 1764126000, "2026-11-26", "2026-11-26T12:00:06", "soon", True]
    )
    def test_a_time_without_its_zone_is_refused(self, sale: dict[str, Any], at: Any) -> None:
        with pytest.raises(PayloadInvalid):
            order_of({**sale, "updDateTime": at})

    @pytest.mark.parametrize("value", ["-1", "0.5", "many", "9" * 13])
    def test_points_that_are_none_are_refused(self, sale: dict[str, Any], value: str) -> None:
        with pytest.raises(PayloadInvalid):
            order_of({**sale, "spendPoint": value})

    def test_an_error_repeats_no_personal_data(self, sale: dict[str, Any]) -> None:
        sale["details"][0]["quantity"] = "hanako@example.jp"
        with pytest.raises(PayloadInvalid) as caught:
            order_of(sale)
        assert "hanako" not in str(caught.value)


class TestUndone:
    @pytest.mark.parametrize(
        "changed",
        [{"cancelDivision": "1"}, {"disposeDivision": "1"}, {"disposeDivision": "2"}],
        ids=["voided", "undone", "undoing"],
    )
    def test_it_counts_as_nothing(self, sale: dict[str, Any], changed: dict[str, str]) -> None:
        order = order_of({**sale, **changed})
        assert order.state is OrderState.CANCELLED
        assert (order.lines, order.points_used, order.points_value) == ((), 0, 0)

    @pytest.mark.parametrize("name", ["cancelDivision", "disposeDivision", "returnSales"])
    def test_a_division_of_another_value_is_refused(self, sale: dict[str, Any], name: str) -> None:
        assert order_of({**sale, name: None}) == order_of({**sale, name: "0"})
        with pytest.raises(PayloadInvalid, match=name):
            order_of({**sale, name: "9"})

    def test_whatever_its_numbers_have_become(self, sale: dict[str, Any]) -> None:
        negative = {
            "disposeDivision": "2",
            "returnSales": "1",
            "total": "-6210",
            "spendPoint": "-5",
        }
        assert order_of({**sale, **negative}).state is OrderState.CANCELLED

    def test_the_cancellation_is_newer_even_if_the_update_is_not_noted(
        self, sale: dict[str, Any]
    ) -> None:
        undone = {"cancelDivision": "1", "cancelDateTime": "2026-11-26T13:00:00+09:00"}
        assert order_of({**sale, **undone}).changed_at > order_of(sale).changed_at

    def test_a_return_without_its_sale_waits_for_a_person(self, sale: dict[str, Any]) -> None:
        with pytest.raises(PayloadInvalid, match="return without its sale"):
            order_of({**sale, "returnSales": "1"})

    def test_only_an_undoing_record_names_an_original(self, sale: dict[str, Any]) -> None:
        def original(**changed: str) -> str | None:
            row = parse(wire.Transaction, {**sale, **changed}, "transaction")
            return mapping.disposed_original(row)

        assert original(disposeDivision="2", disposeServerTransactionHeadId="24") == "24"
        assert original(disposeDivision="2", disposeServerTransactionHeadId="") is None
        assert original(disposeDivision="1", disposeServerTransactionHeadId="26") is None


class TestMember:
    def test_a_member_is_restated_whole(self, customer: dict[str, Any]) -> None:
        member = member_of(customer)
        assert member.ref == ExternalRef(connection="store-a", id="7")
        assert (member.family_name, member.given_name) == ("山田", "花子")
        assert member.changed_at == datetime(2026, 11, 26, 3, 0, 6, tzinfo=UTC)
        assert member.points_seen is None

    def test_card_is_verified_and_addresses_only_asserted(self, customer: dict[str, Any]) -> None:
        graded = [(one.kind, one.value, one.grade) for one in member_of(customer).identities]
        assert graded == [
            (IdentityKind.VENDOR_CUSTOMER, "7", Grade.STRONG),
            (IdentityKind.CARD, "2100000000012", Grade.VERIFIED),
            (IdentityKind.EMAIL, "hanako@example.jp", Grade.ASSERTED),
            (IdentityKind.PHONE, "03-0000-0000", Grade.ASSERTED),
            (IdentityKind.PHONE, "090-0000-0000", Grade.ASSERTED),
        ]

    @pytest.mark.parametrize(
        ("status", "state", "with_card"),
        [
            ("0", MemberState.ACTIVE, True),
            ("1", MemberState.SUSPENDED, True),
            ("2", MemberState.SUSPENDED, False),
            ("3", MemberState.WITHDRAWN, False),
            ("4", MemberState.MERGED, False),
        ],
    )
    def test_the_status_decides_state_and_card(
        self, customer: dict[str, Any], status: str, state: MemberState, with_card: bool
    ) -> None:
        member = member_of({**customer, "status": status})
        kinds = {one.kind for one in member.identities}
        assert member.state is state
        assert (IdentityKind.CARD in kinds) is with_card

    def test_a_name_we_made_up_is_no_name(self, customer: dict[str, Any]) -> None:
        unnamed = {"lastName": mapping.UNKNOWN_NAME, "firstName": mapping.UNKNOWN_NAME}
        member = member_of({**customer, **unnamed})
        assert (member.family_name, member.given_name) == ("", "")

    def test_the_same_address_twice_is_one(self, customer: dict[str, Any]) -> None:
        twice = {"mailAddress2": customer["mailAddress"], "mailAddress3": ""}
        kinds = [one.kind for one in member_of({**customer, **twice}).identities]
        assert kinds.count(IdentityKind.EMAIL) == 1

    def test_an_id_that_came_as_a_number_is_the_same_id(self, customer: dict[str, Any]) -> None:
        assert member_of({**customer, "customerId": 7}) == member_of(customer)

    @pytest.mark.parametrize(
        "changed",
        [
            {"customerId": ""},
            {"customerId": None},
            {"status": "9"},
            {"status": None},
            {"updDateTime": ""},
            {"lastName": "x" * 501},
            {"customerCode": "c" * 201},
            {"customerId": 7.0},
        ],
        ids=range(8),
    )
    def test_a_member_that_is_not_certain_is_refused(
        self, customer: dict[str, Any], changed: dict[str, Any]
    ) -> None:
        with pytest.raises(PayloadInvalid):
            member_of({**customer, **changed})
