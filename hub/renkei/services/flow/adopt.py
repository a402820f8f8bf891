"""What somebody gave or took at the vendor by hand is booked: an adjustment, on command, once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from renkei.connections.opened import OpenConnection, OpenConnections
from renkei.errors import BookingRefused, KeyReused
from renkei.ledger.books import Channel
from renkei.ledger.entry import digest_of, micros
from renkei.messaging import elsewhere, reconciliations
from renkei.messaging.drift import ORDER_ON_ITS_WAY
from renkei.messaging.elsewhere import Change
from renkei.services.booking import Booking
from renkei.services.flow.lanes import together
from renkei.services.flow.reconcile import points_shown
from renkei.services.points.corrections import Adjust
from renkei_contracts.base import MAX_AMOUNT
from renkei_contracts.point import Adjustment


class Adopted(NamedTuple):
    """Members whose points were changed there, the points given and taken, who must wait, who would
    have or owe more points than can be counted, and from whom points were taken and not booked."""

    members: int = 0
    given: int = 0
    taken: int = 0
    too_new: int = 0
    beyond: int = 0
    left: int = 0


@dataclass(frozen=True)
class Adopt:
    """Books what the newest comparison of a connection found changed elsewhere.

    A purchase changes the vendor's balance, too, and may be told later. So all that is known of
    the connection's orders must be settled, and a change must have stood for as long as an order
    may be on its way.

    What was taken is booked only where somebody says so: it may be a checkout that is no order yet,
    or a shop that has lost what it knew of its members and shows nothing.
    """

    booking: Booking
    connections: OpenConnections

    async def adopt(self, connection: str, by: str, *, taken: bool = False) -> Adopted:
        """``by`` is who decided it, ``taken`` whether what was taken counts as well.

        Raises BookingRefused while orders are not settled.
        """
        database, opened = self.booking.database, await self.connections.get(connection)
        async with database.begin() as conn:
            (newest,) = await reconciliations.newest(conn, connection)
            stood = newest.began_at - ORDER_ON_ITS_WAY
            waiting = await elsewhere.unread(conn, connection, newest.began_at)
        if waiting:
            raise BookingRefused(
                "orders_not_settled",
                f"{waiting} orders or deliveries of {connection} are not settled: what they "
                f"changed would be booked twice; see `renkei queue {connection}`, or --repair",
            )
        done, after = Adopted(), ""
        while True:
            async with database.begin() as conn:
                page = await elsewhere.changes(conn, connection, after)
            if not page:
                return done
            after = page[-1].member
            old = [one for one in page if one.told and one.since <= stood]
            stand = await _still(opened, old)
            ready = [one for one in stand if one.points > 0 or taken]
            booked = await self._book(connection, ready, by)
            points = [one.points for one in booked]
            more = Adopted(
                members=len(booked),
                given=sum(one for one in points if one > 0),
                taken=-sum(one for one in points if one < 0),
                too_new=len(page) - len(stand),
                beyond=len(ready) - len(booked),
                left=len(stand) - len(ready),
            )
            done = Adopted(*map(sum, zip(done, more, strict=True)))

    async def _book(self, connection: str, ready: Sequence[Change], by: str) -> list[Change]:
        """Gives what is booked: one that cannot be is in nobody's way."""
        if not ready:
            return []
        fits = await together(self._fits(connection, one, by) for one in ready)
        booked = [one for one, fit in zip(ready, fits, strict=True) if fit]
        async with self.booking.database.begin() as conn:
            await elsewhere.forget(conn, connection, booked)
        return booked

    async def _fits(self, connection: str, change: Change, by: str) -> bool:
        """Book it; False where its member would have or owe too many points."""
        if abs(change.points) > MAX_AMOUNT:
            return False
        ask, there = _adjustment(connection, change, by), Channel(connection)
        try:
            await self.booking.committer.submit(Adjust(ask, self.booking.ring, there))
        except KeyReused:  # by somebody else's order, at the same time
            return True
        except BookingRefused:
            return False
        return True


async def _still(opened: OpenConnection, page: Sequence[Change]) -> list[Change]:
    """Those that are what they were: the comparison of a large shop may have been hours ago."""
    if opened.balances is None:
        return []
    now = await together(points_shown(opened, opened.balances, one.id) for one in page)
    return [one for one, shown in zip(page, now, strict=True) if shown == one.shown]


def _adjustment(connection: str, change: Change, by: str) -> Adjustment:
    """Named by what was found, so that it is booked once however often it is ordered."""
    return Adjustment(
        member=change.member,
        key=_key(connection, change),
        points=change.points,
        reason=f"changed at {connection}",
        by=by,
        occurred=True,
    )


def _key(connection: str, change: Change) -> str:
    named = {"connection": connection, "member": change.member, "since": micros(change.since)}
    return f"elsewhere/{digest_of(named).hex()}"
