"""What the judge looks at: the books as they were at every version, read from the log of postings.

Computed here once more and in another way than the ledger does: balances are sums over
allocations up to a version, and nothing of ``ledger.lots`` or ``ledger.holds`` is used.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.books import HoldName
from renkei.ledger.keys import OrderKey

ALLOCATIONS = """
SELECT member_id, version, lot, d_available, d_held, d_debt FROM allocation
ORDER BY member_id, version, n"""

LOTS = "SELECT member_id, lot, usable_from, expires_at FROM lot"

HOLDS = """
SELECT h.member_id, h.version, h.amount, h.lapses_at, e.end_version, h.lead_member, h.lead_version
FROM hold h LEFT JOIN hold_end e USING (member_id, version)"""

REDEEMED = """
SELECT member_id, version, connection_id, order_ref,
       sum(CASE WHEN destination = 'redeemed' THEN amount ELSE -amount END)
FROM txn JOIN posting USING (member_id, version)
WHERE 'redeemed' IN (source, destination) AND order_ref IS NOT NULL GROUP BY 1, 2, 3, 4"""

SETTLED = "SELECT member_id, connection_id, order_ref, earned, redeemed FROM settled"

OTHERS = """
SELECT member_id, sum(CASE source WHEN 'adjusted' THEN amount WHEN 'imported' THEN amount
                      WHEN 'exchanged' THEN amount ELSE -amount END)
FROM posting WHERE source IN ('adjusted', 'imported', 'exchanged')
                OR destination IN ('adjusted', 'imported', 'exchanged') GROUP BY 1"""

QUOTAS = 'SELECT scope, period, "limit", used FROM quota'

BALANCES = """
SELECT member_id, available + pending + held + debt,
       (SELECT coalesce(sum(expired), 0) FROM lot WHERE lot.member_id = member.member_id)
FROM member"""


class Move(NamedTuple):
    """What one transaction did to one lot (0: debt)."""

    version: int
    lot: int
    available: int
    held: int
    debt: int


class HoldFacts(NamedTuple):
    """A hold's part in one home: placed and ended by these versions (None: open)."""

    version: int
    amount: int
    lapses_at: datetime
    end_version: int | None
    lead_member: str
    lead_version: int

    @property
    def name(self) -> HoldName:
        """The hold's name."""
        return (self.lead_member, self.lead_version)

    def open_at(self, version: int) -> bool:
        """Whether it was open when the member's books stood at this version."""
        ended = self.end_version is not None and self.end_version <= version
        return self.version <= version and not ended


@dataclass
class Books:
    """Everything that was ever posted for one member."""

    moves: list[Move] = field(default_factory=list)
    lots: dict[int, tuple[datetime | None, datetime | None]] = field(default_factory=dict)
    holds: list[HoldFacts] = field(default_factory=list)
    redeemed: list[tuple[int, OrderKey, int]] = field(default_factory=list)

    def ready(self, version: int, now: datetime) -> int:
        """What was usable then, also of lapsed holds, less debt; below zero where more is owed."""
        lapsed = {
            hold.version for hold in self.holds if hold.open_at(version) and hold.lapses_at <= now
        }
        sums: dict[int, int] = defaultdict(int)
        debt = 0
        for move in self.moves:
            if move.version > version:
                break
            sums[move.lot] += move.available + (move.held if move.version in lapsed else 0)
            debt += move.debt
        return debt + sum(n for lot, n in sums.items() if lot and self._alive(lot, now))

    def held(self, hold: HoldName, version: int, now: datetime) -> int:
        """What the hold of this name still kept aside here then."""
        found = (one for one in self.holds if one.name == hold)
        return sum(one.amount for one in found if one.open_at(version) and one.lapses_at > now)

    def redeemed_by(self, order: OrderKey, version: int) -> int:
        """What the order had redeemed from here then."""
        return sum(n for at, key, n in self.redeemed if key == order and at <= version)

    def _alive(self, lot: int, now: datetime) -> bool:
        begins, ends = self.lots[lot]
        return begins is not None and begins <= now and (ends is None or now < ends)


@dataclass
class Evidence:
    """The books by home, what is posted by order, the balances and quotas at the end.

    ``others`` is what corrections gave a home, less what they took.
    """

    books: dict[str, Books]
    settled: dict[tuple[str, OrderKey], tuple[int, int]]
    balances: Mapping[str, tuple[int, int]]
    others: Mapping[str, int]
    quotas: Mapping[tuple[str, str], tuple[int, int]]


async def read_evidence(conn: AsyncConnection) -> Evidence:
    """Read it in one consistent view of the database."""
    return Evidence(
        books=await _books(conn),
        settled={(row[0], (row[1], row[2])): (row[3], row[4]) for row in await _all(conn, SETTLED)},
        balances={row[0]: (row[1], int(row[2])) for row in await _all(conn, BALANCES)},
        others={row[0]: int(row[1]) for row in await _all(conn, OTHERS)},
        quotas={(row[0], row[1]): (row[2], row[3]) for row in await _all(conn, QUOTAS)},
    )


async def _books(conn: AsyncConnection) -> dict[str, Books]:
    books: dict[str, Books] = defaultdict(Books)
    for member, *move in await _all(conn, ALLOCATIONS):
        books[member].moves.append(Move(*move))
    for member, lot, begins, ends in await _all(conn, LOTS):
        books[member].lots[lot] = (begins, ends)
    for member, *hold in await _all(conn, HOLDS):
        books[member].holds.append(HoldFacts(*hold))
    for member, version, connection, ref, amount in await _all(conn, REDEEMED):
        books[member].redeemed.append((version, (connection, ref), int(amount)))
    return books


async def _all(conn: AsyncConnection, statement: str) -> Sequence[Any]:
    return (await conn.execute(text(statement))).all()
