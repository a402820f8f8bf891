"""A year in the program of a drugstore chain with ID-POS such as Tsuruha."""

from datetime import date, timedelta
from typing import Any

from renkei.services.members.merge import MergeMembers
from renkei.services.till.till import TillService
from renkei_contracts.member import Grade, Identity, IdentityKind

PRESET = "id-pos-program"


def card(number: str) -> Identity:
    return Identity(kind=IdentityKind.CARD, value=number, grade=Grade.VERIFIED)


async def test_every_day_of_a_year_earns_a_point_for_a_hundred_yen_times_what_is_announced(
    walk: Any, till: TillService
) -> None:
    earned: dict[int, set[int]] = {}
    day = date(2025, 1, 1)
    while day.year == 2025:
        walk.on(day.isoformat(), "00:00" if day.day % 2 else "23:59")
        done = await walk.rings(11_099, till)
        earned.setdefault(day.day, set()).add(done.earned)
        day += timedelta(days=1)
    times = {1: 5, 5: 3, 15: 3, 25: 3}
    assert earned == {n: {100 * times.get(n, 1)} for n in range(1, 32)}


async def test_points_are_usable_at_once_and_live_a_year(walk: Any, till: TillService) -> None:
    walk.on("2025-02-28", "23:00")
    await walk.rings(11_000, till)
    done = await walk.rings(1_100, till, points_used=30)
    assert (done.used, done.spendable) == (30, 79)
    walk.on("2026-02-28", "23:59")
    assert await walk.has() == 79
    walk.on("2026-03-01", "00:00")
    assert (await walk.has(), await walk.loses()) == (0, 79)


async def test_an_app_that_tells_the_paper_cards_number_is_the_same_member(
    walk: Any, till: TillService
) -> None:
    paper = await walk.enrols("paper-1", "shop", identities=(card("280000001234"),))
    await walk.rings(11_000, till, member=paper)
    walk.on("2025-06-03")
    both = (card("280000001234"), card("990000005678"))
    app = await walk.enrols("app-1", "cart", identities=both)
    assert app == paper
    await walk.rings(11_000, till, member=app)
    assert await walk.has(paper) == 500 + 100


async def test_a_paper_card_and_an_app_that_were_two_members_are_merged_with_all_they_have(
    walk: Any, till: TillService
) -> None:
    paper = await walk.enrols("paper-1", "shop", identities=(card("280000001234"),))
    app = await walk.enrols("app-1", "cart", identities=(card("990000005678"),))
    walk.on("2025-06-03")
    await walk.rings(11_000, till, member=paper)
    await walk.rings(22_000, till, member=app)
    await walk.submit(MergeMembers(paper, app, by="clerk"))
    assert [await walk.has(one) for one in (paper, app)] == [300, 300]
    done = await walk.rings(1_100, till, member=paper, points_used=250)
    assert (done.used, done.spendable) == (250, 57)


async def test_a_rule_about_segments_does_not_apply_and_says_so(walk: Any) -> None:
    regulars = {"name": "regulars", "when": "'regular' in member.segments", "fixed": 50}
    await walk.publishes(type(walk.rules).model_validate({"campaigns": [regulars]}))
    walk.on("2025-06-03")
    assert await walk.buys(11_000) == 100
