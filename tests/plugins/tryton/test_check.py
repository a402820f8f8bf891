"""What the connection check finds, and whether it blocks."""

from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import Unavailable
from renkei_tryton.check import TrytonCheck
from renkei_tryton.settings import TrytonSettings

Connect = Callable[..., Connection[TrytonSettings]]
Payload = Callable[[str], Any]


async def check(connect: Connect, **overrides: Any) -> Sequence[CheckFinding]:
    return await TrytonCheck(connect(**overrides)).check()


@pytest.fixture(autouse=True)
def _company_in_tokyo(tryton: Any) -> None:
    for till in tryton.tables["sale.point"]:
        till["company."]["timezone"] = "Asia/Tokyo"


async def test_a_shop_that_is_set_up_is_fine(connect: Connect) -> None:
    assert await check(connect) == []


async def test_a_wrong_password_blocks(connect: Connect) -> None:
    (found,) = await check(connect, password="wrong")
    assert found.blocks
    assert "password" in found.text


async def test_a_database_that_is_not_there_blocks(
    connect: Connect, tryton: Any, payload: Payload
) -> None:
    tryton.answers["common.db.login"] = httpx.Response(
        404, text=payload("unknown-database")["response"]
    )
    (found,) = await check(connect)
    assert found.blocks
    assert "no database shop" in found.text


async def test_a_missing_point_of_sale_module_blocks(connect: Connect, tryton: Any) -> None:
    answer = {"id": 0, "error": ["'sale.point'", ""]}
    tryton.answers["model.sale.point.search_read"] = httpx.Response(200, json=answer)
    (found,) = await check(connect)
    assert found.blocks
    assert "sale_point" in found.text


async def test_sales_the_user_may_not_read_block(connect: Connect, tryton: Any) -> None:
    answer = {"id": 0, "error": ["UserError", ["no access", "", None]]}
    tryton.answers["model.sale.point.sale.search_read"] = httpx.Response(200, json=answer)
    (found,) = await check(connect)
    assert found.blocks


async def test_a_shop_without_a_till_blocks(connect: Connect, tryton: Any) -> None:
    tryton.tables["sale.point"] = []
    (found,) = await check(connect)
    assert found.blocks


async def test_another_currency_blocks(connect: Connect, tryton: Any) -> None:
    tryton.tables["sale.point"][0]["company."]["currency."]["code"] = "USD"
    (found,) = await check(connect)
    assert found.blocks
    assert "USD" in found.text


@pytest.mark.parametrize("zone", [None, "Europe/Brussels"])
async def test_days_of_another_zone_are_said_and_do_not_block(
    connect: Connect, tryton: Any, zone: str | None
) -> None:
    tryton.tables["sale.point"][0]["company."]["timezone"] = zone
    (found,) = await check(connect)
    assert not found.blocks
    assert "Asia/Tokyo" in found.text


async def test_a_missing_points_tender_is_said_and_does_not_block(connect: Connect) -> None:
    (found,) = await check(connect, points_tender="ポイント")
    assert not found.blocks
    assert "ポイント" in found.text


async def test_a_tryton_that_is_down_is_no_finding(connect: Connect, tryton: Any) -> None:
    tryton.answers["common.db.login"] = httpx.Response(503)
    with pytest.raises(Unavailable):
        await check(connect)
