"""Points at a vendor's cart: a hold gives a code, and the order that brings it captures it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from acme import NOW, Scene, bought, hanako
from sqlalchemy import text

from renkei.errors import TillRefused
from renkei.ledger.verify import verify
from renkei.services.apps import own_cart
from renkei.services.flow.issue_codes import IssueCodes
from renkei.services.flow.replay import Replay
from renkei.services.till.till_terminal import Terminal
from renkei.worker import Worker
from renkei_contracts.application import CartHold, CartHoldAnswer, HoldSeen
from renkei_contracts.errors import OutcomeUnknown, Rejected, Unavailable
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import Order, OrderState
from renkei_contracts.till import HoldRequest

SITE = Terminal("trm_site", "cart", "", "site")
DAY = 86_400

NEWER_RULES = "INSERT INTO program_version VALUES ('default', 2, '1970-01-02Z', CAST(:d AS json))"


@pytest.fixture
async def shop(scene: Scene) -> Scene:
    """Hanako is customer c1 of the cart and has 500 points."""
    await scene.hub.booking.enrol(hanako())
    await tell(scene, bought("before", 55_000))
    return scene


async def tell(scene: Scene, order: Order) -> Any:
    return await scene.hub.booking.settle(order, read_at=None, delivery_key=None)


async def held(scene: Scene, points: int = 300, key: str = "k1") -> CartHoldAnswer:
    ask = CartHold(key=key, customer="c1", points=points, ttl_seconds=DAY)
    return await own_cart.hold(scene.hub.till, scene.hub.connections, SITE, ask)


async def seen(scene: Scene, hold: CartHoldAnswer) -> HoldSeen:
    return await own_cart.look(scene.hub.till, SITE, hold.hold)


async def released(scene: Scene, hold: CartHoldAnswer) -> None:
    await own_cart.release(scene.hub.till, SITE, hold.hold)


def with_code(hold: CartHoldAnswer, id: str = "o1", yen: int = 11_000, **more: Any) -> Order:
    """The order as the shop tells of it, its lines before the code."""
    assert hold.code is not None
    return bought(id, yen).model_copy(update={"hold_codes": (hold.code,)} | more)


async def points(scene: Scene) -> int:
    spendable: int = (await scene.one("SELECT available FROM member WHERE available > 0"))[0]
    return spendable


async def alerts(scene: Scene) -> list[str]:
    async with scene.hub.database.begin() as conn:
        assert (await verify(conn)).findings == ()
        return list((await conn.execute(text("SELECT kind FROM alert"))).scalars())


async def test_a_hold_gives_a_code_that_is_issued_in_the_shop(shop: Scene) -> None:
    hold = await held(shop)
    assert (hold.points, hold.spendable, hold.code_yen) == (300, 200, 300)
    assert (await seen(shop, hold)).code_state == "wanted"
    assert await shop.work("codes") == 1
    assert hold.code_until is not None
    assert shop.cart.coupons == {hold.code: (300, hold.code_until)}
    now = await seen(shop, hold)
    assert (now.state, now.code, now.code_state) == ("open", hold.code, "issued")
    assert now.lapses_at is not None
    assert now.lapses_at - hold.code_until == timedelta(hours=1)
    assert await held(shop) == hold
    assert await shop.work("codes") == 0


async def test_an_order_that_brings_the_code_captures_the_hold_and_earns_on_the_rest(
    shop: Scene,
) -> None:
    hold = await held(shop)
    await shop.work("codes")
    for outcome in ("settled", "unchanged"):
        answer = await tell(shop, with_code(hold))
        assert (answer.outcome, answer.earned, answer.redeemed) == (outcome, 97, 300)
    now = await seen(shop, hold)
    assert (now.state, now.order, now.code_state) == ("captured", "o1", "used")
    assert await shop.work("codes") == 0
    assert hold.code in shop.cart.coupons
    assert await points(shop) == 500 - 300 + 97
    assert await alerts(shop) == []


async def test_a_code_takes_off_no_more_than_the_goods_cost(shop: Scene) -> None:
    hold = await held(shop)
    answer = await tell(shop, with_code(hold, yen=120))
    assert (answer.earned, answer.redeemed) == (0, 120)
    assert await points(shop) == 380


async def test_points_used_by_code_come_back_with_a_cancelled_order(shop: Scene) -> None:
    hold = await held(shop)
    await tell(shop, with_code(hold))
    later = {"changed_at": NOW + timedelta(seconds=9), "state": OrderState.CANCELLED}
    answer = await tell(shop, with_code(hold, **later))
    assert (answer.earned, answer.redeemed) == (0, 0)
    assert await points(shop) == 500


async def test_goods_that_come_back_bring_their_share_of_the_points(shop: Scene) -> None:
    hold = await held(shop)
    order = with_code(hold)
    await tell(shop, order)
    [line] = order.lines
    for tick, back, used in ((1, 3_667, 200), (2, 11_000, 0)):
        said = {"returned_amount": back}
        later = {
            "changed_at": NOW + timedelta(seconds=tick),
            "lines": (line.model_copy(update=said),),
        }
        assert (await tell(shop, order.model_copy(update=later))).redeemed == used
    assert await points(shop) == 500


async def test_a_hold_that_is_released_takes_its_code_away(shop: Scene) -> None:
    hold = await held(shop)
    await shop.work("codes")
    await released(shop, hold)
    assert (await seen(shop, hold)).code_state == "unwanted"
    await shop.work("codes")
    assert shop.cart.coupons == {}
    assert (await seen(shop, hold)).code_state == "revoked"


async def test_what_was_never_issued_is_not_revoked(shop: Scene) -> None:
    hold = await held(shop)
    await released(shop, hold)
    assert await shop.work("codes") == 0
    assert (await seen(shop, hold)).code_state == "revoked"
    assert not {"issue 300", "revoke"} & {*shop.cart.calls}


async def test_unused_points_flow_back_when_their_time_is_over(
    shop: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renkei.services.points.hold_codes.GRACE", timedelta(seconds=-DAY))
    hold = await held(shop)
    await shop.work("codes")
    await shop.hub.booking.lapse_holds()
    await shop.work("codes")
    assert (await seen(shop, hold)).state == "lapsed"
    assert (await points(shop), shop.cart.coupons) == (500, {})
    answer = await tell(shop, with_code(hold))  # the order was placed in time, and told late
    assert (answer.redeemed, await points(shop)) == (300, 297)
    assert await alerts(shop) == []


async def test_an_answer_that_was_lost_is_asked_for_again_and_makes_no_second_code(
    shop: Scene,
) -> None:
    hold = await held(shop)
    shop.cart.acts_before_failing = True
    shop.cart.failures.append(OutcomeUnknown("the line broke"))
    await shop.work("codes")
    assert (await seen(shop, hold)).code_state == "wanted"
    await shop.due_now("hold_code")
    await shop.work("codes")
    assert [*shop.cart.coupons] == [hold.code]
    assert (await seen(shop, hold)).code_state == "issued"


async def test_what_may_have_been_issued_is_revoked_although_nobody_heard_of_it(
    shop: Scene,
) -> None:
    hold = await held(shop)
    shop.cart.acts_before_failing = True
    shop.cart.failures.append(OutcomeUnknown("the line broke"))
    await shop.work("codes")
    await released(shop, hold)
    await shop.due_now("hold_code")
    await shop.work("codes")
    assert shop.cart.coupons == {}


async def test_a_hold_that_ends_while_its_code_is_being_issued_takes_it_away(shop: Scene) -> None:
    hold = await held(shop)
    shop.cart.during_issue = lambda: released(shop, hold)
    await shop.work("codes")
    assert hold.code in shop.cart.coupons
    await shop.work("codes")
    assert (shop.cart.coupons, (await seen(shop, hold)).code_state) == ({}, "revoked")


async def test_another_process_takes_over_from_one_that_died_during_the_call(shop: Scene) -> None:
    hold = await held(shop)

    async def die() -> None:
        raise asyncio.CancelledError

    shop.cart.during_issue = die
    with pytest.raises(asyncio.CancelledError):
        await shop.work("codes")
    shop.cart.during_issue = None
    heir = Scene(shop.hub, Worker(shop.hub), shop.cart, shop.shop)
    assert await heir.work("codes") == 0  # the lease of the dead still runs
    await heir.due_now("hold_code")
    assert await heir.work("codes") == 1
    assert [*shop.cart.coupons] == [hold.code]


async def test_a_code_that_the_shop_refuses_has_failed_and_the_points_can_be_freed(
    shop: Scene,
) -> None:
    hold = await held(shop)
    shop.cart.failures.append(Rejected("the shop takes no such coupon"))
    await shop.work("codes")
    assert (await seen(shop, hold)).code_state == "failed"
    assert await shop.work("codes") == 0
    await released(shop, hold)
    assert await points(shop) == 500


async def test_a_code_that_failed_is_issued_or_revoked_as_its_hold_stands_once_it_is_replayed(
    shop: Scene,
) -> None:
    hold = await held(shop)
    replay = Replay(shop.hub.connections, shop.hub.database, shop.hub.clock)
    shop.cart.failures.append(Rejected("the shop takes no such coupon"))
    await shop.work("codes")
    (one,) = await replay.dead("cart")
    assert hold.code not in one.name
    assert await replay.named([f"cart/{one.name}"]) == 1
    await shop.work("codes")
    assert [*shop.cart.coupons] == [hold.code]
    await released(shop, hold)
    async with shop.hub.database.begin() as conn:
        await conn.execute(text("UPDATE hold_code SET state = 'failed'"))
    assert await replay.everything(["cart"]) == 1
    await shop.work("codes")
    assert (await seen(shop, hold)).code_state == "revoked"


async def test_a_code_that_cannot_be_revoked_is_tried_while_somebody_could_use_it(
    shop: Scene,
) -> None:
    hold = await held(shop)
    await shop.work("codes")
    await released(shop, hold)
    later = replace(shop.worker.tools, clock=lambda: datetime.now(UTC) + timedelta(days=2))
    for tools, state in ((shop.worker.tools, "unwanted"), (later, "failed")):
        shop.cart.failures.append(Rejected("the shop keeps it"))
        assert await IssueCodes(tools).work("cart") == 1
        assert (await seen(shop, hold)).code_state == state
        await shop.due_now("hold_code")
    assert await shop.work("codes") == 0


async def test_a_shop_in_trouble_gets_its_code_later(shop: Scene) -> None:
    hold = await held(shop)
    shop.cart.failures.append(Unavailable("down"))
    await shop.work("codes")
    await shop.due_now("hold_code")
    await shop.work("codes")
    assert (await seen(shop, hold)).code_state == "issued"


async def test_a_guest_who_brings_a_code_is_the_member_whose_points_it_holds(shop: Scene) -> None:
    hold = await held(shop)
    answer = await tell(shop, with_code(hold, customer=None))
    assert (answer.earned, answer.redeemed) == (97, 300)
    assert await points(shop) == 297


async def test_a_code_that_was_given_away_costs_its_member_points_once(shop: Scene) -> None:
    friend = ExternalRef(connection="cart", id="c2")
    await shop.hub.booking.enrol(Member(ref=friend, changed_at=NOW))
    hold = await held(shop)
    for _ in range(2):
        answer = await tell(shop, with_code(hold, customer=friend))
        assert (answer.earned, answer.redeemed) == (97, 300)
    assert (await points(shop), await alerts(shop)) == (297, ["code_of_other_member"])


async def test_an_order_with_a_code_that_moves_to_another_customer_stays_with_who_paid(
    shop: Scene,
) -> None:
    friend = ExternalRef(connection="cart", id="c2")
    await shop.hub.booking.enrol(Member(ref=friend, changed_at=NOW))
    hold = await held(shop)
    await tell(shop, with_code(hold))
    moved = {"customer": friend, "changed_at": NOW + timedelta(seconds=9)}
    answer = await tell(shop, with_code(hold, **moved))
    assert (answer.earned, answer.redeemed) == (97, 300)
    assert (await points(shop), await alerts(shop)) == (297, ["code_of_other_member"])


async def test_a_code_that_is_nobodys_is_none(shop: Scene) -> None:
    hold = (await held(shop)).model_copy(update={"code": "hld-0000"})
    answer = await tell(shop, with_code(hold))
    assert (answer.earned, answer.redeemed) == (100, 0)


async def test_a_hold_in_odd_parts_is_refused(shop: Scene) -> None:
    rules = '{"redeem": {"unit": 100, "yen_per_point": 2}}'
    async with shop.hub.database.begin() as conn:
        insert = (
            "INSERT INTO program_version VALUES ('default', 2, '1970-01-02Z', CAST(:d AS json))"
        )
        await conn.execute(text(insert), {"d": rules})
    with pytest.raises(TillRefused, match="points_not_usable"):
        await held(shop, 250)
    hold = await held(shop, 200)
    assert hold.code_yen == 400
    answer = await tell(shop, with_code(hold, placed_at=datetime.now(UTC)))
    assert (answer.earned, answer.redeemed) == (96, 200)


async def test_a_shop_that_does_not_tell_which_codes_were_used_gets_none(shop: Scene) -> None:
    coupons: Any = (await shop.hub.connections.get("cart")).coupons
    coupons.codes_told = False
    hold = await held(shop)
    assert (hold.code, hold.spendable) == (None, 200)
    assert await shop.work("codes") == 0


@pytest.mark.parametrize(("connection", "state"), [("cart", "captured"), ("shop", "open")])
async def test_an_order_captures_the_hold_it_names_if_it_is_its_own_channels(
    shop: Scene, connection: str, state: str
) -> None:
    member = await shop.member()
    till = Terminal("trm_1", connection, "", "1")
    hold = await shop.hub.till.hold(till, HoldRequest(key="k", member=member, points=300))
    named = {"hold_codes": (hold.hold,), "points_used": 100, "points_value": 100}
    await tell(shop, bought().model_copy(update=named))
    assert (await own_cart.look(shop.hub.till, till, hold.hold)).state == state
    assert await points(shop) == 500 - 100 + 99 - (300 if state == "open" else 0)
