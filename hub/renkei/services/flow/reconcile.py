"""Reconciliation: orders, postings and the balances at the vendor, compared and never changed.

Every night, and whenever a person asks. It is a poll of its own: page after page, each kept, so
that it goes on where it was after a failure, and whatever process comes next.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import ClassVar
from zlib import crc32

import structlog

from renkei.connections.calling import call
from renkei.connections.opened import OpenConnection
from renkei.messaging import compared, drift, polls, reconciliations
from renkei.messaging.compared import Row
from renkei.messaging.drift import Drift, Listed, Shown, Tally
from renkei.messaging.polls import Claimed
from renkei.messaging.reason import ID_LENGTH, reason_of, storable
from renkei.services.flow.lanes import Tools, log_or_raise, together
from renkei_contracts.capability import Balances
from renkei_contracts.errors import PayloadInvalid, Reauthorize, TryLater
from renkei_contracts.toolkit.japanese import JST
from renkei_contracts.vendor import Vendor

log = structlog.get_logger(__name__)

NIGHT = time(2)
NIGHT_MINUTES = 180
"""Connections begin at any minute of the hours after NIGHT, always the same one."""

BACK = timedelta(days=2)
"""So much of what the last comparison read of the vendor's orders is read again."""

MOST_SHOWN = 2**53
"""Larger balances are no numbers of points: JSON has them rounded, and differences of them are not
to be kept."""

PHASES = ("orders", "books", "members")
END = ""
"""The cursor behind the last page."""


@dataclass(frozen=True)
class Page:
    """What one page found; ``after`` is where the next one of its phase begins (None: none)."""

    after: str | None = None
    tally: Tally = field(default_factory=Tally)
    drifts: Sequence[Drift] = ()


@dataclass(frozen=True)
class Reconcile:
    """Compares a connection. Failures are the poll's: the same page is read again."""

    tools: Tools

    TURN: ClassVar[timedelta] = timedelta(seconds=5)
    """How long it may go on before another poll of the connection has its turn."""

    SECONDS: ClassVar[float] = 20.0
    """A page must be compared before the lease ends."""

    async def read(self, opened: OpenConnection, claimed: Claimed) -> None:
        """Compare page after page; then rest as long as it took, or until the next night."""
        began = self.tools.clock()
        while claimed.cursor != END:
            phase, _, at = (claimed.cursor or f"{PHASES[0]}:").partition(":")
            page = await self._page(opened, claimed, phase, at)
            cursor = following(phase, page.after)
            now = self.tools.clock()
            resting = now + (now - began) if now - began > self.TURN else None
            if not await self._keep(claimed, page, cursor, now, resting):
                return
            claimed = claimed.at(cursor)

    async def _page(self, opened: OpenConnection, claimed: Claimed, phase: str, at: str) -> Page:
        if phase == "orders":
            return await self._orders(opened, claimed, at)
        if phase == "books":
            return await self._books(opened, at)
        return await self._members(opened, at)

    async def _keep(
        self, claimed: Claimed, page: Page, cursor: str, now: datetime, resting: datetime | None
    ) -> bool:
        """Keep what a page found, in the transaction that turns it; False: not to be gone on."""
        run = (claimed.connection, claimed.until)
        async with self.tools.database.begin() as conn:
            if not await polls.keep_page(conn, claimed, cursor, now):
                return False
            if claimed.cursor is None:
                await reconciliations.begin(conn, *run)
            await reconciliations.add(conn, *run, page.tally, page.drifts, now)
            if cursor == END:
                await reconciliations.end(conn, *run, claimed.window.since, now)
                await polls.finish(conn, claimed, next_night(now, claimed.connection), BACK)
            elif resting is not None:
                await polls.rest(conn, claimed, resting)
                return False
        return True

    async def _orders(self, opened: OpenConnection, claimed: Claimed, at: str) -> Page:
        """The vendor's list against the orders we have."""
        if opened.orders is None:
            return Page()
        what = f"connection {opened.id}: listing its orders"
        asked = opened.orders.changed(claimed.window, at or None)
        page = await call(what, asked, seconds=self.SECONDS)
        await self.tools.trouble.worked(opened)
        unread = [storable(id, ID_LENGTH) for id, _ in page.rejected]
        ids = [*(one.ref.id for one in page.items), *unread]
        async with self.tools.database.begin() as conn:
            kept = await compared.clocks(conn, opened.id, ids)
        now = self.tools.clock()
        listed = [Listed(one.ref.id, one.changed_at, kept.get(one.ref.id)) for one in page.items]
        found = [one for each in listed if (one := drift.of_listed(each, now))]
        found += [drift.of_unread(id, kept.get(id), now) for id in unread]
        return Page(page.cursor, Tally(listed=len(ids)), found)

    async def _books(self, opened: OpenConnection, at: str) -> Page:
        """What was posted for each order against what it was settled for."""
        async with self.tools.database.begin() as conn:
            booked = await compared.booked(conn, opened.id, at)
        found = [one for each in booked if (one := drift.of_booked(each))]
        tally = Tally(orders=len(booked), unexplained=drift.apart(found))
        whole = len(booked) == compared.ORDERS_A_PAGE
        return Page(booked[-1].order if whole else None, tally, found)

    async def _members(self, opened: OpenConnection, at: str) -> Page:
        """The balance of each member against what the vendor shows."""
        if opened.balances is None or opened.row.leads != "hub":
            return Page()
        async with self.tools.database.begin() as conn:
            named = await compared.members(conn, opened.id, at)
        if not named:
            return Page()
        ids = [member for member, _ in named]
        before = await self._rows(opened, ids)
        seen = await self._seen(opened, opened.balances, named)
        await self.tools.trouble.worked(opened)
        after = await self._rows(opened, ids)
        still = [one for one in ids if at_rest(before.get(one), after.get(one))]
        judged = judge(after, still, seen, self.tools.clock())
        more = ids[-1] if len(ids) == compared.MEMBERS_A_PAGE else None
        return Page(more, _tally(judged, len(ids)), judged[1])

    async def _rows(self, opened: OpenConnection, members: list[str]) -> dict[str, Row]:
        async with self.tools.database.begin() as conn:
            return await compared.rows_of(conn, opened.id, members, self.tools.clock())

    async def _seen(
        self, opened: OpenConnection, balances: Balances, named: Sequence[tuple[str, str | None]]
    ) -> dict[str, int | None]:
        """What the vendor shows for each, all within the lease."""
        asked = (points_shown(opened, balances, id) for _, id in named)
        what = f"connection {opened.id}: reading a page of balances"
        points = await call(what, together(asked), seconds=self.SECONDS)
        return {member: shown for (member, _), shown in zip(named, points, strict=True)}


async def points_shown(opened: OpenConnection, balances: Balances, id: str | None) -> int | None:
    """What the vendor shows; None where it shows none: one customer's trouble is not the others'.

    Raises what concerns the whole connection.
    """
    if id is None:
        return None
    try:
        points = await call(f"connection {opened.id}: reading a balance", balances.read(id))
        if abs(points) > MOST_SHOWN:
            raise PayloadInvalid(f"it shows {points:,} points, more than can be counted")
    except (TryLater, Reauthorize):
        raise
    except Exception as error:
        log_or_raise(error, connection=opened.id)
        log.info("balance_not_there", connection=opened.id, reason=reason_of(error))
        return None
    return points


def comparable(vendor: Vendor) -> bool:
    """Whether it has something that can be compared."""
    return vendor.orders is not None or vendor.balances is not None


def following(phase: str, after: str | None) -> str:
    """The cursor of the next page: of this phase, else of the next one; END: it was the last."""
    if after is not None:
        return f"{phase}:{after}"
    rest = PHASES[PHASES.index(phase) + 1 :]
    return f"{rest[0]}:" if rest else END


def next_night(now: datetime, connection: str) -> datetime:
    """The next instant at which this connection is compared, in Japan's night."""
    minutes = timedelta(minutes=crc32(connection.encode()) % NIGHT_MINUTES)
    tonight = datetime.combine(now.astimezone(JST).date(), NIGHT, JST) + minutes
    return tonight if tonight > now else tonight + timedelta(days=1)


def at_rest(before: Row | None, after: Row | None) -> bool:
    """Whether nothing was written, and nobody was about to, while the vendor was read."""
    if before is None or after is None or before.leased or after.leased:
        return False
    return (before.balance, before.written_at) == (after.balance, after.written_at)


def judge(
    rows: dict[str, Row], members: Sequence[str], seen: dict[str, int | None], now: datetime
) -> tuple[list[Shown], list[Drift]]:
    """What was compared of these members, and what differs."""
    every = [
        Shown(one, rows[one].balance, rows[one].written, seen[one], rows[one].unshown)
        for one in members
    ]
    still = [one for one in every if one.seen == one.balance or not drift.is_moving(one, now)]
    return still, [found for one in still if (found := drift.of_member(one, now))]


def _tally(judged: tuple[list[Shown], list[Drift]], members: int) -> Tally:
    still, drifts = judged
    return Tally(
        members=len(still),
        moving=members - len(still),
        explained=drift.agreed(still),
        unexplained=drift.apart(drifts),
    )
