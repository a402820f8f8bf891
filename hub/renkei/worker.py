"""Working off what came in: deliveries, changed objects, polls, mirror rows, lapsed holds.

Each kind of work has its own loop, and every connection its own task within it, so that a slow
vendor delays nobody else. A loop wakes when something was committed here, or after a short while.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

import structlog

from renkei.connections import store
from renkei.connections.opened import OpenConnection
from renkei.messaging import changed, inbox, mirror, polls
from renkei.messaging.changed import ChangedObject
from renkei.messaging.inbox import Claimed
from renkei.messaging.polls import Poll
from renkei.services.ingest import Ingest
from renkei.services.push import Push
from renkei_contracts.errors import FixData, GiveUp, NotFound, RateLimited, Reauthorize, TryLater
from renkei_contracts.member import Member
from renkei_contracts.order import Order

if TYPE_CHECKING:
    from renkei.bootstrap import Hub

log = structlog.get_logger(__name__)

T = TypeVar("T")

IDLE_SECONDS = 0.2
POLL_EVERY = timedelta(seconds=60)
BATCH = 50
AT_ONCE = 8
"""How many things of one connection are worked on at the same time."""


@dataclass
class Worker:
    """The loops of one process. ``poll_every`` is how often each readable connection is polled."""

    hub: "Hub"
    poll_every: timedelta = POLL_EVERY
    owner: str = field(default_factory=lambda: secrets.token_hex(8))

    def __post_init__(self) -> None:
        hub = self.hub
        self.ingest = Ingest(hub.database, hub.connections, hub.booking)
        self.push = Push(hub.database, hub.ring, hub.connections)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; what is under way is finished."""
        rounds = (self.deliveries, self.changes, self.polls, self.mirrors, self.lapses)
        async with asyncio.TaskGroup() as group:
            for one in rounds:
                group.create_task(self._loop(one, stop), name=one.__name__)

    async def _loop(self, work: Callable[[], Awaitable[int]], stop: asyncio.Event) -> None:
        while not stop.is_set():
            waker = self.hub.wakers.register()
            try:
                done = await work()
            except Exception as error:
                # A database that is away for a moment must not end the loop.
                log.warning("work_failed", work=work.__name__, reason=type(error).__name__)
                done = 0
            if not done:
                await _first(waker.wait(), stop.wait(), within=IDLE_SECONDS)
            self.hub.wakers.forget(waker)

    async def deliveries(self) -> int:
        """Read what was delivered."""
        async with self.hub.database.begin() as conn:
            claimed = await inbox.claim(conn, self.hub.ring, self.owner, BATCH)
        await _by_connection(claimed, lambda one: one.delivery.connection, self._delivery)
        return len(claimed)

    async def _delivery(self, one: Claimed) -> None:
        try:
            state, reason = await self._read(one)
        except FixData as error:
            state, reason = "dead", str(error)
        except Exception as error:
            log.exception("delivery_failed", connection=one.delivery.connection, key=one.key)
            async with self.hub.database.begin() as conn:
                await inbox.try_again(conn, one, type(error).__name__)
            return
        async with self.hub.database.begin() as conn:
            await inbox.finish(conn, one, state, reason)

    async def _read(self, one: Claimed) -> tuple[str, str | None]:
        connection = await self.hub.connections.get(one.delivery.connection)
        if connection.webhooks is None:
            raise TryLater(f"the plugin of {connection.row.id} cannot be used now")
        seen = connection.webhooks.read(one.delivery)
        reasons = [await self.ingest.observe(each, delivery_key=one.key) for each in seen]
        ignored = [reason for reason in reasons if reason is not None]
        if len(ignored) == len(reasons):
            return "ignored", "; ".join(ignored) or "tells nothing"
        return "done", "; ".join(ignored) or None

    async def changes(self) -> int:
        """Read again what is said to have changed."""
        closed = await self._closed()
        async with self.hub.database.begin() as conn:
            claimed = await changed.claim(conn, self.owner, BATCH, closed)
        await _by_connection(claimed, lambda one: one.connection, self._change)
        return len(claimed)

    async def _change(self, one: ChangedObject) -> None:
        connection = await self.hub.connections.get(one.connection)
        try:
            await self._fetch(connection, one)
        except NotFound:
            log.info("changed_object_gone", connection=one.connection, kind=one.kind)
        except (TryLater, Reauthorize) as error:
            await self._failed(connection, error)
            async with self.hub.database.begin() as conn:
                await changed.try_again(conn, one, str(error), _asked_wait(error))
            return
        except (FixData, GiveUp) as error:
            async with self.hub.database.begin() as conn:
                await changed.give_up(conn, one, str(error))
            return
        except Exception as error:
            log.exception("change_failed", connection=one.connection, kind=one.kind)
            async with self.hub.database.begin() as conn:
                await changed.try_again(conn, one, type(error).__name__)
            return
        async with self.hub.database.begin() as conn:
            await changed.clear(conn, one)

    async def _fetch(self, connection: OpenConnection, one: ChangedObject) -> None:
        read_at = self.hub.clock()
        if one.kind == "order" and connection.orders is not None:
            await self.ingest.order(await connection.orders.fetch(one.id), read_at=read_at)
        elif one.kind == "member" and connection.members is not None:
            await self.ingest.member(await connection.members.fetch(one.id))
        else:
            raise GiveUp(f"{one.connection} cannot read a {one.kind}")

    async def polls(self) -> int:
        """Read one window of one connection that is due."""
        connections = await self.hub.connections.all()
        async with self.hub.database.begin() as conn:
            for connection in connections:
                for kind in ("orders", "members"):
                    if connection.has(kind):
                        since = connection.row.settles_from
                        await polls.ensure(conn, connection.row.id, kind, since)
            poll = await polls.claim(conn, self.owner, self._closed_of(connections))
        if poll is None:
            return 0
        await self._poll(poll)
        return 1

    async def _poll(self, poll: Poll) -> None:
        connection = await self.hub.connections.get(poll.connection)
        try:
            await self._pages(connection, poll)
        except Exception as error:
            if not isinstance(error, TryLater | Reauthorize):
                log.exception("poll_failed", connection=poll.connection, kind=poll.kind)
            await self._failed(connection, error)
            async with self.hub.database.begin() as conn:
                await polls.try_again(conn, poll, _asked_wait(error))
            return
        async with self.hub.database.begin() as conn:
            await polls.finish(conn, poll, self.poll_every)

    async def _pages(self, connection: OpenConnection, poll: Poll) -> None:
        reader = connection.orders if poll.kind == "orders" else connection.members
        if reader is None:
            raise TryLater(f"the plugin of {poll.connection} cannot be used now")
        cursor = poll.cursor
        while True:
            read_at = self.hub.clock()
            page = await reader.changed(poll.window(), cursor)
            await asyncio.gather(*(self._item(item, read_at) for item in page.items))
            for id, reason in page.rejected:
                log.warning("not_understood", connection=poll.connection, id=id, reason=reason)
            cursor = page.cursor
            if cursor is None:
                return
            async with self.hub.database.begin() as conn:
                if not await polls.advance(conn, poll, cursor):
                    raise TryLater("another process reads this window now")

    async def _item(self, item: Order | Member, read_at: datetime) -> None:
        if isinstance(item, Order):
            await self.ingest.order(item, read_at=read_at)
        else:
            await self.ingest.member(item)

    async def mirrors(self) -> int:
        """Write balances that channels do not show yet."""
        closed = await self._closed()
        async with self.hub.database.begin() as conn:
            claimed = await mirror.claim(conn, self.owner, BATCH, closed)
        await _by_connection(claimed, lambda one: one.connection, self.push.push)
        return len(claimed)

    async def lapses(self) -> int:
        """Book the end of holds whose time is over."""
        return await self.hub.booking.lapse_holds()

    async def _closed(self) -> list[str]:
        return self._closed_of(await self.hub.connections.all())

    def _closed_of(self, connections: Iterable[OpenConnection]) -> list[str]:
        now = self.hub.clock()
        return [one.row.id for one in connections if not one.may_call(now) or one.plugin is None]

    async def _failed(self, connection: OpenConnection, error: Exception) -> None:
        """Count it; a vendor that no longer knows us is told of once and left alone."""
        id, reason = connection.row.id, str(error)
        async with self.hub.database.begin() as conn:
            if isinstance(error, Reauthorize):
                if await store.set_state(conn, id, "needs_authorization", reason):
                    log.error("connection_needs_authorization", connection=id)
            elif isinstance(error, TryLater):
                await store.note_failure(conn, id, self.hub.clock(), reason)


def _asked_wait(error: Exception) -> timedelta | None:
    seconds = error.retry_after if isinstance(error, RateLimited) else None
    return timedelta(seconds=seconds) if seconds is not None else None


async def _by_connection(
    items: Sequence[T], key: Callable[[T], str], work: Callable[[T], Awaitable[None]]
) -> None:
    """Work on every connection's items beside the others', a few of each at a time."""
    groups = [list(group) for _, group in groupby(sorted(items, key=key), key=key)]
    await asyncio.gather(*(_a_few_at_once(group, work) for group in groups))


async def _a_few_at_once(items: Sequence[T], work: Callable[[T], Awaitable[None]]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> None:
        async with gate:
            await work(item)

    await asyncio.gather(*(one(item) for item in items))


async def _first(*waits: Awaitable[object], within: float) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def run_worker(
    hub: "Hub", stop: asyncio.Event, *, poll_every: timedelta = POLL_EVERY
) -> None:
    """Run this process's worker until ``stop``."""
    await Worker(hub, poll_every).run(stop)
