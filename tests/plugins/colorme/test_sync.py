"""Points by difference, orders by id, tokens."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from renkei_colorme.settings import ColormeSettings
from renkei_colorme.sync import ColormeBalances, ColormeMembers, ColormeOrders
from renkei_colorme.twin_app import TwinApp
from renkei_colorme.twin_shop import TwinShop
from renkei_contracts.capability import Settling
from renkei_contracts.connection import Connection, MemoryTokens, Token
from renkei_contracts.errors import (
    AuthenticationFailed,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
)
from renkei_contracts.paging import Window
from renkei_contracts.point import Balance, BalanceWrite
from renkei_contracts.stage import Item
from renkei_contracts.testing.shop import HANAKO
from renkei_contracts.twin.bucket import Bucket
from renkei_contracts.twin.faults import Fault

HOUR = timedelta(hours=1)
Connect = Callable[..., Connection[ColormeSettings]]
TEA = [Item("CHA-01", "緑茶", 1, 1_080, 800)]


def change(by: int, now: Any) -> BalanceWrite:
    return BalanceWrite(balance=Balance(spendable=max(by, 0), version=1, as_of=now()), change=by)


async def test_a_balance_moves_by_the_difference_and_the_answer_says_where_it_is(
    shop: TwinShop, connect: Connect, clock: Any, transport: Any
) -> None:
    id = shop.register(HANAKO)["id"]
    balances = ColormeBalances(connect())
    assert (await balances.write(str(id), change(120, clock))).points == 120
    shop.set_points(id, 100)  # she spends 20 at checkout meanwhile
    assert (await balances.write(str(id), change(-30, clock))).points == 70
    assert await balances.read(str(id)) == 70
    assert json.loads(transport.calls[0].content) == {"points": 120}


async def test_the_hub_is_told_how_long_a_read_may_lag(connect: Connect) -> None:
    balances = ColormeBalances(connect())
    assert isinstance(balances, Settling)
    assert balances.settles_after == timedelta(seconds=10), "5 to 10 seconds were measured"


async def test_below_zero_is_refused_and_changes_nothing(
    shop: TwinShop, connect: Connect, clock: Any
) -> None:
    id = str(shop.register(HANAKO)["id"])
    with pytest.raises(Rejected):
        await ColormeBalances(connect()).write(id, change(-1, clock))
    assert await ColormeBalances(connect()).read(id) == 0


@pytest.mark.parametrize("kind", ["not_json", "server_error"])
async def test_a_change_that_may_have_happened_is_said_to_be_unknown_and_made_once(
    shop: TwinShop, connect: Connect, clock: Any, twin: TwinApp, transport: Any, kind: Any
) -> None:
    id = str(shop.register(HANAKO)["id"])
    twin.faults.plan([Fault(kind)])
    with pytest.raises(OutcomeUnknown):
        await ColormeBalances(connect()).write(id, change(50, clock))
    assert len(transport.calls) == 1
    assert await ColormeBalances(connect()).read(id) == (0 if kind == "server_error" else 50)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"customer_id": 7, "points": 50},
        {"customer_id": "1001", "points": 50},
        {"customer_id": 1001, "points": 49},
        {"customer_id": 1001, "points": -1},
        {"customer_id": 1001, "points": "50"},
        {"customer_id": 1001, "points": 50.5},
        {"customer": {"id": 1001, "points": 50}},
        [],
        None,
    ],
)
async def test_an_answer_that_contradicts_the_change_leaves_the_outcome_unknown(
    connect: Connect, clock: Any, answer: object
) -> None:
    connection = connect()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
    async with httpx.AsyncClient(transport=transport) as http:
        told = Connection("shop", connection.settings, http, connection.tokens, clock)
        with pytest.raises(OutcomeUnknown):
            await ColormeBalances(told).write("1001", change(50, clock))


async def test_a_guest_has_no_balance_and_is_no_member(shop: TwinShop, connect: Connect) -> None:
    id = str(shop.register(HANAKO, member=False)["id"])
    for read in (ColormeBalances(connect()).read, ColormeMembers(connect()).fetch):
        with pytest.raises(NotFound):
            await read(id)


async def test_a_guest_is_no_member_even_where_the_shop_tells_of_one(
    shop: TwinShop, connect: Connect, clock: Any
) -> None:
    guest = shop.register(HANAKO, member=False)
    meta = {"total": 1, "limit": 100, "offset": 0}
    answer = {"customer": guest, "customers": [guest], "meta": meta}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
    connection = connect()
    async with httpx.AsyncClient(transport=transport) as http:
        told = Connection("shop", connection.settings, http, connection.tokens, clock)
        members = ColormeMembers(told)
        with pytest.raises(NotFound):
            await members.fetch(str(guest["id"]))
        page = await members.changed(Window(clock() - HOUR, clock() + HOUR), None)
    assert (page.items, page.rejected) == ((), ()), "the filter for members may be ignored"


async def test_without_any_token_the_owner_must_authorize(connect: Connect) -> None:
    with pytest.raises(AuthenticationFailed, match="authorize"):
        await ColormeOrders(connect(access_token="")).fetch("1")


async def test_the_token_of_the_authorization_is_used(
    shop: TwinShop, connect: Connect, transport: Any
) -> None:
    id = str(shop.register(HANAKO)["id"])
    connection = connect(access_token="")
    assert isinstance(connection.tokens, MemoryTokens)

    async def granted(_kept: Token | None) -> Token:
        return Token("revoked-by-now", None)

    await connection.tokens.replace(None, granted)
    with pytest.raises(AuthenticationFailed):
        await ColormeMembers(connection).fetch(id)
    assert transport.calls[0].headers["authorization"] == "Bearer revoked-by-now"
    assert len(transport.calls) == 1, "nothing can renew it but a person"


async def test_a_shop_that_is_called_too_often_says_so(
    shop: TwinShop, connect: Connect, twin: TwinApp
) -> None:
    id = str(shop.register(HANAKO)["id"])
    twin.limit = Bucket(2, 0.001)
    members = ColormeMembers(connect())
    for _ in range(2):
        await members.fetch(id)
    with pytest.raises(RateLimited):
        await members.fetch(id)
