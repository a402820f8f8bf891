"""The connection check: what a merchant is told before the connection is switched on."""

from collections.abc import Callable
from typing import Any

import pytest

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.stage import Item
from renkei_contracts.testing.shop import HANAKO
from renkei_contracts.twin.faults import Fault
from renkei_eccube.check import EccubeCheck
from renkei_eccube.settings import EccubeSettings
from renkei_eccube.twin_app import TwinApp
from renkei_eccube.twin_shop import OwnRules, TwinShop

Connect = Callable[..., Connection[EccubeSettings]]

TEA = Item("CHA-01", "緑茶", 2, 1_080, 800)


async def found(connection: Connection[EccubeSettings]) -> list[CheckFinding]:
    return list(await EccubeCheck(connection).check())


async def only(connection: Connection[EccubeSettings]) -> CheckFinding:
    (one,) = await found(connection)
    return one


def granted_by_the_shop(shop: TwinShop) -> None:
    shop.rules = OwnRules(rate=10)
    shop.complete(shop.start(shop.register(HANAKO), HANAKO.email, [TEA]))
    shop.commit()


async def test_a_shop_with_the_companion_is_let_through(connect: Connect) -> None:
    assert await found(connect()) == []


async def test_a_point_rate_of_ec_cubes_own_blocks(shop: TwinShop, connect: Connect) -> None:
    shop.rules = OwnRules(rate=1)
    one = await only(connect())
    assert one.blocks
    assert "set the rate to 0" in one.text


async def test_points_that_are_off_are_told_of(shop: TwinShop, connect: Connect) -> None:
    shop.rules = OwnRules(on=False, rate=1)
    one = await only(connect())
    assert not one.blocks
    assert "neither see nor use" in one.text


async def test_what_a_point_is_worth_in_the_shop_is_told(shop: TwinShop, connect: Connect) -> None:
    shop.rules = OwnRules(yen=2)
    assert "2" in (await only(connect())).text


async def test_a_companion_that_is_missing_blocks(twin: TwinApp, connect: Connect) -> None:
    twin.companion = False
    one = await only(connect())
    assert one.blocks
    assert "renkeiSetPoints" in one.text


async def test_without_the_companion_it_says_that_points_are_read_only(
    twin: TwinApp, connect: Connect
) -> None:
    twin.companion = False
    one = await only(connect(points="none", own_points_off=True))
    assert not one.blocks
    assert one.text.startswith("points are read only")


async def test_a_person_must_confirm_that_points_are_off_before_anything_is_asked(
    connect: Connect, transport: Any
) -> None:
    one = await only(connect(points="none"))
    assert one.blocks
    assert one.text.endswith("own_points_off")
    assert transport.calls == []


async def test_an_order_with_points_of_ec_cubes_own_contradicts_that_person(
    twin: TwinApp, shop: TwinShop, connect: Connect
) -> None:
    twin.companion = False
    granted_by_the_shop(shop)
    findings = await found(connect(points="none", own_points_off=True))
    assert "the newest order has points" in findings[-1].text
    assert not any(one.blocks for one in findings)


async def test_a_companion_that_shows_own_points_on_blocks_without_points_of_ours(
    connect: Connect,
) -> None:
    findings = await found(connect(points="none", own_points_off=True))
    assert [one.blocks for one in findings] == [False, True]


@pytest.mark.parametrize(("points", "blocks"), [("companion", True), ("none", False)])
async def test_a_client_that_may_only_read_is_told_of(
    twin: TwinApp, connect: Connect, points: str, blocks: bool
) -> None:
    twin.companion = points == "companion"
    twin.oauth.scopes = frozenset({"read"})
    findings = await found(connect(points=points, own_points_off=True))
    (lacks,) = [one for one in findings if "can be written" in one.text]
    assert lacks.blocks is blocks


async def test_a_client_that_may_do_nothing_blocks(twin: TwinApp, connect: Connect) -> None:
    twin.oauth.scopes = frozenset()
    one = await only(connect())
    assert one.blocks
    assert "scope" in one.text


async def test_another_currency_blocks(shop: TwinShop, connect: Connect) -> None:
    shop.complete(shop.start(None, "guest@example.jp", [TEA]))
    shop.commit()
    shop.shown.orders[1]["currency_code"] = "USD"
    one = await only(connect())
    assert one.blocks
    assert "yen" in one.text


async def test_webhooks_without_a_secret_are_told_of(connect: Connect) -> None:
    one = await only(connect(webhook_secret=""))
    assert not one.blocks
    assert "webhook_secret" in one.text


async def test_the_check_changes_nothing(shop: TwinShop, connect: Connect) -> None:
    shop.register(HANAKO)
    shop.commit()
    before = repr(vars(shop.shown))
    await found(connect())
    assert repr(vars(shop.shown)) == before
    assert all(event for events in shop.told for event in events)


async def test_a_refused_authorization_blocks(twin: TwinApp, connect: Connect) -> None:
    twin.faults.plan([Fault("unauthorized")] * 3)
    assert (await only(connect())).blocks


def test_the_settings_show_no_secret(connect: Connect) -> None:
    settings: Any = connect().settings
    assert "twin-client-secret" not in repr(settings)
