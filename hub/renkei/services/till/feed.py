"""The change feed a register polls: gapless numbers, in the order of the commits.

The head's row lock is held until the commit: a number that can be read has no smaller one that is
still to come, however slow the transaction that took it.
"""

import asyncio
import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import TillRefused
from renkei.ledger.journal import FEED_LANE
from renkei.services.refusals import refused
from renkei.services.till.feed_head import NO_MARKS, FeedHead
from renkei.services.till.feed_marks import Marks
from renkei.services.till.feed_objects import Names, objects
from renkei.services.till.till_terminal import Terminal
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei.storage.wakers import Wakers
from renkei_contracts.feed import KINDS, ChangePage, SnapshotPage

CHANGES = """
SELECT h.seq, f.feed_seq, f.kind, f.object_id FROM feed_head h
LEFT JOIN LATERAL (
  SELECT feed_seq, kind, object_id FROM feed
  WHERE lane = h.lane AND feed_seq > :after AND feed_seq <= least(h.seq, :until)
    AND kind = ANY(:kinds)
  ORDER BY feed_seq LIMIT :limit) f ON true
WHERE h.lane = :lane ORDER BY f.feed_seq"""

FARTHEST = 10_000
"""Changes of any kind that one page looks through for those that are asked for."""

MEMBERS_AFTER = """
SELECT member_id FROM member_profile WHERE member_id > :after ORDER BY member_id LIMIT :limit"""

COUPONS_OF = "SELECT code FROM coupon WHERE member_id = ANY(:ids) ORDER BY member_id, code"

OWN_STORES = """
SELECT DISTINCT connection_id || '/' || store FROM store_setting
WHERE connection_id = :c ORDER BY 1"""

CURSOR = re.compile("f([0-9]{1,10}):([0-9]{1,18})")
"""A restore's mark, and a number of the feed."""

LOOK_EVERY = 1.0
"""Seconds between looks of a long poll: what another process committed wakes nobody here."""


@dataclass(frozen=True)
class Feed:
    """One register's reading of the feed; ``types`` are the kinds of change it wants."""

    database: Database
    ring: KeyRing
    terminal: Terminal
    types: frozenset[str]
    head: FeedHead

    async def changes(self, cursor: str | None, limit: int) -> ChangePage:
        """Changes after the cursor, each thing once and as it is now; raises TillRefused."""
        after = position(cursor, self.head.marks)
        until = after + FARTHEST
        values = {"lane": FEED_LANE, "after": after, "until": until, "limit": limit + 1}
        async with self.database.begin() as conn:
            rows = (await conn.execute(text(CHANGES), values | {"kinds": list(self.types)})).all()
            head = rows[0][0]
            if head < after:
                raise refused("cursor_unknown")  # of a database that is not this one any more
            page = [row[1:] for row in rows[:limit] if row[1] is not None]
            newest = dict.fromkeys((row[1], row[2]) for row in reversed(page))
            data = await objects(conn, self.ring, self.terminal, list(reversed(newest)))
        last = page[-1][0] if len(rows) > limit else min(head, until)
        next_cursor = cursor_of(last, self.head.marks)
        return ChangePage(data=data, next_cursor=next_cursor, has_more=last < head)

    def knows_all(self, cursor: str | None, tags: Iterable[str]) -> bool:
        """Whether nothing that is asked for is newer than this cursor, and one of these tags.

        A tag may outlive its cursor: alone it says nothing. As of when the caller was looked up, or
        of the end of wait(). Raises TillRefused.
        """
        newest = self.head.known(self.types)
        if not newest <= position(cursor, self.head.marks) <= self.head.end:
            return False
        places = (_place_of(tag, self.head.marks) for tag in tags)
        return any(newest <= place for place in places if place is not None)

    async def wait(
        self, cursor: str | None, seconds: float, wakers: Wakers, leaving: asyncio.Event
    ) -> None:
        """Until something is there after the cursor, or this process stops, or for so long."""
        after, woken = position(cursor, self.head.marks), wakers.register()
        end = asyncio.get_running_loop().time() + seconds
        try:
            while await self.head.newest(self.types) <= after:
                left = end - asyncio.get_running_loop().time()
                if left <= 0 or leaving.is_set():
                    return
                woken.clear()
                await _either(woken, min(left, LOOK_EVERY))
        finally:
            wakers.forget(woken)

    async def snapshot(self, token: str | None, limit: int) -> SnapshotPage:
        """Everything a register keeps a copy of, members in the order of their ids."""
        cursor, after = _place(token, self.head.marks) if token else (await self._end(), "")
        async with self.database.begin() as conn:
            values = {"after": after, "limit": limit + 1}
            members = (await conn.execute(text(MEMBERS_AFTER), values)).scalars().all()
            wanted: Names = [] if token else await self._masters(conn)
            page = members[:limit]
            wanted += [(kind, one) for one in page for kind in ("member", "balance")]
            codes = (await conn.execute(text(COUPONS_OF), {"ids": list(page)})).scalars().all()
            wanted += [("coupon", code) for code in codes]
            data = await objects(
                conn, self.ring, self.terminal, [one for one in wanted if one[0] in self.types]
            )
        more = len(members) > limit
        leads_on = _token(cursor, page[-1]) if more else None
        return SnapshotPage(data=data, next=leads_on, cursor=cursor)

    async def _end(self) -> str:
        """Where the feed ends, of whatever kind."""
        return cursor_of(await self.head.newest(frozenset(KINDS)), self.head.marks)

    async def _masters(self, conn: AsyncConnection) -> Names:
        """The program's rules and the connection's stores, on the first page."""
        stores = await conn.execute(text(OWN_STORES), {"c": self.terminal.connection})
        return [("rule", ""), *(("store", name) for name in stores.scalars())]


def _place_of(tag: str, marks: Marks) -> int | None:
    """A tag is a cursor; one of nobody's is none."""
    try:
        return position(tag, marks)
    except TillRefused:
        return None


async def _either(woken: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await woken.wait()
    except TimeoutError:
        return


def cursor_of(seq: int, marks: Marks = NO_MARKS) -> str:
    """The opaque mark of how far a reader has come."""
    return _text(f"f{marks.newest}:{seq}")


def position(cursor: str | None, marks: Marks = NO_MARKS) -> int:
    """The number a cursor stands for; raises TillRefused."""
    if cursor is None:
        return 0
    found = CURSOR.fullmatch(_read(cursor))
    if found is None or not marks.knows(int(found[1]), int(found[2])):
        raise refused("cursor_unknown")
    return int(found[2])


def _token(cursor: str, member: str) -> str:
    return _text(f"s:{cursor}:{member}")


def _place(token: str, marks: Marks) -> tuple[str, str]:
    kind, _, rest = _read(token).partition(":")
    cursor, _, member = rest.partition(":")
    if kind != "s" or not member:
        raise refused("cursor_unknown")
    position(cursor, marks)
    return cursor, member


def _text(said: str) -> str:
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def _read(mark: str) -> str:
    try:
        said = base64.urlsafe_b64decode(mark + "=" * (-len(mark) % 4)).decode()
    except (ValueError, binascii.Error) as error:
        raise refused("cursor_unknown") from error
    if "\0" in said:
        raise refused("cursor_unknown")
    return said
