"""Points that somebody gave or took at the vendor are booked on command, once, and no purchase."""

from typing import Any

import pytest
from acme import Scene, body, bought, given
from comparing import an_hour_passes, compared, published, rested

from renkei.errors import BookingRefused
from renkei.messaging import elsewhere
from renkei.services.flow.adopt import Adopt, Adopted
from renkei.services.members.activity import BookActivity
from renkei.services.members.members import explain, find_member
from renkei_contracts.base import MAX_AMOUNT
from renkei_contracts.errors import NotFound
from renkei_contracts.point import ActivitySeen


def adopt_of(scene: Scene) -> Adopt:
    return Adopt(scene.hub.booking, scene.hub.connections)


async def adopted(scene: Scene, connection: str = "cart") -> Adopted:
    """After the comparisons of two hours: what differs has stood for one."""
    await compared(scene, connection)
    await an_hour_passes(scene)
    await compared(scene, connection)
    return await adopt_of(scene).adopt(connection, "佐藤", taken=True)


async def balance(scene: Scene) -> tuple[int, int]:
    found = await scene.one("SELECT sum(available), sum(debt) FROM member")
    return int(found[0]), int(found[1])


@pytest.mark.parametrize("connection", ["cart", "shop"])
async def test_points_given_at_the_vendor_stay_and_are_shown_everywhere(
    sold: Scene, connection: str
) -> None:
    cloud = sold.cart if connection == "cart" else sold.shop
    (customer,) = cloud.points
    cloud.points[customer] = 150
    assert await adopted(sold, connection) == Adopted(members=1, given=50)
    await sold.settle_down()
    assert await balance(sold) == (150, 0)
    assert [*sold.cart.points.values(), *sold.shop.points.values()] == [150, 150]
    await rested(sold)
    assert (await compared(sold, connection)).agrees


async def test_points_taken_at_the_vendor_are_taken_and_beyond_what_there_is_are_owed(
    sold: Scene,
) -> None:
    sold.cart.points["c1"] = 30
    assert await adopted(sold) == Adopted(members=1, taken=70)
    assert await balance(sold) == (30, 0)


async def test_points_taken_at_the_vendor_stay_unless_somebody_says_that_they_count(
    sold: Scene,
) -> None:
    sold.cart.points["c1"] = 0
    await compared(sold)
    await an_hour_passes(sold)
    await compared(sold)
    assert await adopt_of(sold).adopt("cart", "佐藤") == Adopted(left=1)
    assert await balance(sold) == (100, 0)
    taken = await adopt_of(sold).adopt("cart", "佐藤", taken=True)
    assert taken == Adopted(members=1, taken=100)
    assert await balance(sold) == (0, 0)


async def test_points_taken_at_the_vendor_are_some_that_count_there(sold: Scene) -> None:
    await checked_in(sold)
    sold.cart.points["c1"] = 30
    assert await adopted(sold) == Adopted(members=1, taken=70)
    await sold.settle_down()
    assert [*sold.cart.points.values(), *sold.shop.points.values()] == [30, 110]


async def checked_in(scene: Scene) -> None:
    """Hanako has 80 points more, for a week and for the shop alone."""
    week = {"name": "week", "only_at": ["shop"], "expiry": {"months": 0, "days": 7}}
    rules = {
        "point_types": [week],
        "activities": [{"name": "check-in", "points": 80, "point_type": "week"}],
    }
    await published(scene, rules)
    member, now = await scene.member(), scene.hub.clock()
    seen = ActivitySeen(key="1", source="shop", member=member, kind="check-in", occurred_at=now)
    await scene.hub.booking.committer.submit(BookActivity(seen))
    await scene.settle_down()
    await rested(scene)


async def test_a_change_that_was_taken_back_since_the_comparison_is_not_booked(sold: Scene) -> None:
    sold.cart.points["c1"] = 150
    await compared(sold)
    await an_hour_passes(sold)
    await compared(sold)
    sold.cart.points["c1"] = 100
    found = await adopt_of(sold).adopt("cart", "佐藤")
    assert found == Adopted(too_new=1)
    assert await balance(sold) == (100, 0)


async def test_a_customer_who_is_gone_since_the_comparison_is_in_nobodys_way(sold: Scene) -> None:
    sold.cart.points["c1"] = 150
    await compared(sold)
    await an_hour_passes(sold)
    await compared(sold)
    sold.cart.failures.append(NotFound("no such customer"))
    assert await adopt_of(sold).adopt("cart", "佐藤") == Adopted(too_new=1)
    assert await adopt_of(sold).adopt("cart", "佐藤") == Adopted(members=1, given=50)


async def test_what_was_booked_is_not_booked_again(sold: Scene) -> None:
    sold.cart.points["c1"] = 150
    await adopted(sold)
    assert await adopt_of(sold).adopt("cart", "佐藤") == Adopted()
    assert await adopted(sold) == Adopted()
    assert await balance(sold) == (150, 0)


async def test_what_another_comparison_finds_before_it_is_booked_is_booked_once(
    sold: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold.cart.points["c1"] = 150
    await compared(sold)
    await an_hour_passes(sold)
    await compared(sold)
    adopt, changes = adopt_of(sold), elsewhere.changes

    async def read_before_another_compares(*where: Any) -> Any:
        monkeypatch.setattr(elsewhere, "changes", changes)
        found = await changes(*where)
        await compared(sold)
        return found

    monkeypatch.setattr(elsewhere, "changes", read_before_another_compares)
    assert await adopt.adopt("cart", "佐藤") == Adopted(members=1, given=50)
    assert await adopt.adopt("cart", "田中") == Adopted()
    assert await balance(sold) == (150, 0)


async def test_while_the_vendor_is_not_told_what_was_booked_nothing_is_booked_of_it_again(
    sold: Scene,
) -> None:
    sold.cart.points["c1"] = 150
    assert await adopted(sold) == Adopted(members=1, given=50)
    await sold.deliver(body(bought("o2")), "d2")
    await sold.work("deliveries")
    sold.cart.orders["o2"] = bought("o2")
    await an_hour_passes(sold)
    assert await adopted(sold) == Adopted(too_new=1)
    await sold.settle_down()
    await rested(sold)
    assert (sold.cart.points["c1"], (await compared(sold)).agrees) == (250, True)


@pytest.mark.parametrize("points", [MAX_AMOUNT, 2 * MAX_AMOUNT])
async def test_more_points_than_can_be_counted_are_in_no_other_members_way(
    sold: Scene, points: int
) -> None:
    await given(sold.hub.booking, "c2")
    await sold.settle_down()
    await rested(sold)
    sold.cart.points |= {"c1": points + 50, "c2": 90}
    assert await adopted(sold) == Adopted(members=1, given=20, beyond=1)
    assert await balance(sold) == (190, 0)


async def test_a_change_that_is_new_waits_since_it_may_be_a_purchase(sold: Scene) -> None:
    sold.cart.points["c1"] = 150
    await compared(sold)
    assert await adopt_of(sold).adopt("cart", "佐藤") == Adopted(too_new=1)
    await an_hour_passes(sold)
    sold.cart.points["c1"] = 90
    await compared(sold)
    found = await adopt_of(sold).adopt("cart", "佐藤")
    assert found == Adopted(too_new=1), "since it is another one"
    assert await balance(sold) == (100, 0)


async def test_nothing_is_booked_while_an_order_of_the_shop_is_not_settled(sold: Scene) -> None:
    sold.cart.points["c1"] = 150
    sold.cart.orders["o2"] = bought("o2")
    await sold.deliver(body(bought("o3")), "d3")
    with pytest.raises(BookingRefused, match="2 orders or deliveries of cart are not settled"):
        await adopted(sold)
    assert await balance(sold) == (100, 0)


async def test_the_statement_says_that_it_was_an_adjustment(sold: Scene) -> None:
    sold.cart.points["c1"] = 150
    await adopted(sold)
    (member,) = await sold.one("SELECT member_id FROM member")
    lines = await explain(sold.hub.booking, await find_member(sold.hub.booking, member))
    assert (lines[-1].rule, lines[-1].after - lines[-1].before) == ("adjust.up", 50)
