"""Where an order is: received, decided, booked, shown in each channel, or given up and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import RequestInvalid, UnknownOrder
from renkei.ledger.loading import read_homes
from renkei.messaging import kept
from renkei.messaging.kept import Kept
from renkei.services.orders import order_steps as steps
from renkei.services.orders.order_steps import Standing, Step
from renkei.services.orders.told_of import ToldOf
from renkei.storage.engine import Database

SHOPS = "SELECT connection_id FROM connection ORDER BY 1"

NAMED = """
SELECT connection_id, order_ref FROM orders
WHERE connection_id = ANY(CAST(:shops AS text[])) AND order_ref = :name ORDER BY 1 LIMIT 10"""

# Numbers stand in no index: asked by a person, and only where no order has the name.
NUMBERED = """
SELECT connection_id, order_ref FROM orders
WHERE connection_id = ANY(CAST(:shops AS text[]))
  AND document ->> 'number' IN (:name, '#' || CAST(:name AS text)) ORDER BY 1, 2 LIMIT 10"""

ORDER = """
SELECT o.member_id, o.customer_id, o.same_connection, o.same_ref, o.doubt_connection, o.doubt_ref,
       o.placed_at < c.settles_from, coalesce(sum(s.earned), 0), coalesce(sum(s.redeemed), 0)
FROM orders o JOIN connection c USING (connection_id)
LEFT JOIN settled s USING (connection_id, order_ref)
WHERE connection_id = :c AND order_ref = :o
GROUP BY connection_id, order_ref, c.connection_id"""

REVISIONS = """
SELECT recorded_at, revision, delivery_key, document ->> 'state' FROM order_revision
WHERE connection_id = :c AND order_ref = :o ORDER BY revision"""

POSTINGS = """
SELECT t.recorded_at, t.member_id, t.version, t.delivery_key,
       string_agg(p.rule || ' ' || p.amount, ', ' ORDER BY p.leg), t.content ->> 'reasons'
FROM txn t JOIN posting p USING (member_id, version)
WHERE t.connection_id = :c AND t.order_ref = :o
GROUP BY t.member_id, t.version ORDER BY t.recorded_at, t.member_id, t.version"""

HINTED = """
SELECT changed_at, due, tries, dead, last_error, delivery_key FROM changed_object
WHERE connection_id = :c AND kind = 'order' AND object_id = :o"""

CHANNELS = """
SELECT r.connection_id, r.written_points, r.written_at, r.written_version >= r.wanted_version,
       r.wanted_since, r.parked, r.last_error, c.state,
       CASE WHEN c.open_until > now() THEN c.open_until END, c.leads = 'hub',
       r.written_version - m.version_lead, r.external_id IS NULL
FROM mirror r JOIN connection c USING (connection_id) JOIN member m USING (member_id)
WHERE r.member_id = ANY(CAST(:ids AS text[])) ORDER BY 1"""


@dataclass(frozen=True)
class OrderTrace:
    """One answer: what became of the order, and how, in the order in which it happened."""

    order: str
    answer: str
    member: str | None
    earned: int
    redeemed: int
    traces: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class FindOrder:
    """Follows one order through the hub; books nothing and asks no vendor."""

    database: Database
    told_of: ToldOf

    async def __call__(self, named: str) -> OrderTrace:
        """The order named as connection/order, or by its name or number alone.

        Raises UnknownOrder; RequestInvalid where several have the name.
        """
        async with self.database.begin() as conn:
            candidates = await _candidates(conn, named)
            found = await _found(conn, candidates)
        if len(found) > 1:
            every = ", ".join(f"{connection}/{order}" for connection, order in found)
            raise RequestInvalid("order", named, f"several have this name: {every}; name one")
        if found:
            return await self._of(*found[0])
        for connection, order in candidates:
            unread = await self._of(connection, order)
            if unread.steps:
                return unread
        raise UnknownOrder(
            f"no order {named}, and no delivery whose body is kept tells of it: look at the shop "
            "whether it was sent, and at `renkei connections` whether its deliveries come"
        )

    async def _of(self, connection: str, order: str) -> OrderTrace:
        name = {"c": connection, "o": order}
        async with self.database.begin() as conn:
            row = (await conn.execute(text(ORDER), name)).first()
            revisions = (await conn.execute(text(REVISIONS), name)).all()
            postings = (await conn.execute(text(POSTINGS), name)).all()
            hinted = (await conn.execute(text(HINTED), name)).first()
            homes = await read_homes(conn, row[0]) if row and row[0] else []
            channels = (await conn.execute(text(CHANNELS), {"ids": homes})).all()
            keys = ({one[2] for one in revisions} | {one[3] for one in postings}) - {None}
            deliveries = await kept.look(conn, connection, sorted(keys))
        told = await self._told(connection, order, keys, deliveries)
        alone = [one[2] for one in postings if homes == [one[1]]]
        every = [
            *steps.received(told),
            *steps.seen(connection, order, revisions),
            *steps.booked(connection, order, postings),
            *steps.hinted(connection, order, hinted),
            *steps.shown(channels, max(alone, default=None)),
        ]
        standing = Standing.of(row)
        return OrderTrace(
            order=f"{connection}/{order}",
            answer=steps.answer(standing, every),
            member=standing.member,
            earned=standing.earned,
            redeemed=standing.redeemed,
            traces=tuple(dict.fromkeys(one.trace for one in every if one.trace)),
            steps=tuple(sorted(every, key=steps.moment)),
        )

    async def _told(
        self, connection: str, order: str, keys: set[str], deliveries: Sequence[Kept]
    ) -> list[tuple[Kept, bool]]:
        """The deliveries that it was booked by, and others that tell of it."""
        others = [one for one in deliveries if one.key not in keys]
        told = await self.told_of.order(connection, order, others)
        return [(one, True) for one in deliveries if one.key in keys] + told


async def _candidates(conn: AsyncConnection, named: str) -> list[tuple[str, str]]:
    """(connection, order) that may be meant: a till's name for a sale may have a slash in it."""
    connection, slash, order = named.partition("/")
    shops = (await conn.execute(text(SHOPS))).scalars().all()
    if slash and connection in shops:
        return [(connection, order)]
    return [(shop, named) for shop in shops]


async def _found(
    conn: AsyncConnection, candidates: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The orders of this name; if there are none, of this number."""
    if not candidates:
        return []
    asked = {"shops": [shop for shop, _ in candidates], "name": candidates[0][1]}
    for statement in (NAMED, NUMBERED):
        if rows := (await conn.execute(text(statement), asked)).all():
            return [(row[0], row[1]) for row in rows]
    return []
