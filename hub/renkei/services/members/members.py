"""What people ask about members: who there is, what they have, and why."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import UnknownMember
from renkei.ledger import history
from renkei.ledger.balance import channel_balance
from renkei.ledger.history import Standing
from renkei.ledger.loading import read_groups, read_homes, read_lots
from renkei.ledger.past import PastOf
from renkei.ledger.read_past import read_past
from renkei.loyalty.program import Program
from renkei.loyalty.tiers import looks_back, tier_at
from renkei.services.booking import Booking
from renkei.services.personal import masked, opened_names
from renkei.storage.trip import Rows, Statement, travel
from renkei_contracts.member import Identity, IdentityKind

LIST = """
SELECT m.member_id, m.available, m.pending, m.held, m.debt, m.version, p.state, k.wrapped, p.sealed
FROM member m JOIN member_profile p USING (member_id) LEFT JOIN member_key k USING (member_id)
ORDER BY m.member_id DESC LIMIT :limit"""

CARDS = """
SELECT member_id FROM identity WHERE kind = 'card' AND scope = '' AND blind = :blind
  AND valid_until IS NULL AND grade <> 'asserted'"""

RULES = """
SELECT v.document FROM member m JOIN program_version v USING (program_id)
WHERE m.member_id = :m AND v.in_force_from <= clock_timestamp() ORDER BY v.version DESC LIMIT 1"""

CHANNELS = """
SELECT connection_id, external_id, wanted_version, written_version, written_points, written_at,
       parked, last_error
FROM mirror WHERE member_id = :m ORDER BY connection_id"""

MOVES = """
SELECT a.member_id, a.lot, t.version, p.rule, t.event_at, t.recorded_at, a.d_pending,
       a.d_available, a.d_held, a.d_debt
FROM allocation a JOIN posting p USING (member_id, version, leg)
JOIN txn t USING (member_id, version)
WHERE a.member_id = ANY(CAST(:ids AS text[]))"""

PARTS = """
SELECT h.member_id, h.version, greatest(h.lapses_at, max(e.lapses_at)), d.end_version
FROM hold h LEFT JOIN hold_extension e USING (member_id, version)
LEFT JOIN hold_end d USING (member_id, version)
WHERE h.member_id = ANY(CAST(:ids AS text[])) GROUP BY h.member_id, h.version, d.end_version"""

# One home and one table each: a join is planned for the usual member, who has three entries, and
# then takes seconds for one who has ten thousand.
TRANSACTIONS = """
SELECT version, connection_id || '/' || order_ref, delivery_key, program_version, event_at,
       recorded_at, content ->> 'reasons'
FROM txn WHERE member_id = :m"""

POSTINGS = "SELECT version, leg, rule, amount FROM posting WHERE member_id = :m"

TOUCHED = """
SELECT version, leg, lot, d_pending, d_available, d_held, d_debt
FROM allocation WHERE member_id = :m ORDER BY version, n"""


@dataclass(frozen=True)
class MemberLine:
    """One member in a list; the name is masked."""

    member: str
    masked_name: str
    state: str
    available: int
    pending: int
    held: int
    debt: int
    version: int


@dataclass(frozen=True)
class Channel:
    """What one connection was told last, and what went wrong since."""

    connection: str
    external_id: str | None
    wanted_version: int
    written_version: int
    written_points: int | None
    written_at: datetime | None
    parked: bool
    last_error: str | None


@dataclass(frozen=True)
class MemberBalance:
    """A member's balance now, and every channel that mirrors it."""

    member: str
    spendable: int
    pending: int
    held: int
    debt: int
    version: int
    as_of: datetime
    by_expiry: tuple[tuple[str, int], ...]
    channels: tuple[Channel, ...]
    tier: str = ""


LotMove = tuple[int, ...]
"""What a posting did to one lot: lot, pending, available, held, debt."""


class Line(NamedTuple):
    """One posting of a statement: what it did to the spendable side, and the balance around it.

    ``home`` is the member of a group in whose books it stands, ``transaction`` its number there.
    ``before`` and ``after`` are available points less debt; ``lots`` is [lot, pending, available,
    held, debt] for each lot it touched.
    """

    home: str
    transaction: int
    rule: str
    amount: int
    before: int
    after: int
    order: str | None
    delivery: str | None
    program_version: int | None
    event_at: datetime
    recorded_at: datetime
    lots: tuple[LotMove, ...]
    reasons: tuple[str, ...]


async def list_members(booking: Booking, limit: int = 100) -> list[MemberLine]:
    """The newest members first, names masked."""
    async with booking.database.begin() as conn:
        rows = (await conn.execute(text(LIST), {"limit": limit})).all()
    return [
        MemberLine(row[0], _name(booking, row), row[6], row[1], row[2], row[3], row[4], row[5])
        for row in rows
    ]


def _name(booking: Booking, row: Any) -> str:
    if row[7] is None:
        return "（消去済み）"
    key = booking.ring.unwrap(row[0], bytes(row[7]))
    return masked(opened_names(booking.ring, key, row[0], bytes(row[8])))


async def find_member(booking: Booking, name: str) -> str:
    """The member id for an id or a card number; raises UnknownMember."""
    if name.startswith("mem_"):
        return name
    try:
        card = Identity(kind=IdentityKind.CARD, value=name)
    except ValidationError:
        raise UnknownMember("that is no card number; give one, or a member id (mem_…)") from None
    keys = booking.keyed([card])
    async with booking.database.begin() as conn:
        for (_, _, blind), _ in keys:
            found = (await conn.execute(text(CARDS), {"blind": blind})).scalar_one_or_none()
            if found is not None:
                return str(found)
    raise UnknownMember("no member has this card; give a card number or a member id (mem_…)")


async def balance(booking: Booking, member: str) -> MemberBalance:
    """What the member has now; raises UnknownMember."""
    async with booking.database.begin() as conn:
        group = (await read_groups(conn, [member])).get(member)
        if group is None:
            raise UnknownMember(f"no member {member}; see `renkei members`")
        now = (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one()
        document = (await conn.execute(text(RULES), {"m": member})).scalar_one()
        channels = (await conn.execute(text(CHANNELS), {"m": member})).all()
        rules = Program.model_validate(document)
        tier = await _tier(conn, member, rules, now)
    found = channel_balance(group, now, rules.clock, None)
    return MemberBalance(
        member=member,
        spendable=found.balance.spendable,
        pending=found.balance.pending,
        held=sum(lot.held for lot in group.lots),
        debt=group.debt,
        version=group.version,
        as_of=now,
        by_expiry=tuple((day.isoformat(), points) for day, points in found.by_expiry),
        channels=tuple(Channel(*row) for row in channels),
        tier=tier,
    )


async def _tier(conn: AsyncConnection, member: str, rules: Program, now: datetime) -> str:
    """The name of the tier the member has now, or empty."""
    tiers, zone = rules.tiers, rules.clock
    if not tiers.levels:
        return ""
    asked = PastOf(member, looks_back(tiers, now, zone), points=tiers.metric == "points")
    return tier_at(tiers, (await read_past(conn, asked)).sales, now, zone)


async def balance_at(
    booking: Booking, member: str, at: datetime, known_at: datetime | None = None
) -> Standing:
    """What the member's group had at an instant, as far as it was known by ``known_at``.

    ``known_at`` None: as far as it is known now. Raises UnknownMember. The group is today's.
    """
    async with booking.database.begin() as conn:
        group = (await read_groups(conn, [member])).get(member)
        if group is None:
            raise UnknownMember(f"no member {member}; see `renkei members`")
        ids = {"ids": [books.member for books in group.homes]}
        now = (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one()
        moves = (await conn.execute(text(MOVES), ids)).all()
        parts = (await conn.execute(text(PARTS), ids)).all()
        lots = await read_lots(conn, ids["ids"])
    moved = (history.Moved((row[0], row[1]), *row[2:]) for row in moves)
    held = (history.HoldPart(*row) for row in parts)
    return history.balance_at(lots, moved, held, at, known_at or now)


async def explain(booking: Booking, member: str) -> list[Line]:
    """Every posting of the member's group, oldest first: why the balance is what it is."""
    tables = (TRANSACTIONS, POSTINGS, TOUCHED)
    async with booking.database.begin() as conn:
        homes = await read_homes(conn, member)
        asked = [Statement(table, {"m": home}) for home in homes for table in tables]
        found = [answer.rows for answer in await travel(conn, asked)]
    told = zip(homes, found[0::3], found[1::3], found[2::3], strict=True)
    return _lines([leg for home in told for leg in _legs(*home)])


Leg = tuple[datetime, str, Any, Any, tuple[LotMove, ...]]
"""A posting to explain: when it was recorded, its home, both rows, and what it did to lots."""


def _legs(home: str, transactions: Rows, postings: Rows, touched: Rows) -> list[Leg]:
    """Few objects for each: a statement may have tens of thousands of lines."""
    entries = {row[0]: row for row in transactions}
    lots: dict[tuple[int, int], tuple[LotMove, ...]] = {}
    for row in touched:
        leg = row[:2]
        lots[leg] = (*lots[leg], row[2:]) if leg in lots else (row[2:],)
    return [
        ((entry := entries[row[0]])[5], home, entry, row, lots.get(row[:2], ()))
        for row in sorted(postings)
    ]


def _lines(legs: list[Leg]) -> list[Line]:
    """The balance runs over all homes, in the order in which they were booked."""
    legs.sort(key=itemgetter(0))
    read = lru_cache(maxsize=None)(_reasons)
    lines: list[Line] = []
    after = 0
    for recorded_at, home, entry, (version, _, rule, amount), moves in legs:
        _, order, delivery, rules, event_at, _, said = entry
        before = after
        for _, _, available, _, debt in moves:
            after += available + debt
        told = (order, delivery, rules, event_at, recorded_at, moves, read(said))
        lines.append(Line(home, version, rule, amount, before, after, *told))
    return lines


def _reasons(said: str) -> tuple[str, ...]:
    return tuple(orjson.loads(said))
