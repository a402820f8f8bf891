"""Slices of time: every row once at least, oldest first, whatever changes meanwhile."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.paging import Page, Window
from renkei_contracts.stage import Shopper
from renkei_eccube import walk
from renkei_eccube.settings import EccubeSettings
from renkei_eccube.sync import MOST_CALLS, EccubeMembers, EccubeOrders
from renkei_eccube.twin_shop import TwinShop

Connect = Callable[..., Connection[EccubeSettings]]

HOUR = timedelta(hours=1)


async def all_pages(reader: Any, window: Window, between: Callable[[], None]) -> list[Page[Any]]:
    pages, cursor = [], None
    while True:
        page = await reader.changed(window, cursor)
        pages.append(page)
        between()
        if (cursor := page.cursor) is None:
            return pages


def crowd(shop: TwinShop, count: int, clock: Any, apart: float) -> None:
    for number in range(count):
        shop.register(Shopper(f"m{number}@example.jp", "佐藤", f"{number}"))
        shop.commit()
        clock.forward(timedelta(seconds=apart))


@pytest.mark.parametrize("apart", [0.0, 0.4, 1.0, 50.0])
async def test_every_member_comes_and_the_oldest_change_first(
    shop: TwinShop, connect: Connect, clock: Any, apart: float
) -> None:
    since = clock()
    crowd(shop, 23, clock, apart)
    members = EccubeMembers(connect(page_size=3))
    pages = await all_pages(members, Window(since, clock() + HOUR), lambda: None)
    seen = [item for page in pages for item in page.items]
    assert {one.ref.id for one in seen} == {str(number) for number in range(1, 24)}
    assert [one.changed_at for one in seen] == sorted(one.changed_at for one in seen)


async def test_members_who_leave_a_full_second_hide_nobody(
    shop: TwinShop, connect: Connect, clock: Any
) -> None:
    since = clock()
    crowd(shop, 12, clock, 0)
    window = Window(since, clock() + timedelta(seconds=1))
    clock.forward(timedelta(seconds=600))
    leaving = iter(range(1, 13))

    def rename() -> None:
        if (id := next(leaving, None)) is not None:
            shop.rename(shop.customers[id], Shopper("n@example.jp", "新", "名"))
            shop.commit()

    pages = await all_pages(EccubeMembers(connect(page_size=3)), window, rename)
    seen = {item.ref.id for page in pages for item in page.items}
    # The four of the first page read are there before anybody leaves; nobody else is skipped.
    changed = {id for id, one in shop.customers.items() if one.updated_at >= window.until}
    assert {str(id) for id in range(1, 13)} - {str(id) for id in changed} <= seen


async def test_a_year_in_which_nothing_happened_takes_few_calls(
    shop: TwinShop, connect: Connect, clock: Any, transport: Any
) -> None:
    window = Window(clock() - timedelta(days=365), clock())
    orders = EccubeOrders(connect())
    assert [page.items for page in await all_pages(orders, window, lambda: None)] == [()]
    assert len(transport.of("/api")) == 1


async def test_a_page_makes_a_bounded_number_of_calls(
    shop: TwinShop, connect: Connect, clock: Any, transport: Any
) -> None:
    """All of a crowd came in the last minute of a year."""
    since = clock() - timedelta(days=365)
    crowd(shop, 200, clock, 0.3)
    page = await EccubeMembers(connect(page_size=1)).changed(Window(since, clock()), None)
    assert (page.items, page.cursor is not None) == ((), True)
    assert len(transport.of("/api")) == MOST_CALLS


async def test_a_busy_year_is_read_in_little_more_calls_than_it_has_pages(
    shop: TwinShop, connect: Connect, clock: Any, transport: Any
) -> None:
    since = clock()
    crowd(shop, 120, clock, 250_000)
    members = EccubeMembers(connect(page_size=4))
    await all_pages(members, Window(since, clock()), lambda: None)
    assert len(transport.of("/api")) <= 2 * 120 / 4


def test_a_window_is_asked_for_in_whole_seconds_of_japanese_time() -> None:
    since = datetime(2026, 7, 1, 3, 0, 0, 900_000, tzinfo=UTC)
    here = walk.begin(Window(since, since + timedelta(seconds=10)), None)
    asked = here.asked(50)
    assert asked["start"] == "2026-07-01T12:00:00+09:00"
    assert asked["end"] == "2026-07-01T12:00:11+09:00"


def test_an_empty_window_is_asked_for_once() -> None:
    at = datetime(2026, 7, 1, 3, 0, 0, tzinfo=UTC)
    here = walk.begin(Window(at, at), None)
    assert walk.following(here, 0, 50) is None


@pytest.mark.parametrize(
    "cursor", ["", "x", "1+0", "1", "1+1@0", "99999999999+1", "9999999999+9999999999", "１+１"]
)
def test_a_cursor_that_is_none_of_ours_is_refused(cursor: str) -> None:
    at = datetime(2026, 7, 1, 3, 0, 0, tzinfo=UTC)
    with pytest.raises(PayloadInvalid, match="cursor"):
        walk.begin(Window(at, at + HOUR), cursor)
