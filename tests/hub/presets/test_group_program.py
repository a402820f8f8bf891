"""Two years and more in the program of a group such as BicCamera's."""

from typing import Any

import pytest
from sqlalchemy import text

from renkei.errors import BookingRefused
from renkei.loyalty.program import Program
from renkei.services.members.members import explain
from renkei.services.points.corrections import ExchangePoints
from renkei.services.till.till import TillService
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import Tender
from renkei_contracts.point import PointsExchange

PRESET = "group-program"

OTHER_PROGRAM = [
    "INSERT INTO program VALUES ('software', 'Software', 'Asia/Tokyo')",
    "INSERT INTO program_version VALUES ('software', 1, '1970-01-01Z', '{}')",
]


async def test_the_rate_is_the_products_and_else_the_tenders(walk: Any) -> None:
    await walk.lists("phone", "low-margin")
    await walk.lists("soap", "daily-goods")
    basket = [(100_000, "camera"), (50_000, "phone"), (1_000, "soap")]
    cash, card = (Tender(kind=kind, amount=151_000) for kind in ("cash", "credit"))
    assert await walk.buys_all(basket, tenders=(cash,)) == 10_000 + 500 + 50
    assert await walk.buys_all(basket, tenders=(card,)) == 8_000 + 500 + 50


async def test_points_are_usable_at_once_in_shops_and_sites_of_every_company(
    walk: Any, till: TillService
) -> None:
    await walk.connects("camera", "camera")
    await walk.connects("toys", "toys")
    assert await walk.buys(10_000, "camera") == 1_000
    assert await walk.has() == 1_000
    done = await walk.rings(300, till, points_used=300)
    assert (done.used, done.spendable) == (300, 700)
    assert await walk.buys(700, "toys", points_used=700, points_value=700) == 0
    assert await walk.has() == 0


async def test_the_books_say_who_issued_and_who_redeemed(walk: Any) -> None:
    await walk.connects("camera", "camera")
    await walk.connects("toys", "toys")
    await walk.buys(10_000, "camera")
    await walk.buys(700, "toys", points_used=700, points_value=700)
    issuers = dict(enumerate(await walk.issuers(), 1))
    uses = [one for one in await explain(walk.booking, walk.member) if one.rule == "redeem"]
    owed = {(issuers[lot[0]], one.order.split("/")[0]) for one in uses for lot in one.lots}
    assert owed == {("camera", "toys")}
    assert [one.amount for one in uses] == [700]


async def test_points_slide_two_years_after_the_last_sale(walk: Any) -> None:
    walk.on("2025-03-15", "22:00")
    await walk.buys(10_000)
    walk.on("2027-03-15", "23:59")
    assert await walk.has() == 1_000
    await walk.buys(1_000)
    walk.on("2027-03-16", "00:00")
    assert (await walk.has(), await walk.loses()) == (1_100, 0)
    await walk.buys(100, points_used=100, points_value=100)
    walk.on("2029-03-16", "23:59")
    assert await walk.has() == 1_000
    walk.on("2029-03-17", "00:00")
    assert (await walk.has(), await walk.loses()) == (0, 1_000)


async def test_whether_an_earn_counts_as_use_is_a_parameter(walk: Any) -> None:
    only_use = walk.rules.expiry.model_copy(update={"slides_on": "use"})
    await walk.publishes(walk.rules.model_copy(update={"expiry": only_use}))
    walk.on("2025-03-15")
    await walk.buys(10_000)
    walk.on("2026-03-15")
    await walk.buys(5_000)
    walk.on("2027-03-16")
    assert (await walk.loses(), await walk.has()) == (1_000, 500)
    await walk.buys(100, points_used=100, points_value=100)
    walk.on("2029-03-16", "23:59")
    assert await walk.has() == 400
    walk.on("2029-03-17", "00:00")
    assert await walk.has() == 0


async def test_points_of_the_peers_end_a_year_after_the_purchase(walk: Any) -> None:
    a_year = {"kind": "fixed", "months": 12}
    await walk.publishes(Program.model_validate(walk.rules.model_dump() | {"expiry": a_year}))
    walk.on("2025-03-15")
    await walk.buys(10_000)
    walk.on("2026-03-15", "23:59")
    assert await walk.buys(1_000) == 100
    walk.on("2026-03-16", "00:00")
    assert await walk.has() == 100


async def test_points_are_exchanged_one_to_one_with_a_program_of_the_group(walk: Any) -> None:
    async with walk.booking.database.begin() as conn:
        for statement in OTHER_PROGRAM:
            await conn.execute(text(statement))
    await walk.connects("software", "software", "software")
    seen = Member(ref=ExternalRef(connection="software", id="s1"), changed_at=walk.now)
    other = (await walk.booking.enrol(seen)).member
    await walk.buys(10_000)
    for who, points, partner in ((walk.member, -400, "software"), (other, 400, "group")):
        ask = PointsExchange(member=who, key=f"x/{who}", points=points, partner=partner)
        await walk.submit(ExchangePoints(ask, walk.booking.ring))
    assert (await walk.has(), await walk.has(other)) == (600, 400)
    again = PointsExchange(member=walk.member, key="y", points=-601, partner="software")
    with pytest.raises(BookingRefused, match="can spend 600"):
        await walk.submit(ExchangePoints(again, walk.booking.ring))
