"""Quotas: never exceeded, never handed back, and an order that grows claims again."""

import pytest

from renkei.errors import BookingRefused, RequestInvalid, UnknownQuota
from renkei.ledger.verify import verify
from renkei.services.booking import Booking
from renkei.services.points.quota import ClaimQuota, OpenQuota


async def claim(booking: Booking, who: str, wanted: int) -> int:
    got: int = await booking.committer.submit(ClaimQuota("campaign", "2026", who, wanted))
    return got


@pytest.fixture
async def quota(booking: Booking) -> Booking:
    await booking.committer.submit(OpenQuota("campaign", "2026", 500))
    return booking


async def test_a_claim_is_kept_while_its_order_is_away(quota: Booking) -> None:
    assert await claim(quota, "A", 300) == 300
    assert await claim(quota, "A", 0) == 0
    assert await claim(quota, "B", 300) == 200
    assert await claim(quota, "A", 300) == 300
    async with quota.database.begin() as conn:
        assert (await verify(conn)).findings == ()


async def test_what_grows_gets_what_is_left(quota: Booking) -> None:
    assert await claim(quota, "A", 100) == 100
    assert await claim(quota, "B", 300) == 300
    assert await claim(quota, "A", 250) == 200
    assert await claim(quota, "C", 1) == 0


async def test_opening_again_is_the_same_as_once_and_another_limit_is_refused(
    quota: Booking,
) -> None:
    await claim(quota, "A", 100)
    again = await quota.committer.submit(OpenQuota("campaign", "2026", 500))
    assert (again.limit, again.used) == (500, 100)
    with pytest.raises(BookingRefused, match="limit 500, not 400"):
        await quota.committer.submit(OpenQuota("campaign", "2026", 400))


async def test_a_quota_that_nobody_opened_grants_nothing(booking: Booking) -> None:
    with pytest.raises(UnknownQuota, match="campaign/2026"):
        await claim(booking, "A", 1)


@pytest.mark.parametrize("wanted", [-1, 2**53 + 1, True, 1.5])
async def test_what_is_no_amount_is_named(quota: Booking, wanted: int) -> None:
    with pytest.raises(RequestInvalid, match="wanted"):
        await claim(quota, "A", wanted)


@pytest.mark.parametrize("name", ["", "a\0", "\ud800", "x" * 201, 5])
async def test_a_name_that_no_database_keeps_is_refused(name: str) -> None:
    with pytest.raises(RequestInvalid, match="scope"):
        OpenQuota(name, "1", 5)
    with pytest.raises(RequestInvalid, match="claimant"):
        ClaimQuota("campaign", "2026", name, 1)
