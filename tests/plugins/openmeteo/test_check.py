"""The connection check: what blocks, and that a shop is told about the free service."""

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.errors import Unavailable
from renkei_contracts.twin.faults import Fault
from renkei_openmeteo.check import OpenMeteoCheck
from renkei_openmeteo.settings import OpenMeteoSettings
from renkei_openmeteo.twin import KEY, TwinService

Connect = Callable[..., Connection[OpenMeteoSettings]]


async def test_a_service_of_ones_own_has_no_findings(connect: Connect) -> None:
    assert await OpenMeteoCheck(connect()).check() == []


async def test_who_uses_the_free_service_is_told_whom_it_is_for(twin: TwinService) -> None:
    transport = httpx.ASGITransport(twin.asgi())
    async with httpx.AsyncClient(transport=transport) as http:
        settings = OpenMeteoSettings(areas={"kyoto": "35.01,135.77"})
        from_anywhere = Connection("weather", settings, http, MemoryTokens(), _now)
        (found,) = await OpenMeteoCheck(from_anywhere).check()
    assert "non-commercial" in found.text
    assert not found.blocks


def _now() -> datetime:
    return datetime(2026, 6, 3, tzinfo=UTC)


async def test_a_wrong_key_blocks(twin: TwinService, connect: Connect) -> None:
    twin.paid = True
    (found,) = await OpenMeteoCheck(connect(api_key="wrong")).check()
    assert found.blocks
    assert await OpenMeteoCheck(connect(api_key=KEY)).check() == []


async def test_an_answer_that_is_no_forecast_blocks(twin: TwinService, connect: Connect) -> None:
    twin.sky = lambda latitude, longitude, day: ["x"]  # type: ignore[list-item]
    (found,) = await OpenMeteoCheck(connect()).check()
    assert found.blocks


async def test_a_service_that_is_down_is_no_finding(twin: TwinService, connect: Connect) -> None:
    twin.faults.plan([Fault("server_error")])
    with pytest.raises(Unavailable):
        await OpenMeteoCheck(connect()).check()
