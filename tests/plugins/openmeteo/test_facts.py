"""Rain of a day and area from hours of precipitation, through the twin."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from renkei_contracts.capability import Facts
from renkei_contracts.connection import Connection
from renkei_contracts.errors import AuthenticationFailed, PayloadInvalid, RateLimited, Unavailable
from renkei_contracts.twin.faults import Fault, FaultKind
from renkei_openmeteo.facts import OpenMeteoFacts
from renkei_openmeteo.plugin import VENDOR
from renkei_openmeteo.settings import OpenMeteoSettings
from renkei_openmeteo.twin import KEY, TwinService

Connect = Callable[..., Connection[OpenMeteoSettings]]

DAY = date(2026, 6, 3)
KYOTO = "35.01"


def hours(**fallen: float | None) -> Callable[[str, str, date], list[float | None]]:
    """A sky that is dry but for these hours (``h9``) of Kyoto."""

    def sky(latitude: str, longitude: str, day: date) -> list[float | None]:
        if latitude != KYOTO:
            return [0.0] * 24
        return [fallen.get(f"h{hour}", 0.0) for hour in range(24)]

    return sky


async def rain(connect: Connect, **settings: Any) -> dict[str, bool]:
    found = await OpenMeteoFacts(connect(**settings)).facts(DAY)
    assert {(one.name, one.day) for one in found} <= {("rain", DAY)}
    return {one.area: one.value for one in found}


async def test_every_area_has_its_own_rain(twin: TwinService, connect: Connect) -> None:
    twin.sky = hours(h12=2.5)
    assert await rain(connect) == {"kyoto": True, "tokyo": False}


async def test_all_areas_are_asked_for_in_one_call(twin: TwinService, connect: Connect) -> None:
    await rain(connect)
    (asked,) = twin.calls
    assert asked == {
        "latitude": "35.01,35.68",
        "longitude": "135.77,139.77",
        "hourly": "precipitation",
        "timezone": "Asia/Tokyo",
        "start_date": "2026-06-03",
        "end_date": "2026-06-03",
    }


async def test_one_area_alone_is_answered_without_a_list(connect: Connect) -> None:
    assert await rain(connect, areas={"kyoto": "35.01,135.77"}) == {"kyoto": False}


@pytest.mark.parametrize(
    ("fallen", "rains"),
    [
        ({"h9": 1.0}, True),
        ({"h9": 0.9}, False),
        ({"h20": 1.0}, True),
        ({"h8": 9.0, "h21": 9.0}, False),
        ({f"h{hour}": 0.1 for hour in range(9, 19)}, True),
        ({f"h{hour}": 0.1 for hour in range(9, 18)}, False),
        ({"h8": None, "h21": None}, False),
        ({"h9": None, "h10": 1.0}, True),
    ],
)
async def test_a_day_of_rain_is_one_on_which_enough_falls_while_shops_are_open(
    twin: TwinService, connect: Connect, fallen: dict[str, float | None], rains: bool
) -> None:
    twin.sky = hours(**fallen)
    assert (await rain(connect))["kyoto"] is rains


async def test_what_is_not_certain_is_not_stated(twin: TwinService, connect: Connect) -> None:
    twin.sky = hours(h9=None, h10=0.9)
    assert await rain(connect) == {"tokyo": False}


async def test_how_much_is_rain_and_when_is_a_setting(twin: TwinService, connect: Connect) -> None:
    twin.sky = hours(h6=3.0)
    early = {"first_hour": 6, "last_hour": 7}
    assert (await rain(connect, **early, rain_mm="3.0"))["kyoto"]
    assert not (await rain(connect, **early, rain_mm="3.1"))["kyoto"]


async def test_the_source_says_which_forecast_and_how_much(
    twin: TwinService, connect: Connect
) -> None:
    twin.sky = hours(h12=2.5)
    first, _ = await OpenMeteoFacts(connect()).facts(DAY)
    assert first.source == "Open-Meteo, forecast of 05:00: 2.5 mm from 9 to 21"


async def test_a_paid_plan_is_asked_with_its_key(twin: TwinService, connect: Connect) -> None:
    twin.paid = True
    with pytest.raises(AuthenticationFailed) as refusal:
        await rain(connect, api_key="wr0ng")
    assert "wr0ng" not in str(refusal.value)
    assert len(await rain(connect, api_key=KEY)) == 2


@pytest.mark.parametrize(
    ("kind", "error"), [("rate_limited", RateLimited), ("server_error", Unavailable)]
)
async def test_failures_end_in_the_canonical_errors(
    twin: TwinService, connect: Connect, kind: FaultKind, error: type[Exception]
) -> None:
    twin.faults.plan([Fault(kind)])
    with pytest.raises(error):
        await rain(connect)
    assert len(await rain(connect)) == 2


@pytest.mark.parametrize(
    "sky", [[0.0] * 23, ["a lot"] * 24, None], ids=["an hour less", "text", "nothing"]
)
async def test_an_answer_of_another_shape_is_refused(
    twin: TwinService, connect: Connect, sky: Any
) -> None:
    twin.sky = lambda *_: sky
    with pytest.raises(PayloadInvalid):
        await rain(connect)


def test_it_can_what_it_announces(connect: Connect) -> None:
    assert list(VENDOR.capabilities()) == ["facts", "check"]
    assert isinstance(OpenMeteoFacts(connect()), Facts)
