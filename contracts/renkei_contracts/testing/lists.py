"""Reading a vendor's lists to their end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

from renkei_contracts.member import Member
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.testing.bench import START, Bench
from renkei_contracts.testing.checks import must

T = TypeVar("T", Order, Member)

DAY = timedelta(days=1)
MOST_PAGES = 500


class Reader(Protocol[T]):
    """Orders and Members alike."""

    async def fetch(self, id: str) -> T:
        """One, as it is now."""
        ...

    async def changed(self, window: Window, cursor: str | None) -> Page[T]:
        """A page of them."""
        ...


@dataclass
class Walked(Generic[T]):
    """What the pages of a window held, in the order it came; some may have come twice."""

    items: list[T] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    pages: int = 0

    def ids(self) -> set[str]:
        """Whatever was given, and understood."""
        return {item.ref.id for item in self.items}

    def last(self, id: str) -> T:
        """The state that came last of one; the check fails where none came."""
        found = [item for item in self.items if item.ref.id == id]
        must(bool(found), "changed() must give whatever changed within the window")
        return found[-1]


def whole_window(bench: Bench) -> Window:
    """From before the check began to a day ahead."""
    return Window(START - DAY, bench.clock() + DAY)


async def walk(
    reader: Reader[T],
    window: Window,
    between: Callable[[], Awaitable[object]] | None = None,
    *,
    times: int = 1,
) -> Walked[T]:
    """Read every page; ``between`` happens after each of the first ``times`` pages."""
    walked: Walked[T] = Walked()
    cursor: str | None = None
    while True:
        page = await reader.changed(window, cursor)
        walked.items += page.items
        walked.rejected += page.rejected
        walked.pages += 1
        if page.cursor is None:
            return walked
        must(page.cursor != cursor, "changed() must not give the cursor that it was asked with")
        must(walked.pages < MOST_PAGES, "paging must end: changed() must once give no cursor")
        cursor = page.cursor
        if between is not None and walked.pages <= times:
            await between()


async def fill(
    reader: Reader[Any],
    bench: Bench,
    make: Callable[[], Awaitable[str]],
    *,
    apart: timedelta = timedelta(0),
) -> list[str]:
    """Make things until they fill more than two pages; their ids. ``apart``: the time between.

    A vendor whose pages are as long as we ask for gets a few hundred.
    """
    made: list[str] = []
    for wanted in (5, 25, 125, 325):
        while len(made) < wanted:
            made.append(await make())
            bench.clock.forward(apart)
        first = await reader.changed(whole_window(bench), None)
        if first.cursor is not None and 2 * len(first.items) < wanted:
            break
    return made


def later(bench: Bench) -> None:
    """A minute passes."""
    bench.clock.forward(timedelta(minutes=1))
