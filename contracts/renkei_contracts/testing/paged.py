"""What every list that is read in pages must do, for orders and members alike."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from renkei_contracts.errors import NotFound
from renkei_contracts.paging import Window
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import NotApplicable, must, succeeds
from renkei_contracts.testing.lists import DAY, Reader, Walked, fill, later, walk, whole_window
from renkei_contracts.testing.spoiling import spoiled
from renkei_contracts.testing.strange import strange_ids

ONE_PAGE = (
    "everything came on one page, so that nothing was read on: let the twin put "
    "`StageContext.page_size` rows on a page, and the plugin ask for no more rows than that"
)


@dataclass(frozen=True)
class Paged:
    """One list: how it is read, how one more gets into it, and how one of it changes."""

    bench: Bench
    reader: Reader[Any]
    make: Callable[[], Awaitable[str]]
    change: Callable[[str], Awaitable[object]]

    async def ends_and_loses_nothing(self) -> None:
        """A minute between one and the next."""
        made = await fill(self.reader, self.bench, self.make, apart=timedelta(minutes=1))
        walked = await walk(self.reader, whole_window(self.bench))
        must(
            set(made) <= walked.ids(),
            "the pages of a window must give everything in it: hand the vendor's cursor on until "
            "it says that there is no more",
        )
        _read_on(walked)

    async def keeps_ties_apart(self) -> None:
        """More in one second than a page holds."""
        made = await fill(self.reader, self.bench, self.make)
        walked = await walk(self.reader, whole_window(self.bench))
        must(
            set(made) <= walked.ids(),
            "what changed within one second must not be lost between two pages: read on from time "
            "and id, not from the time alone",
        )
        _read_on(walked)

    async def loses_nothing_that_changes(self) -> None:
        """The oldest changes while the pages are read, and those behind it move up."""
        made = await fill(self.reader, self.bench, self.make, apart=timedelta(minutes=1))
        waiting = iter(made)

        async def change() -> None:
            later(self.bench)
            await self.change(next(waiting))

        walked = await walk(self.reader, whole_window(self.bench), change, times=3)
        must(
            set(made) <= walked.ids(),
            "a row that changes while pages are read moves to the end: what moves up must not be "
            "skipped, so read on from the last row, not from a number of rows",
        )
        _read_on(walked)

    async def gives_the_newest_of_what_changes(self) -> None:
        """A row of the first page changes before the last page is read."""
        made = await fill(self.reader, self.bench, self.make, apart=timedelta(minutes=1))

        async def change() -> None:
            later(self.bench)
            await self.change(made[0])

        walked = await walk(self.reader, whole_window(self.bench), change)
        _read_on(walked)
        newest = await self.reader.fetch(made[0])
        must(
            walked.last(made[0]).changed_at == newest.changed_at,
            "a row that changes while pages are read must come again with its newer state, while "
            "the window holds it",
        )

    async def ends_though_more_comes(self) -> None:
        """A busy shop: whatever comes now belongs into the next window."""
        made = await fill(self.reader, self.bench, self.make, apart=timedelta(minutes=1))
        window = Window(whole_window(self.bench).since, self.bench.clock())

        async def more() -> None:
            later(self.bench)
            for _ in range(3):
                await self.make()

        walked = await walk(self.reader, window, more, times=len(made) * 2)
        must(
            set(made) <= walked.ids(),
            "what is new while pages are read must not hide what the window holds",
        )
        must(
            walked.pages <= len(made) + 1,
            "what is new after the window must not prolong its pages: ask for changes before until",
        )
        _read_on(walked)

    async def begins_with_since(self) -> None:
        """What changed at the very beginning is included."""
        at = await self._changed_at(await self._one_of_three())
        found = await walk(self.reader, Window(at, at + DAY))
        must(
            at in {item.changed_at for item in found.items},
            "a window includes its since: ask for changes at it or after it",
        )

    async def leaves_out_what_is_before(self) -> None:
        """A poll must not read the whole shop each time."""
        first = await self._changed_at(await self.make())
        self.bench.clock.forward(40 * DAY)
        second = await self._changed_at(await self.make())
        found = await walk(self.reader, Window(second, second + DAY))
        must(
            first not in {item.changed_at for item in found.items},
            "what changed before since must not be given: the window is asked for, not everything",
        )

    async def ends_before_until(self) -> None:
        """What changes at its end belongs into the next window."""
        at = await self._changed_at(await self._one_of_three())
        found = await walk(self.reader, Window(at - DAY, at))
        must(
            all(item.changed_at < at for item in found.items),
            "a window excludes its until: ask for changes before it",
        )

    async def goes_by_the_oldest_change(self) -> None:
        """Where reading stops, everything before is known."""
        made = await fill(self.reader, self.bench, self.make, apart=timedelta(minutes=1))
        await self.change(made[0])
        walked = await walk(self.reader, whole_window(self.bench))
        first: dict[str, datetime] = {}
        for item in walked.items:
            first.setdefault(f"{item.ref.id} {item.changed_at}", item.changed_at)
        must(
            list(first.values()) == sorted(first.values()),
            "changed() must give the oldest change first: sort by when things changed",
        )

    async def _one_of_three(self) -> str:
        made = []
        for _ in range(3):
            made.append(await self.make())
            later(self.bench)
        return made[1]

    async def _changed_at(self, id: str) -> datetime:
        item = await self.reader.fetch(id)
        changed_at: datetime = item.changed_at
        return changed_at


async def finds_nothing_strange(reader: Reader[Any], id: str) -> None:
    """NotFound for ids that nobody has, whatever they would do to a path; ``id`` is one of many."""
    for strange in strange_ids(id):
        try:
            await reader.fetch(strange)
        except NotFound:
            continue
        must(False, f"fetch({strange!a}) must raise NotFound: check the form of an id first")


async def sets_one_aside(bench: Bench, reader: Reader[Any], made: Sequence[str]) -> None:
    """Of what was made, one cannot be understood; the others are read."""
    bad = made[6]
    await walk(reader, whole_window(bench))
    bench.on_the_way = spoiled(bad, made, bench.exchanges)
    told = "changed() must give every other row of the page: catch PayloadInvalid for each row"
    with succeeds(told):
        walked = await walk(reader, whole_window(bench))
    must(walked.ids() == set(made) - {bad}, told)
    must(
        bad in dict(walked.rejected),
        "what cannot be understood belongs into Page.rejected, with its id and the reason",
    )


def _read_on(walked: Walked[Any]) -> None:
    """What holds on one page says nothing of the way from one page to the next."""
    if walked.pages == 1:
        raise NotApplicable(ONE_PAGE)
