"""Lists that are read wrongly, of orders and members alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from wrong import Around

from renkei_contracts.errors import NotFound, PayloadInvalid
from renkei_contracts.order import OrderState
from renkei_contracts.paging import Page, Window

LONG_AGO, FAR = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SIZE = 2


class Reader(Around):
    """Reads more than it should, to be cut wrongly."""

    async def all(self, window: Window) -> list[Any]:
        page = await self.right.changed(window, None)
        found = list(page.items)
        while page.cursor is not None:
            page = await self.right.changed(window, page.cursor)
            found += page.items
        return found


class FirstPageOnly(Reader):
    async def changed(self, window: Window, cursor: str | None) -> Page[Any]:
        return replace(await self.right.changed(window, cursor), cursor=None)


class ByNumber(Reader):
    """The next page begins after so many rows."""

    async def changed(self, window: Window, cursor: str | None) -> Page[Any]:
        rows, at = await self.all(window), int(cursor or 0)
        more = str(at + SIZE) if len(rows) > at + SIZE else None
        return Page(tuple(rows[at : at + SIZE]), more)


class ByTimeAlone(Reader):
    """The next page begins after the time of the last row."""

    async def changed(self, window: Window, cursor: str | None) -> Page[Any]:
        after = datetime.fromisoformat(cursor) if cursor else LONG_AGO
        rows = [one for one in await self.all(window) if one.changed_at > after]
        more = rows[SIZE - 1].changed_at.isoformat() if len(rows) > SIZE else None
        return Page(tuple(rows[:SIZE]), more)


class Remembered(Reader):
    """Whatever was there at the first page is cut into pages."""

    async def changed(self, window: Window, cursor: str | None) -> Page[Any]:
        if cursor is None:
            self.rows = await self.all(window)
        at = int(cursor or 0)
        more = str(at + SIZE) if len(self.rows) > at + SIZE else None
        return Page(tuple(self.rows[at : at + SIZE]), more)


class WithoutEnd(Reader):
    async def changed(self, window: Window, cursor: str | None) -> Page[Any]:
        return await self.right.changed(Window(window.since, FAR), cursor)


class WithoutBeginning(Reader):
    async def changed(self, window: Window, cursor: str | None) -> Page[Any]:
        return await self.right.changed(Window(LONG_AGO, window.until), cursor)


class AfterSince(Reader):
    async def changed(self, window: Window, cursor: str | None) -> Page[Any]:
        since = window.since + timedelta(microseconds=1)
        return await self.right.changed(Window(since, window.until), cursor)


class UntilIncluded(Reader):
    async def changed(self, window: Window, cursor: str | None) -> Page[Any]:
        until = window.until + timedelta(microseconds=1)
        return await self.right.changed(Window(window.since, until), cursor)


class NewestFirst(Reader):
    async def changed(self, window: Window, cursor: str | None) -> Page[Any]:
        return Page(tuple(reversed(await self.all(window))))


class ByPlacedAt(Reader):
    async def changed(self, window: Window, cursor: str | None) -> Page[Any]:
        rows = await self.all(Window(LONG_AGO, FAR))
        return Page(tuple(one for one in rows if window.since <= one.placed_at < window.until))


class Nothing(Reader):
    async def changed(self, window: Window, cursor: str | None) -> Page[Any]:
        return Page(())


class StopsAtTheFirstBadRow(Reader):
    async def changed(self, window: Window, cursor: str | None) -> Page[Any]:
        page = await self.right.changed(window, cursor)
        if page.rejected:
            raise PayloadInvalid(page.rejected[0][1])
        return page  # type: ignore[no-any-return] # whatever the right one gives


class AnyId(Reader):
    """Takes what is a number at the end for the id."""

    async def fetch(self, id: str) -> Any:
        try:
            return await self.right.fetch(id)
        except NotFound:
            return (await self.all(Window(LONG_AGO, FAR)))[0]


class RefusesWithoutAName(Reader):
    async def fetch(self, id: str) -> Any:
        try:
            return await self.right.fetch(id)
        except PayloadInvalid:
            raise PayloadInvalid("it is not in yen") from None


class NothingCameBackByDefault(Reader):
    """What is not told of returns is none: an order that lacks a key is read as it was sold."""

    async def fetch(self, id: str) -> Any:
        try:
            self.last = await self.right.fetch(id)
        except PayloadInvalid:
            none = {"returned_quantity": 0, "returned_amount": 0}
            lines = tuple(line.model_copy(update=none) for line in self.last.lines)
            return self.last.model_copy(update={"lines": lines})
        return self.last


class UnknownIsPaid(NothingCameBackByDefault):
    """A word that it does not know is taken for a sale that counts."""

    async def fetch(self, id: str) -> Any:
        found = await super().fetch(id)
        try:
            return await self.right.fetch(id)
        except PayloadInvalid:
            return found.model_copy(update={"state": OrderState.PAID})


class PastWithoutEdits(Reader):
    """Leaves out what has changed since it was placed."""

    async def past(self, window: Window, cursor: str | None) -> Page[Any]:
        page = await self.right.changed(window, cursor)
        kept = tuple(one for one in page.items if one.changed_at == one.placed_at)
        return replace(page, items=kept)


class PastOverAgain(Reader):
    """Reads from the start whatever it was given."""

    async def past(self, window: Window, cursor: str | None) -> Page[Any]:
        found = await self.all(window)
        read = int(cursor or 0)
        return Page(tuple(found[: read + SIZE]), str(read + SIZE) if read < len(found) else None)


class PastAtOnce(Reader):
    """All of it on one page, behind an empty one."""

    async def past(self, window: Window, cursor: str | None) -> Page[Any]:
        return Page(tuple(await self.all(window))) if cursor else Page((), "begun")
