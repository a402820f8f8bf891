"""A plugin's facts are asked for once a day and stated; what fails is asked for again."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from acme import AcmeSettings, Scene

from renkei.services.flow.read_facts import next_morning
from renkei.services.setup.facts import listed
from renkei_contracts.capability import Fact
from renkei_contracts.errors import Unavailable
from renkei_contracts.vendor import Vendor

JST = ZoneInfo("Asia/Tokyo")


@dataclass
class Weather:
    """Says of each area whether it rains there."""

    rain: dict[str, bool] = field(default_factory=lambda: {"kyoto": True, "tokyo": False})
    failures: list[Exception] = field(default_factory=list)
    asked: list[date] = field(default_factory=list)

    async def facts(self, day: date) -> Sequence[Fact]:
        self.asked.append(day)
        if self.failures:
            raise self.failures.pop(0)
        return [Fact("rain", area, day, value, "a sheep") for area, value in self.rain.items()]


@pytest.fixture
async def weather(scene: Scene) -> Weather:
    """A connection to a vendor that knows the weather and nothing else."""
    made = Weather()
    vendor = Vendor(name="sky", title="Sky", settings=AcmeSettings, facts=lambda _: made)
    scene.hub.registry.vendors["sky"] = vendor
    await scene.hub.connecting.connect(vendor, "sky", {})
    return made


async def read(scene: Scene) -> None:
    await scene.worker.polls.begin(await scene.hub.connections.get("sky"))
    await scene.worker.queues["polls"].work("sky")


async def stated(scene: Scene) -> dict[str, tuple[bool, str]]:
    every = await listed(scene.hub.database, date(2000, 1, 1), 100)
    return {one.place: (one.value, one.source) for one in every}


async def test_the_days_facts_are_stated_with_their_source(scene: Scene, weather: Weather) -> None:
    await read(scene)
    assert weather.asked == [datetime.now(JST).date()]
    assert await stated(scene) == {"kyoto": (True, "a sheep"), "tokyo": (False, "a sheep")}


async def test_they_are_asked_for_once_a_day(scene: Scene, weather: Weather) -> None:
    await read(scene)
    await read(scene)
    assert len(weather.asked) == 1
    (due,) = await scene.one("SELECT due FROM poll WHERE connection_id = 'sky'")
    assert due.astimezone(JST).hour == 5
    assert due > datetime.now(UTC)


async def test_what_is_forecast_later_changes_nothing(scene: Scene, weather: Weather) -> None:
    await read(scene)
    weather.rain["kyoto"] = False
    await scene.due_now("poll")
    await read(scene)
    assert len(weather.asked) == 2
    assert (await stated(scene))["kyoto"] == (True, "a sheep")


async def test_a_service_that_is_down_is_asked_again(scene: Scene, weather: Weather) -> None:
    weather.failures.append(Unavailable("sky: the vendor answered 503"))
    await read(scene)
    assert await stated(scene) == {}
    await scene.due_now("poll")
    await read(scene)
    assert len(await stated(scene)) == 2


@pytest.mark.parametrize("wrong", [{"name": "Rain!"}, {"area": "京都"}, {"source": ""}])
async def test_facts_that_no_rule_could_name_are_not_stated(
    scene: Scene, weather: Weather, wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Fact("rain", "kyoto", datetime.now(JST).date(), True, "a sheep")

    async def facts(day: date) -> Sequence[Fact]:
        return [replace(right, **wrong)]

    monkeypatch.setattr(weather, "facts", facts)
    await read(scene)
    assert await stated(scene) == {}
    (error,) = await scene.one("SELECT failures FROM poll WHERE connection_id = 'sky'")
    assert error == 1


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-06-02T19:59:59+00:00", "2026-06-03T05:00:00+09:00"),
        ("2026-06-02T20:00:00+00:00", "2026-06-04T05:00:00+09:00"),
        ("2026-06-03T14:59:59+00:00", "2026-06-04T05:00:00+09:00"),
    ],
)
def test_the_next_morning_is_that_of_the_programs_zone(now: str, then: str) -> None:
    assert next_morning(datetime.fromisoformat(now), JST) == datetime.fromisoformat(then)
