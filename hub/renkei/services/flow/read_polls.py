"""The lane of polls: page after page of what changed at a vendor, each page booked as it comes."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

import structlog

from renkei.connections.calling import call
from renkei.connections.opened import OpenConnection
from renkei.messaging import changed, polls
from renkei.messaging.changed import Hint
from renkei.messaging.lost import ENDS_WORKERS
from renkei.messaging.polls import Claimed, Kind, NewPoll
from renkei.messaging.reason import reason_of
from renkei.messaging.retry import LONGEST_PAUSE, pause
from renkei.services.flow import recheck
from renkei.services.flow.ingest import Cause, Told, write_down
from renkei.services.flow.lanes import Tools, log_or_raise, one_by_one, together
from renkei.services.flow.read_facts import ReadFacts
from renkei.services.flow.recheck import Recheck
from renkei.services.flow.reconcile import Reconcile, comparable, next_night
from renkei_contracts.capability import OrderHistory
from renkei_contracts.errors import PayloadInvalid, Reauthorize, TryLater, UnsupportedFeature
from renkei_contracts.event import MemberSeen, OrderSeen
from renkei_contracts.member import Member
from renkei_contracts.order import Order
from renkei_contracts.paging import Page

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ReadPolls:
    """Polls a connection's orders and members, every ``interval``, ``overlap`` before the last.

    Its facts, too, once a day, and its past, where that is asked for; its check every hour. At
    night it is compared.
    """

    tools: Tools
    interval: timedelta = polls.INTERVAL
    overlap: timedelta = polls.OVERLAP

    TURN: ClassVar[timedelta] = timedelta(seconds=20)
    """How long one window may be read before another kind has its turn."""

    PAGE_SECONDS: ClassVar[float] = 20.0
    """A page may take several calls; it must be booked, too, before the lease ends."""

    TRIES: ClassVar[int] = 3
    """Of one page, before its window is read from the start: what was read is read again."""

    ASIDE: ClassVar[timedelta] = timedelta(hours=1)
    """How long what ends its workers is left alone before it is tried once more."""

    async def begin(self, opened: OpenConnection) -> None:
        """Poll whatever this connection can tell, from its first settled instant on."""
        since, now = opened.row.settles_from, self.tools.clock()
        new = [NewPoll(opened.id, "order", since)] if opened.vendor.orders is not None else []
        new += [NewPoll(opened.id, "member", since)] if opened.vendor.members is not None else []
        new += [NewPoll(opened.id, "fact", since)] if opened.vendor.facts is not None else []
        # It was checked when it was connected.
        later = now + recheck.EVERY
        new += [NewPoll(opened.id, "check", since, later)] if opened.vendor.check else []
        if comparable(opened.vendor):
            new.append(NewPoll(opened.id, "reconcile", since, next_night(later, opened.id)))
        async with self.tools.database.begin() as conn:
            await polls.ensure(conn, new, now)

    async def work(self, connection: str, kind: Kind | None = None) -> int:
        """One window's pages, of any kind or of this; gives how many windows.

        Raises what concerns the connection.
        """
        opened = await self.tools.connections.get(connection)
        async with self.tools.database.begin_often() as conn:
            now = self.tools.clock()
            taken = await polls.claim(conn, connection, self.tools.owner, now, kind=kind)
        for one in taken.claimed:
            await self._one(opened, one)
        if taken.suspects:
            return len(taken.claimed) + await self._suspects(opened, kind)
        return len(taken.claimed)

    async def _suspects(self, opened: OpenConnection, kind: Kind | None) -> int:
        return await one_by_one(
            self.tools,
            opened.id,
            claim=partial(polls.claim_suspect, kind=kind),
            work=partial(self._one, opened),
            give_up=self._set_aside,
        )

    async def _set_aside(self, claimed: Claimed) -> None:
        told = {"connection": claimed.connection, "kind": claimed.kind}
        log.warning("poll_failed", **told, reason=ENDS_WORKERS)
        async with self.tools.database.begin() as conn:
            await polls.set_aside(conn, claimed, self.tools.clock() + self.ASIDE)

    async def _one(self, opened: OpenConnection, claimed: Claimed) -> None:
        try:
            await self._read_all(opened, claimed)
        except Exception as error:
            log_or_raise(error, connection=opened.id, kind=claimed.kind)
            await self.tools.trouble.failed(opened, error)
            await self._failed(claimed, error)

    async def _read_all(self, opened: OpenConnection, claimed: Claimed) -> None:
        if claimed.kind == "fact":
            return await ReadFacts(self.tools).read(opened, claimed)
        if claimed.kind == "check":
            return await Recheck(self.tools).look(opened, claimed)
        if claimed.kind == "reconcile":
            return await Reconcile(self.tools).read(opened, claimed)
        return await self._pages(opened, claimed)

    async def _pages(self, opened: OpenConnection, claimed: Claimed) -> None:
        ends = self.tools.clock() + self.TURN
        while True:
            page = await self._page(opened, claimed)
            now, count = self.tools.clock(), len(page.items) + len(page.rejected)
            async with self.tools.database.begin() as conn:
                if page.cursor is None:
                    due = now if claimed.is_backfill else now + self.interval
                    return await polls.finish(conn, claimed, due, self.overlap, count)
                if not await polls.keep_page(conn, claimed, page.cursor, now, count):
                    return None
                if now > ends:
                    return await polls.rest(conn, claimed, now)
            claimed = claimed.at(page.cursor)

    async def _page(self, opened: OpenConnection, claimed: Claimed) -> Page[Any]:
        """Read and book one page."""
        began = self.tools.clock()
        page = await self._read(opened, claimed)
        await self.tools.trouble.worked(opened)
        if page.cursor is not None and page.cursor == claimed.cursor:
            raise PayloadInvalid(f"connection {opened.id}: the next page is this page again")
        told = [Told() for _ in page.items]
        seen = [_seen(item) for item in page.items]
        # A file of a long past says what was so when the vendor began it, behind the window's end.
        cause = Cause(claimed.until if _history(opened, claimed) else began, read=True)
        await together(
            self._book(opened, claimed, one, cause, note)
            for one, note in zip(seen, told, strict=True)
        )
        async with self.tools.database.begin() as conn:
            await write_down(conn, told, self.tools.clock())
            dead = await changed.bury(conn, opened.id, claimed.objects, page.rejected, began)
            ids = [item.ref.id for item in page.items]
            await changed.understood(conn, opened.id, claimed.objects, ids)
        of_page = {"connection": opened.id, "kind": claimed.objects}
        for id, reason in dead:
            log.warning("object_dead", **of_page, id=id, reason=reason)
        return page

    async def _read(self, opened: OpenConnection, claimed: Claimed) -> Page[Any]:
        reader = opened.orders if claimed.objects == "order" else opened.members
        what = f"connection {opened.id}: polling {claimed.objects}s"
        if reader is None:
            raise UnsupportedFeature(f"{what}: the plugin {opened.row.vendor} cannot")
        history = _history(opened, claimed)
        read = history.past if history else reader.changed
        return await call(what, read(claimed.window, claimed.cursor), seconds=self.PAGE_SECONDS)

    async def _book(
        self,
        opened: OpenConnection,
        claimed: Claimed,
        seen: OrderSeen | MemberSeen,
        cause: Cause,
        told: Told,
    ) -> None:
        """Book one; what fails for a reason of its own is read again by itself."""
        try:
            await self.tools.ingest.observe(opened, seen, cause, told)
        except (TryLater, Reauthorize):
            raise
        except Exception as error:
            log_or_raise(error, connection=opened.id, kind=claimed.kind)
            log.warning("poll_item_set_aside", connection=opened.id, reason=reason_of(error))
            told.hints.append(Hint(opened.id, claimed.objects, _id(seen), cause.at))

    async def _failed(self, claimed: Claimed, error: Exception) -> None:
        """A cursor that the vendor no longer takes must not stop the poll for ever."""
        tries = claimed.failures + 1
        refused = claimed.cursor is not None and not isinstance(error, TryLater | Reauthorize)
        stale = refused and tries >= self.TRIES
        due = self.tools.clock() + (LONGEST_PAUSE if stale else pause(tries))
        log.warning("poll_failed", connection=claimed.connection, reason=reason_of(error))
        async with self.tools.database.begin() as conn:
            await polls.fail(conn, claimed, due, from_start=stale)


def _history(opened: OpenConnection, claimed: Claimed) -> OrderHistory | None:
    """How the vendor hands out a long past, where this is one and it has a way of its own."""
    orders: object = opened.orders
    wanted = claimed.is_backfill and claimed.objects == "order"
    return orders if wanted and isinstance(orders, OrderHistory) else None


def _seen(item: Order | Member) -> OrderSeen | MemberSeen:
    return OrderSeen(order=item) if isinstance(item, Order) else MemberSeen(member=item)


def _id(seen: OrderSeen | MemberSeen) -> str:
    return seen.order.ref.id if isinstance(seen, OrderSeen) else seen.member.ref.id
