"""What somebody gave or took at the vendor by hand is booked: an adjustment, on command, once."""

from collections.abc import Sequence
from dataclasses import dataclass

from renkei.errors import BookingRefused
from renkei.ledger.entry import digest_of, micros
from renkei.messaging import elsewhere, reconciliations
from renkei.messaging.drift import ORDER_ON_ITS_WAY
from renkei.messaging.elsewhere import Change
from renkei.services.booking import Booking
from renkei.services.corrections import Adjust
from renkei.services.lanes import together
from renkei_contracts.point import Adjustment


@dataclass(frozen=True)
class Adopted:
    """Members whose points were changed there, the points given and taken, and who must wait."""

    members: int = 0
    given: int = 0
    taken: int = 0
    too_new: int = 0


@dataclass(frozen=True)
class Adopt:
    """Books what the newest comparison of a connection found changed elsewhere.

    A purchase changes the vendor's balance, too, and may be told later. So all that is known of
    the connection's orders must be settled, and a change must have stood for as long as an order
    may be on its way.
    """

    booking: Booking

    async def adopt(self, connection: str, by: str) -> Adopted:
        """``by`` is who decided it. Raises BookingRefused while orders are not settled."""
        database = self.booking.database
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
            ready = [one for one in page if one.told and one.since <= stood]
            await self._book(connection, ready, by)
            done = _with(done, ready, len(page) - len(ready))

    async def _book(self, connection: str, ready: Sequence[Change], by: str) -> None:
        if not ready:
            return
        asks = [_adjustment(connection, one, by) for one in ready]
        submit = self.booking.committer.submit
        await together(submit(Adjust(ask, self.booking.ring)) for ask in asks)
        async with self.booking.database.begin() as conn:
            await elsewhere.forget(conn, connection, ready)


def _with(done: Adopted, ready: Sequence[Change], too_new: int) -> Adopted:
    points = [one.points for one in ready]
    return Adopted(
        done.members + len(ready),
        done.given + sum(one for one in points if one > 0),
        done.taken - sum(one for one in points if one < 0),
        done.too_new + too_new,
    )


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
