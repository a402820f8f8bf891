"""What the connection check finds."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import PayloadInvalid, Unavailable
from renkei_vendure.check import PERMISSIONS, VendureCheck
from renkei_vendure.settings import VendureSettings

Connect = Callable[..., Connection[VendureSettings]]
Payload = Callable[[str], Any]


@pytest.fixture
def answer(payload: Payload) -> Any:
    """The recorded answer, for an administrator with no more than is needed."""
    data = payload("check")["response"]["data"]
    data["me"]["channels"][0]["permissions"] = ["Authenticated", *PERMISSIONS]
    return data


@pytest.fixture
def check(vendure: Any, connect: Connect, answer: Any) -> Callable[..., Any]:
    async def run(**overrides: Any) -> list[CheckFinding]:
        vendure.answers["Check"] = httpx.Response(200, json={"data": answer})
        return list(await VendureCheck(connect(**overrides)).check())

    return run


async def test_a_shop_that_is_set_up_well_has_no_findings(check: Callable[..., Any]) -> None:
    assert await check() == []


async def test_the_recorded_shop_is_used_as_one_who_may_do_too_much(
    vendure: Any, connect: Connect
) -> None:
    (finding,) = await VendureCheck(connect()).check()
    assert not finding.blocks
    assert "may do everything" in finding.text


async def test_a_refused_login_blocks(check: Callable[..., Any]) -> None:
    (finding,) = await check(password="wr0ng")
    assert finding.blocks
    assert "wr0ng" not in finding.text


async def test_another_currency_blocks(check: Callable[..., Any], answer: Any) -> None:
    answer["activeChannel"]["defaultCurrencyCode"] = "USD"
    assert [(one.blocks, "USD" in one.text) for one in await check()] == [(True, True)]


async def test_a_missing_points_field_blocks(check: Callable[..., Any]) -> None:
    (finding,) = await check(points_field="loyalty")
    assert finding.blocks
    assert "loyalty" in finding.text


async def test_a_field_of_another_thing_does_not_do(check: Callable[..., Any], answer: Any) -> None:
    config = answer["globalSettings"]["serverConfig"]
    config["entityCustomFields"][0]["entityName"] = "Order"
    assert [one.blocks for one in await check()] == [True]


async def test_a_points_field_that_is_no_whole_number_blocks(
    check: Callable[..., Any], answer: Any
) -> None:
    config = answer["globalSettings"]["serverConfig"]
    config["entityCustomFields"][0]["customFields"][0]["type"] = "float"
    (finding,) = await check()
    assert finding.blocks
    assert "float" in finding.text


@pytest.mark.parametrize("permission", PERMISSIONS)
async def test_a_missing_permission_blocks(
    check: Callable[..., Any], answer: Any, permission: str
) -> None:
    answer["me"]["channels"][0]["permissions"].remove(permission)
    (finding,) = await check()
    assert finding.blocks
    assert permission in finding.text


async def test_permissions_in_another_channel_do_not_count(
    check: Callable[..., Any], answer: Any
) -> None:
    answer["me"]["channels"][0]["id"] = "2"
    assert [one.blocks for one in await check()] == [True]


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(404),
        httpx.Response(400),
        httpx.Response(200, json={"errors": [{"extensions": {"code": "FORBIDDEN"}}]}),
    ],
)
async def test_a_shop_that_cannot_be_asked_blocks(
    vendure: Any, connect: Connect, response: httpx.Response
) -> None:
    vendure.answers["Check"] = response
    assert [one.blocks for one in await VendureCheck(connect()).check()] == [True]


async def test_a_shop_that_is_down_is_no_finding(vendure: Any, connect: Connect) -> None:
    vendure.answers["Check"] = httpx.Response(503)
    with pytest.raises(Unavailable):
        await VendureCheck(connect()).check()


async def test_half_an_answer_is_refused(check: Callable[..., Any], answer: Any) -> None:
    del answer["activeChannel"]
    with pytest.raises(PayloadInvalid):
        await check()
