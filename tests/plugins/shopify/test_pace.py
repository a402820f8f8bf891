"""Calls keep to the query cost that the store has left, proven against the twin's own bucket."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.errors import RateLimited
from renkei_contracts.paging import Window
from renkei_contracts.twin.bucket import Bucket
from renkei_shopify.client import ShopifyClient
from renkei_shopify.documents import CONNECTION_CHECK
from renkei_shopify.pace import LONGEST, MARGIN, PACES, Pace
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.sync import ShopifyOrders
from renkei_shopify.twin_app import COST, TwinApp
from renkei_shopify.twin_shop import CATALOGUE
from renkei_shopify.wire_graphql import Cost

NOW = datetime(2026, 11, 26, 3, 0, 0, tzinfo=UTC)

Connect = Callable[..., Connection[ShopifySettings]]


@dataclass
class Seconds:
    """A clock that goes on by what is slept."""

    now: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def hub(self) -> datetime:
        return NOW + timedelta(seconds=self.now)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def small(twin: TwinApp, seconds: Seconds) -> Bucket:
    """A bucket that holds one order at a time."""
    twin.bucket = Bucket(300, 100, clock=seconds)
    return twin.bucket


@pytest.fixture
def paced(
    connect: Connect, http: httpx.AsyncClient, small: Bucket, seconds: Seconds
) -> Connection[ShopifySettings]:
    """A connection whose clock is the bucket's."""
    PACES[http] = Pace(sleep=seconds.sleep)
    return replace(connect(), now=seconds.hub)


@pytest.fixture
def window(twin: TwinApp) -> Window:
    """Ten orders of three lines are in it."""
    for _ in range(10):
        twin.shop.place(None, CATALOGUE[:3])
    return Window(NOW - timedelta(hours=1), NOW + timedelta(hours=1))


async def test_a_long_page_never_asks_for_more_than_the_bucket_holds(
    paced: Connection[ShopifySettings], transport: Any, seconds: Seconds, window: Window
) -> None:
    page = await ShopifyOrders(paced).changed(window, None)
    assert len(page.items) == 10
    assert transport.operations.count("RenkeiOrder") == 10
    assert seconds.slept, "the bucket holds one order at a time"


async def test_without_a_pace_the_same_page_is_throttled(
    paced: Connection[ShopifySettings], window: Window
) -> None:
    PACES[paced.http] = Reckless()
    with pytest.raises(RateLimited):
        await ShopifyOrders(paced).changed(window, None)


class Reckless(Pace):
    """Takes no heed."""

    async def turn(self, document: str, now: datetime) -> None:
        return None


async def test_what_others_have_used_up_is_seen_in_the_next_answer(
    paced: Connection[ShopifySettings], small: Bucket, seconds: Seconds
) -> None:
    client = ShopifyClient(paced)
    await client.run(CONNECTION_CHECK, {})
    small.take(small.available - COST)
    await client.run(CONNECTION_CHECK, {})
    await client.run(CONNECTION_CHECK, {})
    assert len(seconds.slept) == 1


async def test_a_throttled_call_teaches_how_long_to_wait(
    paced: Connection[ShopifySettings], small: Bucket, seconds: Seconds
) -> None:
    small.take(290)
    client = ShopifyClient(paced)
    with pytest.raises(RateLimited) as refused:
        await client.run(CONNECTION_CHECK, {})
    assert refused.value.retry_after == pytest.approx((COST - 10) / 100)
    await client.run(CONNECTION_CHECK, {})
    assert seconds.slept == [pytest.approx((COST - 10) / 100 + MARGIN)]


def told(left: float, rate: float = 100, most: float = 2000, cost: float = 235) -> Cost:
    status = {"maximumAvailable": most, "currentlyAvailable": left, "restoreRate": rate}
    return Cost.model_validate({"requestedQueryCost": cost, "throttleStatus": status})


class TestPace:
    @pytest.fixture
    def clock(self) -> Seconds:
        return Seconds()

    @pytest.fixture
    def pace(self, clock: Seconds) -> Pace:
        return Pace(sleep=clock.sleep)

    async def test_the_first_call_waits_for_nothing(self, pace: Pace, clock: Seconds) -> None:
        await pace.turn("A", clock.hub())
        assert clock.slept == []

    async def test_a_wait_that_is_long_is_the_hubs(self, pace: Pace, clock: Seconds) -> None:
        pace.learn("A", told(-300.0), clock.hub())
        with pytest.raises(RateLimited) as refused:
            await pace.turn("A", clock.hub())
        assert refused.value.retry_after == pytest.approx(5.35 + MARGIN)
        assert refused.value.retry_after is not None
        assert refused.value.retry_after > LONGEST

    async def test_time_fills_the_bucket(self, pace: Pace, clock: Seconds) -> None:
        pace.learn("A", told(35.0), clock.hub())
        clock.now += 2.0
        await pace.turn("A", clock.hub())
        assert clock.slept == []

    async def test_calls_at_the_same_time_count_each_other(
        self, pace: Pace, clock: Seconds
    ) -> None:
        pace.learn("A", told(235.0), clock.hub())
        await pace.turn("A", clock.hub())
        await pace.turn("A", clock.hub())
        assert clock.slept == [pytest.approx(2.35 + MARGIN)]

    async def test_what_costs_more_than_a_bucket_is_asked_of_a_full_one(
        self, pace: Pace, clock: Seconds
    ) -> None:
        pace.learn("A", told(100.0, most=100.0, cost=1_000.0), clock.hub())
        await pace.turn("A", clock.hub())
        assert clock.slept == []

    @pytest.mark.parametrize(
        "cost",
        [
            None,
            Cost(),
            told(35.0, rate=0),
            Cost.model_validate({"throttleStatus": {"currentlyAvailable": 1}}),
        ],
        ids=["none", "empty", "no-rate", "half"],
    )
    async def test_figures_that_say_nothing_hold_nobody_back(
        self, pace: Pace, clock: Seconds, cost: Cost | None
    ) -> None:
        pace.learn("A", cost, clock.hub())
        await pace.turn("A", clock.hub())
        assert clock.slept == []
