"""What a merchant is told before a connection is switched on."""

from collections.abc import Callable

from renkei_colorme.check import ColormeCheck
from renkei_colorme.settings import ColormeSettings
from renkei_colorme.twin_shop import TwinShop
from renkei_contracts.connection import Connection
from renkei_contracts.stage import Item
from renkei_contracts.testing.shop import HANAKO

Connect = Callable[..., Connection[ColormeSettings]]
TEA = [Item("CHA-01", "緑茶", 1, 1_080, 800)]


async def test_the_shops_own_points_block_until_the_merchant_says_that_they_are_off(
    connect: Connect,
) -> None:
    found = await ColormeCheck(connect(own_points_off=False)).check()
    assert [one.blocks for one in found] == [True]
    assert "own_points_off" in found[0].text
    assert await ColormeCheck(connect()).check() == []


async def test_points_that_the_shop_granted_last_are_named(
    shop: TwinShop, connect: Connect
) -> None:
    row = shop.place(shop.register(HANAKO), TEA)
    row["granted_points"] = 10
    found = await ColormeCheck(connect()).check()
    assert [one.blocks for one in found] == [False]
    assert "2026-11-26 03:00 UTC" in found[0].text
    row["canceled"] = True
    assert await ColormeCheck(connect()).check() == []


async def test_a_token_that_is_refused_blocks(connect: Connect) -> None:
    found = await ColormeCheck(connect(access_token="another")).check()
    assert [one.blocks for one in found] == [True]
