"""A vendor with a way of its own to hand out a long past: back-fills read it so, polls do not."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import acme
import pytest
from acme import NOW, Scene, bought

from renkei.services.flow.backfill import Backfill
from renkei_contracts.errors import Rejected, Unavailable
from renkei_contracts.paging import Page, Window

MONTHS = timedelta(days=60)


@dataclass
class Archive:
    """What it was asked for, and how it fails next: at all, or at a cursor that it gave."""

    asked: list[str | None] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    refused: list[Exception] = field(default_factory=list)


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Archive:
    """Of the cart: first an empty page, then two orders each."""
    made = Archive()

    async def past(reader: Any, window: Window, cursor: str | None) -> Page[Any]:
        made.asked.append(cursor)
        if made.failures:
            raise made.failures.pop(0)
        if cursor is not None and made.refused:
            raise made.refused.pop(0)
        if cursor is None:
            return Page((), "file:0")
        at = int(cursor.removeprefix("file:"))
        within = [one for one in reader.things.values() if window.since <= one.changed_at]
        return Page(tuple(within[at : at + 2]), f"file:{at + 2}" if at + 2 < len(within) else None)

    monkeypatch.setattr(acme.Reader, "past", past, raising=False)
    return made


@pytest.fixture
async def old(scene: Scene, archive: Archive) -> Scene:
    """Five orders of six weeks ago, of which the cart tells in its archive."""
    for number in range(5):
        order = bought(f"old{number}")
        at = NOW - timedelta(days=45) + timedelta(seconds=number)
        scene.cart.orders[order.ref.id] = order.model_copy(update={"changed_at": at})
    await Backfill(scene.hub.connections, scene.hub.database, scene.hub.clock).begin(
        "cart", NOW - MONTHS
    )
    return scene


async def known(scene: Scene) -> int:
    found: int = (await scene.one("SELECT count(*) FROM orders"))[0]
    return found


async def worked(scene: Scene) -> None:
    while await scene.work("polls"):
        pass


async def test_a_backfill_reads_the_archive_and_goes_on_at_its_cursors(
    old: Scene, archive: Archive
) -> None:
    await worked(old)
    assert archive.asked == [None, "file:0", "file:2", "file:4"]
    assert await known(old) == 5
    assert "changed order None" not in old.cart.calls


async def test_while_the_vendor_prepares_it_the_backfill_waits_with_its_cursor(
    old: Scene, archive: Archive
) -> None:
    archive.failures = [Unavailable("not written yet")]
    for _ in range(3):
        await old.due_now("poll")
        await worked(old)
    assert archive.asked == [None, None, "file:0", "file:2", "file:4"]
    assert await known(old) == 5


async def test_an_archive_that_is_thrown_away_is_asked_for_again(
    old: Scene, archive: Archive
) -> None:
    archive.refused = [Rejected("gone")] * 3
    for _ in range(12):
        await old.due_now("poll")
        await worked(old)
    again = [None, "file:0", "file:2", "file:4"]
    assert archive.asked == [None, "file:0", "file:0", "file:0", *again]
    assert await known(old) == 5


async def test_polls_read_page_after_page(scene: Scene, archive: Archive) -> None:
    scene.cart.orders["o1"] = bought()
    await scene.poll()
    assert archive.asked == []
    assert await known(scene) == 1
