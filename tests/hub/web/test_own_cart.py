"""/v1 as a cart of the merchant's own sees it: customers, holds at checkout, restated orders."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from renkei.bootstrap import Hub, new_id
from renkei.ledger.verify import verify
from renkei.services.setup import installation
from renkei.services.till import terminals

MEMBERS, HOLDS, ORDERS = "/v1/members", "/v1/holds", "/v1/orders"
START = datetime.now(UTC)

Tell = Callable[..., Any]


@pytest.fixture
async def cart(hub: Hub, register: Any) -> Any:
    """The merchant's own cart, a channel without a plugin."""
    async with hub.database.begin() as conn:
        await installation.ensure_own_cart(conn, hub.ring, "net", START - timedelta(days=1))
        credential = await terminals.add_application(
            conn, hub.ring, new_id, hub.clock(), connection="net", name="site"
        )
    return type(register)(register.http, credential)


@pytest.fixture
async def hanako(cart: Any, regular: Any) -> Any:
    """The regular, who has 500 points and is customer c1 of the cart by her proven address."""
    who = {"kind": "email", "value": regular.email, "grade": "verified"}
    told = await cart.post(MEMBERS, customer(identities=[who]))
    assert told.json() == {"member": regular.id, "created": False}
    return regular


def customer(id: str = "c1", **more: Any) -> dict[str, Any]:
    return {"ref": {"connection": "net", "id": id}, "changed_at": START.isoformat()} | more


def order(id: str = "o1", tick: int = 0, **more: Any) -> dict[str, Any]:
    """A paid order of customer c1 over 11,000 yen, as it is after so many changes."""
    return {
        "ref": {"connection": "net", "id": id},
        "changed_at": (START + timedelta(seconds=tick)).isoformat(),
        "placed_at": START.isoformat(),
        "state": "paid",
        "customer": {"connection": "net", "id": "c1"},
        "lines": [{"id": "1", "quantity": 2, "amount": 11_000, "tax_rate": 1000}],
    } | more


def brief(answer: Any) -> tuple[str, int, int, int]:
    """What came of an order: outcome, earned, used, spendable."""
    said = answer.json()
    assert answer.status_code == 200, said
    return said["outcome"], said["earned"], said["used"], said["spendable"]


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def held(cart: Any, points: int = 300, key: str = "k1", **more: Any) -> Any:
    ask = {"key": key, "customer": "c1", "points": points} | more
    answer = await cart.post(HOLDS, ask)
    assert answer.status_code == 200, answer.json()
    return answer.json()


async def test_points_at_checkout_are_held_captured_and_earned_upon_once(
    cart: Any, hanako: Any, hub: Hub
) -> None:
    hold = await held(cart)
    assert hold["spendable"] == 200
    paid = order(points_used=300, hold_codes=[hold["hold"]])
    first = await cart.post(ORDERS, paid)
    assert brief(first) == ("settled", 97, 300, 297)
    assert brief(await cart.post(ORDERS, paid)) == ("unchanged", 97, 300, 297)
    seen = (await cart.get(f"{HOLDS}/{hold['hold']}")).json()
    assert (seen["state"], seen["points"], seen["order"]) == ("captured", 0, "o1")
    async with hub.database.begin() as conn:
        assert (await verify(conn)).findings == ()
        assert (await conn.execute(text("SELECT kind FROM alert"))).all() == []


async def test_an_order_is_paid_with_several_holds_each_for_its_own_part(
    cart: Any, hanako: Any, hub: Hub
) -> None:
    names = [(await held(cart, points, key))["hold"] for key, points in (("k1", 200), ("k2", 250))]
    paid = order(points_used=300, hold_codes=names)
    assert brief(await cart.post(ORDERS, paid)) == ("settled", 97, 300, 297)
    async with hub.database.begin() as conn:
        ends = await conn.execute(text("SELECT how, captured FROM hold_end ORDER BY version"))
        assert [tuple(row) for row in ends] == [("captured", 200), ("captured", 100)]
        assert (await verify(conn)).findings == ()


async def test_what_a_hold_has_too_much_flows_back(cart: Any, hanako: Any) -> None:
    hold = await held(cart, 400)
    paid = order(points_used=300, hold_codes=[hold["hold"]])
    assert brief(await cart.post(ORDERS, paid)) == ("settled", 97, 300, 297)


async def test_returns_and_cancellations_are_the_order_restated(cart: Any, hanako: Any) -> None:
    hold = await held(cart)
    paid = order(points_used=300, hold_codes=[hold["hold"]])
    await cart.post(ORDERS, paid)
    [line] = paid["lines"]
    returned = [line | {"returned_quantity": 1, "returned_amount": 5_500}]
    part = paid | {"changed_at": order(tick=1)["changed_at"], "lines": returned, "points_used": 150}
    assert brief(await cart.post(ORDERS, part)) == ("settled", 48, 150, 398)
    gone = part | {"changed_at": order(tick=2)["changed_at"], "state": "cancelled"}
    assert brief(await cart.post(ORDERS, gone)) == ("settled", 0, 0, 500)


async def test_an_older_state_is_ignored_and_an_unclear_one_refused(cart: Any, hanako: Any) -> None:
    assert brief(await cart.post(ORDERS, order(tick=5, state="cancelled"))) == (
        "settled",
        0,
        0,
        500,
    )
    assert brief(await cart.post(ORDERS, order(tick=4))) == ("older", 0, 0, 500)
    assert refusal(await cart.post(ORDERS, order(tick=5))) == (409, "order_unclear")


async def test_a_guests_order_is_kept_and_settles_when_the_guest_is_known(
    cart: Any, regular: Any
) -> None:
    assert brief(await cart.post(ORDERS, order())) == ("unlinked", 0, 0, 0)
    who = {"kind": "email", "value": regular.email, "grade": "verified"}
    await cart.post(MEMBERS, customer(identities=[who]))
    assert brief(await cart.post(ORDERS, order())) == ("unchanged", 100, 0, 600)


async def test_a_new_customer_is_a_new_member_once(cart: Any) -> None:
    first, again = [(await cart.post(MEMBERS, customer("c9"))).json() for _ in range(2)]
    assert (first["created"], again["created"]) == (True, False)
    assert first["member"] == again["member"]


async def test_a_hold_is_named_by_its_key_extended_and_released(cart: Any, hanako: Any) -> None:
    hold = await held(cart)
    assert await held(cart) == hold
    other = {"key": "k1", "customer": "c1", "points": 301}
    assert refusal(await cart.post(HOLDS, other)) == (409, "key_reused")
    path = f"{HOLDS}/{hold['hold']}"
    longer = (await cart.post(f"{path}:extend", {"ttl_seconds": 2_592_000})).json()
    days = datetime.fromisoformat(longer["lapses_at"]) - datetime.now(UTC)
    assert days > timedelta(days=29, hours=23)
    seen = (await cart.get(path)).json()
    assert (seen["state"], seen["points"], seen["member"]) == ("open", 300, hanako.id)
    assert seen["lapses_at"] == longer["lapses_at"]
    for _ in range(2):
        assert (await cart.post(f"{path}:release")).json()["spendable"] == 500
    assert (await cart.get(path)).json()["state"] == "released"
    assert refusal(await cart.post(f"{path}:extend", {})) == (409, "hold_ended")


async def test_more_than_there_is_cannot_be_held(cart: Any, hanako: Any) -> None:
    ask = {"key": "k1", "member": hanako.id, "points": 501}
    assert refusal(await cart.post(HOLDS, ask)) == (409, "insufficient_points")


async def test_a_hold_pays_for_one_order_of_its_own_member_and_channel(
    cart: Any, register: Any, hanako: Any
) -> None:
    await cart.post(MEMBERS, customer("c2"))
    hold = (await held(cart))["hold"]
    other = order(customer={"connection": "net", "id": "c2"}, hold_codes=[hold])
    assert refusal(await cart.post(ORDERS, other)) == (409, "hold_of_other_member")
    guest = order(customer=None, hold_codes=[hold])
    assert refusal(await cart.post(ORDERS, guest)) == (422, "points_without_member")
    await cart.post(ORDERS, order(points_used=300, hold_codes=[hold]))
    second = order("o2", points_used=200, hold_codes=[hold])
    assert refusal(await cart.post(ORDERS, second)) == (409, "hold_used")
    ask = {"key": "t1", "member": hanako.id, "points": 10}
    at_till = (await register.post("/pos/v1/holds", ask)).json()["hold"]
    mistyped = order("o3", points_used=10, hold_codes=[hold.replace("_", "-")])
    assert refusal(await cart.post(ORDERS, mistyped)) == (404, "hold_not_found")
    theirs = order("o3", points_used=10, hold_codes=[at_till])
    assert refusal(await cart.post(ORDERS, theirs)) == (404, "hold_not_found")
    assert refusal(await cart.get(f"{HOLDS}/{at_till}")) == (404, "hold_not_found")


async def test_points_used_without_a_hold_are_a_fact_even_beyond_the_balance(
    cart: Any, hanako: Any, hub: Hub
) -> None:
    assert brief(await cart.post(ORDERS, order(points_used=600)))[1:] == (94, 600, 0)
    async with hub.database.begin() as conn:
        assert (await conn.execute(text("SELECT kind FROM alert"))).scalar_one() == "overdraft"


async def test_an_order_in_another_currency_is_refused_and_its_hold_stays_open(
    cart: Any, hanako: Any
) -> None:
    hold = (await held(cart))["hold"]
    told = order(points_used=300, hold_codes=[hold], currency="USD")
    answer = await cart.post(ORDERS, told)
    assert refusal(answer) == (422, "request_invalid")
    assert [one["pointer"] for one in answer.json()["errors"]] == ["#/currency"]
    assert (await cart.get(f"{HOLDS}/{hold}")).json()["state"] == "open"


async def test_an_order_that_is_named_as_an_exchange_is_refused(cart: Any, hanako: Any) -> None:
    answer = await cart.post(ORDERS, order("reward/k1"))
    assert refusal(answer) == (422, "request_invalid")
    assert [one["pointer"] for one in answer.json()["errors"]] == ["#/ref/id"]


async def test_a_return_of_more_than_was_sold_is_pointed_to_and_not_repeated(cart: Any) -> None:
    line = {"id": "private-name", "quantity": 1, "amount": 100, "tax_rate": 1000}
    answer = await cart.post(ORDERS, order(lines=[line | {"returned_amount": 101}]))
    assert [one["pointer"] for one in answer.json()["errors"]] == ["#/lines/0"]
    assert "private-name" not in answer.text


async def test_nobody_tells_of_another_channel_and_no_register_of_orders(
    cart: Any, register: Any, hanako: Any
) -> None:
    theirs = order() | {"ref": {"connection": "signing", "id": "o1"}}
    assert refusal(await cart.post(ORDERS, theirs)) == (403, "of_other_channel")
    buyer = order(customer={"connection": "signing", "id": "c1"})
    assert refusal(await cart.post(ORDERS, buyer)) == (403, "of_other_channel")
    left = customer(state="withdrawn")
    assert refusal(await cart.post(MEMBERS, left)) == (422, "request_invalid")
    for path, said in ((ORDERS, order()), (MEMBERS, customer()), (HOLDS, {})):
        assert refusal(await register.post(path, said)) == (403, "scope_missing")


async def test_orders_and_customers_of_a_vendors_shop_come_from_the_vendor_alone(
    hub: Hub, cart: Any
) -> None:
    async with hub.database.begin() as conn:
        credential = await terminals.add_application(
            conn, hub.ring, new_id, hub.clock(), connection="signing", name="site"
        )
    site = type(cart)(cart.http, credential)
    theirs = {"ref": {"connection": "signing", "id": "x1"}}
    for path, said in ((ORDERS, order(customer=None)), (MEMBERS, customer())):
        assert refusal(await site.post(path, said | theirs)) == (403, "channel_of_vendor")
