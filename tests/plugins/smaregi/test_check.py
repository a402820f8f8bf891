"""The connection check: what blocks a connection, and by what name."""

from collections.abc import Callable
from typing import Any

import pytest

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import Unavailable
from renkei_contracts.twin.faults import Fault
from renkei_smaregi.check import SmaregiCheck
from renkei_smaregi.settings import SALES_SCOPES, SCOPES, SmaregiSettings
from renkei_smaregi.twin_app import TwinApp

Connect = Callable[..., Connection[SmaregiSettings]]


@pytest.fixture
def check(connect: Connect) -> SmaregiCheck:
    return SmaregiCheck(connect())


async def blocking(check: SmaregiCheck) -> list[str]:
    return [one.text for one in await check.check() if one.blocks]


async def test_a_contract_as_it_should_be_has_no_findings(check: SmaregiCheck) -> None:
    assert await check.check() == []


async def test_nothing_is_changed(check: SmaregiCheck, recorded: Any) -> None:
    await check.check()
    called = [one for one in recorded.calls if not one.url.path.startswith("/app/")]
    assert {one.method for one in called} == {"GET"}


async def test_wrong_credentials_are_the_one_finding(connect: Connect) -> None:
    (found,) = await SmaregiCheck(connect(client_secret="wr0ng")).check()
    assert found.blocks
    assert "invalid_client" in found.text
    assert "wr0ng" not in found.text


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_missing_scope_blocks_by_its_name(
    check: SmaregiCheck, twin: TwinApp, scope: str
) -> None:
    twin.scopes = tuple(one for one in SCOPES if one != scope)
    assert any(scope in text for text in await blocking(check))


async def test_a_plan_without_members_blocks(check: SmaregiCheck, twin: TwinApp) -> None:
    twin.members_in_plan = False
    (text,) = await blocking(check)
    assert "plan has no member functions" in text


@pytest.mark.parametrize("unit", ["1", "0.5", "10"])
async def test_a_store_that_grants_points_of_its_own_blocks_by_name(
    check: SmaregiCheck, twin: TwinApp, unit: str
) -> None:
    store = twin.pos.stores[0]
    twin.pos.stores = [
        store,
        {
            **store,
            "storeId": "2",
            "storeName": "駅前店",
            "pointCondition": {**store["pointCondition"], "pointGivingUnit": unit},
        },
    ]
    (text,) = await blocking(check)
    assert "store 2 (駅前店) grants points" in text


@pytest.mark.parametrize("unit", ["0", "0.00"])
async def test_a_store_that_grants_none_is_fine(
    check: SmaregiCheck, twin: TwinApp, unit: str
) -> None:
    twin.pos.stores[0]["pointCondition"]["pointGivingUnit"] = unit
    assert await check.check() == []


@pytest.mark.parametrize("rate", ["2", "0", "0.5", "100"])
async def test_a_point_that_is_not_worth_a_yen_blocks(
    check: SmaregiCheck, twin: TwinApp, rate: str
) -> None:
    twin.pos.stores[0]["pointCondition"]["spendRate"] = rate
    (text,) = await blocking(check)
    assert "1 yen" in text


@pytest.mark.parametrize("name", ["pointGivingUnit", "spendRate"])
async def test_a_setting_that_is_not_shown_blocks(
    check: SmaregiCheck, twin: TwinApp, name: str
) -> None:
    del twin.pos.stores[0]["pointCondition"][name]
    (text,) = await blocking(check)
    assert name in text


async def test_miles_instead_of_points_block(check: SmaregiCheck, twin: TwinApp) -> None:
    twin.pos.stores[0]["pointCondition"]["mileageDivision"] = "2"
    (text,) = await blocking(check)
    assert "miles" in text


async def test_a_store_whose_points_are_not_shown_blocks(
    check: SmaregiCheck, twin: TwinApp
) -> None:
    del twin.pos.stores[0]["pointCondition"]
    assert len(await blocking(check)) == 1


@pytest.mark.parametrize("unit", ["1", "2", "3"])
async def test_a_store_that_lets_points_lapse_is_told_and_let_through(
    check: SmaregiCheck, twin: TwinApp, unit: str
) -> None:
    twin.pos.stores[0]["pointCondition"]["expireDivision"] = unit
    (found,) = await check.check()
    assert "lapse" in found.text
    assert not found.blocks


async def test_sales_alone_need_neither_members_nor_point_settings(
    connect: Connect, twin: TwinApp, recorded: Any
) -> None:
    twin.members_in_plan, twin.scopes = False, SALES_SCOPES
    twin.pos.stores[0]["pointCondition"]["pointGivingUnit"] = "10"
    (found,) = await SmaregiCheck(connect(members=False)).check()
    assert "sales only" in found.text
    assert not found.blocks
    assert not [one for one in recorded.calls if one.url.path.endswith("/customers")]


async def test_a_warehouse_sells_nothing(check: SmaregiCheck, twin: TwinApp) -> None:
    del twin.pos.stores[0]["pointCondition"]
    twin.pos.stores[0]["division"] = "2"
    assert await check.check() == []


@pytest.mark.parametrize("missing", ["header_secret", "path_secret"])
async def test_without_a_secret_webhooks_are_said_to_be_closed(
    connect: Connect, missing: str
) -> None:
    (found,) = await SmaregiCheck(connect(**{missing: ""})).check()
    assert found == CheckFinding(found.text, blocks=False)
    assert "polling" in found.text


async def test_a_vendor_that_is_down_is_no_finding(check: SmaregiCheck, twin: TwinApp) -> None:
    twin.faults.plan([Fault("server_error", "/stores")])
    with pytest.raises(Unavailable):
        await check.check()
