"""Square's orders and customers as the hub's."""

from typing import Any, ClassVar

import pytest

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.member import Grade, IdentityKind
from renkei_contracts.order import Order, OrderState
from renkei_square import mapping, wire
from renkei_square.phones import e164

AT = "2026-05-13T16:30:00Z"
LATER = "2026-05-14T01:00:00.250Z"


def yen(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "JPY"}


def line(uid: str, total: int, tax: str | None = "t10", **more: Any) -> dict[str, Any]:
    applied = [{"tax_uid": tax, "applied_money": yen(0)}] if tax else []
    known = {"uid": uid, "quantity": "2", "applied_taxes": applied, "total_money": yen(total)}
    return {**known, **more}


def order(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    total = sum(one["total_money"]["amount"] for one in lines)
    return {
        "id": "o",
        "location_id": "L1",
        "state": "COMPLETED",
        "created_at": AT,
        "updated_at": AT,
        "line_items": list(lines),
        "taxes": [
            {"uid": "t10", "type": "INCLUSIVE", "percentage": "10"},
            {"uid": "t8", "type": "INCLUSIVE", "percentage": "8.0"},
            {"uid": "a10", "type": "ADDITIVE", "percentage": "10"},
        ],
        "total_money": yen(total),
        **more,
    }


def back(*lines: dict[str, Any], **more: Any) -> wire.Order:
    given = {"source_order_id": "o", "return_line_items": list(lines), **more}
    told = {"id": "back", "line_items": [], "returns": [given], "updated_at": LATER}
    return wire.Order.model_validate({**order(), **told})


def piece(uid: str, quantity: str, total: int, **more: Any) -> dict[str, Any]:
    return {"source_line_item_uid": uid, "quantity": quantity, "total_money": yen(total), **more}


def refunded(amount: int) -> wire.Refund:
    told = {"id": "r", "status": "COMPLETED", "amount_money": yen(amount), "updated_at": LATER}
    return wire.Refund.model_validate({**told, "order_id": "back"})


def read(
    told: dict[str, Any],
    *,
    refund: int | None = None,
    returns: tuple[wire.Order, ...] = (),
    by: Any = "none",
    points: int = 0,
) -> Order:
    made = () if refund is None else (refunded(refund),)
    sale = mapping.Sale(wire.Order.model_validate(told), (), made, returns, points)
    return mapping.to_order(sale, "till", by, "ポイント値引")


class TestAmounts:
    def test_tax_within_on_top_and_none(self) -> None:
        added = line("c", 1100, "a10", total_tax_money=yen(100))
        sale = read(order(line("a", 1100), line("b", 1080, "t8"), added, line("d", 500, None)))
        told = [(one.amount, one.tax_rate, one.tax_included) for one in sale.lines]
        assert told == [(1100, 1000, True), (1080, 800, True), (1000, 1000, False), (500, 0, True)]

    def test_a_sale_after_midnight_in_japan_is_of_that_day(self) -> None:
        sale = read(order(line("a", 1100)))
        assert str(sale.till) == "|L1|square|2026-05-14|0|o"

    def test_what_is_weighed_is_one_piece(self) -> None:
        weighed = line("a", 300, quantity="2", quantity_unit={"precision": 2})
        sale = read(order(weighed, line("b", 100, quantity="0.25")))
        assert [one.quantity for one in sale.lines] == [1, 1]

    def test_a_gift_card_earns_nothing(self) -> None:
        sale = read(order(line("a", 3000, None, item_type="GIFT_CARD")))
        assert not sale.lines[0].earns

    def test_service_charge_and_tip_are_in_the_total_and_in_no_line(self) -> None:
        extra = {"service_charges": [{"total_money": yen(110)}], "total_tip_money": yen(50)}
        sale = read(order(line("a", 1100), **extra, total_money=yen(1260)))
        assert [one.amount for one in sale.lines] == [1100]

    @pytest.mark.parametrize(
        "told",
        [
            order(line("a", 1100), total_money=yen(1101)),
            order(line("a", 1100), total_money=None),
            order(line("a", 1100, "unknown")),
            order(line("a", 1100, None, total_tax_money=yen(100))),
            order(line("a", 1100, applied_taxes=[{"tax_uid": "t10"}, {"tax_uid": "t8"}])),
            order(line("a", 1100, total_service_charge_money=yen(1))),
            order(line("a", 1100, total_discount_money=yen(1))),
            order(line("a", 1100, quantity="many")),
            order(line("a", 1100), taxes=[{"uid": "t10", "type": "NEW", "percentage": "10"}]),
            order(line("a", 1100), taxes=[{"uid": "t10", "type": "INCLUSIVE", "percentage": "x"}]),
            order(line("a", 1100, total_money={"amount": 1100, "currency": "USD"})),
            order(line("a", 1100), state="NEW"),
        ],
    )
    def test_what_is_not_understood_is_refused(self, told: dict[str, Any]) -> None:
        with pytest.raises(PayloadInvalid):
            read(told)

    def test_open_orders_are_placed_and_canceled_ones_are_worth_nothing(self) -> None:
        assert read(order(line("a", 1100), state="OPEN")).state is OrderState.PLACED
        gone = read(order(line("a", 1100), state="CANCELED"))
        assert (gone.state, gone.lines) == (OrderState.CANCELLED, ())

    def test_the_customer_is_the_orders_or_its_only_payers(self) -> None:
        paid = [{"payment_id": "p", "customer_id": "c"}]
        customer = read(order(line("a", 1100), tenders=paid)).customer
        assert customer is not None
        assert customer.id == "c"
        two = [*paid, {"payment_id": "q", "customer_id": "d"}]
        assert read(order(line("a", 1100), tenders=two)).customer is None


class TestReturns:
    sold = order(line("a", 1000), line("b", 1080, "t8"))

    def test_a_piece_that_came_back_is_taken_off_its_line(self) -> None:
        sale = read(self.sold, refund=500, returns=(back(piece("a", "1", 500)),))
        told = [(one.returned_quantity, one.returned_amount) for one in sale.lines]
        assert told == [(1, 500), (0, 0)]
        assert sale.changed_at.isoformat() == "2026-05-14T01:00:00.250000+00:00"

    def test_a_piece_with_tax_on_top_came_back_without_it_as_it_was_sold(self) -> None:
        told = order(line("a", 2200, "a10", total_tax_money=yen(200)))
        given = back(piece("a", "1", 1100, total_tax_money=yen(100)))
        (sold,) = read(told, refund=1100, returns=(given,)).lines
        assert (sold.amount, sold.returned_quantity, sold.returned_amount) == (2000, 1, 1000)

    def test_a_sale_changes_when_its_return_does(self) -> None:
        sale = mapping.Sale(wire.Order.model_validate(self.sold), (), (), (back(),))
        assert sale.told_at().isoformat() == "2026-05-14T01:00:00.250000+00:00"

    def test_goods_of_another_sale_in_the_same_return_are_not_this_ones(self) -> None:
        given = back(piece("a", "1", 500))
        other = {"source_order_id": "other", "return_line_items": [piece("a", "1", 500)]}
        both = (*given.returns, wire.Return.model_validate(other))
        given = given.model_copy(update={"returns": both})
        assert read(self.sold, refund=500, returns=(given,)).lines[0].returned_amount == 500

    def test_all_of_the_money_is_everything(self) -> None:
        sale = read(self.sold, refund=2080)
        assert [one.returned_amount for one in sale.lines] == [1000, 1080]
        assert [one.returned_quantity for one in sale.lines] == [2, 2]

    @pytest.mark.parametrize(
        ("refund", "given"),
        [(300, ()), (300, (piece("a", "1", 500),)), (500, (piece("z", "1", 500),))],
        ids=["an amount alone", "less than the goods cost", "goods of another sale"],
    )
    def test_a_refund_that_the_goods_do_not_explain_is_for_a_person(
        self, refund: int, given: tuple[dict[str, Any], ...]
    ) -> None:
        with pytest.raises(PayloadInvalid, match="by hand"):
            read(self.sold, refund=refund, returns=(back(*given),) if given else ())

    def test_an_exchange_is_for_a_person(self) -> None:
        told = order(line("a", 1000), returns=[{"source_order_id": "other"}])
        with pytest.raises(PayloadInvalid, match="sells others"):
            read(told)

    def test_what_is_weighed_came_back_when_all_of_it_did(self) -> None:
        sold = order(line("a", 300, quantity="0.3"))
        part = read(sold, refund=100, returns=(back(piece("a", "0.1", 100)),))
        assert part.lines[0].returned_amount == 100
        whole = read(sold, refund=300, returns=(back(piece("a", "0.3", 300)),))
        assert whole.lines[0].returned_quantity == 1


class TestPoints:
    discount: ClassVar[dict[str, Any]] = {
        "uid": "d",
        "name": "ポイント値引",
        "applied_money": yen(100),
    }
    share: ClassVar[dict[str, Any]] = {
        "total_discount_money": yen(100),
        "applied_discounts": [{"discount_uid": "d", "applied_money": yen(100)}],
    }

    def test_a_discount_of_the_name_pays_by_points_and_its_line_is_before_them(self) -> None:
        told = order(line("a", 900, **self.share), discounts=[self.discount])
        sale = read(told, by="discount")
        assert (sale.points_used, sale.points_value, sale.lines[0].amount) == (100, 100, 1000)
        plain = read(told)
        assert (plain.points_used, plain.points_value, plain.lines[0].amount) == (0, 0, 900)

    @pytest.mark.parametrize("other", [{"name": "セール"}, {"name": None}, {"reward_ids": ["w"]}])
    def test_a_discount_of_another_name_or_of_a_reward_is_none_by_points(
        self, other: dict[str, Any]
    ) -> None:
        told = order(line("a", 900, **self.share), discounts=[{**self.discount, **other}])
        sale = read(told, by="discount")
        assert (sale.points_used, sale.points_value, sale.lines[0].amount) == (0, 0, 900)

    def test_a_keyed_discount_goes_back_with_its_goods(self) -> None:
        told = order(line("a", 900, **self.share), discounts=[self.discount])
        shared = [{"discount_uid": "rd", "applied_money": yen(50)}]
        given = piece("a", "1", 450, applied_discounts=shared)
        of = [{"uid": "rd", "source_discount_uid": "d"}]
        returns = (back(given, return_discounts=of),)
        sale = read(told, refund=450, returns=returns, by="discount")
        assert (sale.points_used, sale.lines[0].returned_amount) == (50, 500)

    def test_a_reward_takes_its_own_points_for_good(self) -> None:
        named = {**self.discount, "reward_ids": ["w"]}
        rewards = [{"id": "w", "reward_tier_id": "tier"}]
        told = order(line("a", 900, **self.share), discounts=[named], rewards=rewards)
        sale = read(told, refund=900, by="rewards", points=120)
        assert (sale.points_used, sale.points_value) == (120, 100)
        assert sale.lines[0].returned_amount == 1000
        with pytest.raises(PayloadInvalid, match="rewards"):
            read({**told, "rewards": []}, by="rewards")

    def test_a_reward_on_an_open_order_is_not_taken_yet(self) -> None:
        named = {**self.discount, "reward_ids": ["w"]}
        rewards = [{"id": "w", "reward_tier_id": "tier"}]
        lines = (line("a", 900, **self.share),)
        told = order(*lines, discounts=[named], rewards=rewards, state="OPEN")
        sale = read(told, by="rewards", points=120)
        assert (sale.points_used, sale.points_value, sale.lines[0].amount) == (0, 0, 900)


class TestMembers:
    told: ClassVar[dict[str, Any]] = {
        "id": "C1",
        "updated_at": AT,
        "family_name": "山田",
        "given_name": "花子",
        "reference_id": "2900000000018",
        "phone_number": "+819012345678",
        "birthday": "0000-09-21",
    }

    def test_a_reference_proves_a_card_only_where_it_holds_nothing_else(self) -> None:
        for trusted, grade in ((False, Grade.ASSERTED), (True, Grade.VERIFIED)):
            customer = wire.Customer.model_validate(self.told)
            member = mapping.to_member(customer, "till", card_in_reference=trusted)
            kinds = {one.kind: one.grade for one in member.identities}
            assert kinds[IdentityKind.CARD] is grade
            assert kinds[IdentityKind.PHONE] is Grade.ASSERTED
            assert member.birthday == "09-21"

    def test_a_birthday_that_is_none_is_refused(self) -> None:
        customer = wire.Customer.model_validate({**self.told, "birthday": "1998-02-30"})
        with pytest.raises(PayloadInvalid, match="birthday"):
            mapping.to_member(customer, "till", card_in_reference=False)


def test_a_granted_token_is_not_in_its_repr() -> None:
    told = {"access_token": "acc3ss", "refresh_token": "r3fresh", "expires_at": AT}
    granted = wire.Granted.model_validate(told)
    assert "acc3ss" not in f"{granted!r} {granted}"
    assert "r3fresh" not in f"{granted!r} {granted}"


@pytest.mark.parametrize(
    ("typed", "dialled"),
    [
        ("090-1234-5678", "+819012345678"),
        ("03 1234 5678", "+81312345678"),
        ("+1 (415) 555-1111", "+14155551111"),
        ("０９０（１２３４）５６７８", "+819012345678"),
        ("0\u0669\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668", None),
        ("+\u0968\u0967\u0969\u096a\u096b\u096c\u096d\u096e\u096f\u0967", None),
        ("12345", None),
        ("", None),
    ],
)
def test_a_telephone_number_is_written_as_it_is_dialled(typed: str, dialled: str | None) -> None:
    assert e164(typed) == dialled
