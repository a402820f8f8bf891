"""Mirror rows: the balance each channel is to show, and how far that is done.

Only the newest balance is ever written, so that missed ones need no replay. A write that changes
instead of setting is announced first (``intent``), and each starts with a fresh read.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging.lost import LOST, SUSPECT, TOGETHER, Taken, take, take_one
from renkei.messaging.reason import storable
from renkei.storage.trip import Statement, as_json, travel
from renkei_contracts.event import BalanceSeen
from renkei_contracts.point import Balance, BalanceWrite

LEASE = timedelta(seconds=30)

UNSURE = timedelta(seconds=30)
"""Rest after a change whose outcome is unknown: the vendor may be about to act on it still."""

WAITS = """
connection_id = :c AND NOT parked AND due <= :now
AND (written_version < wanted_version OR next_change_at <= :now)
AND (leased_until IS NULL OR leased_until <= :now)"""


def _claim(which: str) -> str:
    return f"""
WITH picked AS (
    SELECT connection_id, member_id FROM mirror WHERE {WAITS} AND {which}
    ORDER BY due LIMIT :limit FOR UPDATE SKIP LOCKED)
UPDATE mirror m
SET owner = :owner, leased_until = :now + CAST(:lease AS interval), tries = m.tries + 1,
    lost = {LOST}
FROM picked p WHERE (m.connection_id, m.member_id) = (p.connection_id, p.member_id)
RETURNING m.connection_id, m.member_id, m.external_id, m.written_points, m.intent, m.tries,
          m.written_version, m.lost"""


CLAIM = _claim(TOGETHER)

CLAIM_SUSPECTS = _claim(SUSPECT)

SUSPECTS_WAIT = f"SELECT EXISTS (SELECT FROM mirror WHERE {WAITS} AND {SUSPECT})"

OURS = "connection_id = :c AND member_id = :m AND owner = :owner AND tries = :tries"

INTEND = """
UPDATE mirror SET intent = x.intent, seen_points = x.seen, seen_at = :now
FROM json_to_recordset(CAST(:p AS json)) AS x(c text, m text, owner text, tries int,
    intent json, seen bigint)
WHERE (mirror.connection_id, mirror.member_id) = (x.c, x.m) AND mirror.owner = x.owner
  AND mirror.tries = x.tries AND mirror.leased_until > :now
RETURNING mirror.connection_id, mirror.member_id"""

# Who waits longest is first, so due follows what the row waits for: a balance that came meanwhile,
# or the moment at which time changes it.
WRITTEN = """
UPDATE mirror SET written_version = x.v, written_points = x.points, written_at = :now,
       seen_points = coalesce(x.seen, seen_points),
       seen_at = CASE WHEN x.seen IS NULL THEN seen_at ELSE :now END,
       next_change_at = x.next, tries = 0, lost = 0, last_error = NULL, intent = NULL, owner = NULL,
       leased_until = x.rest,
       wanted_since = CASE WHEN wanted_version > x.v THEN x.as_of END,
       due = CASE WHEN wanted_version > x.v THEN x.as_of ELSE coalesce(x.next, mirror.due) END
FROM json_to_recordset(CAST(:p AS json)) AS x(c text, m text, owner text, tries int, v bigint,
    points bigint, as_of timestamptz, seen bigint, next timestamptz, rest timestamptz)
WHERE (mirror.connection_id, mirror.member_id) = (x.c, x.m) AND mirror.owner = x.owner
  AND mirror.tries = x.tries AND mirror.written_version <= x.v
RETURNING mirror.connection_id, mirror.member_id"""

AGAIN = f"""
UPDATE mirror SET due = :due, parked = :parked, last_error = :reason, owner = NULL, lost = 0,
       leased_until = CAST(:rest AS timestamptz)
WHERE {OURS}"""

# A cart has one account for an address: one told of later is of the same person, come back. Each
# move is to a later one, so that it ends.
MOVE_ON = """
UPDATE mirror SET external_id = later.external_id, parked = false, due = :now,
       written_version = -1
FROM (SELECT l.external_id FROM mirror m
      JOIN customer_told l USING (connection_id, member_id)
      LEFT JOIN customer_told o ON (o.connection_id, o.external_id)
                                 = (m.connection_id, m.external_id)
      WHERE m.connection_id = :c AND m.member_id = :m AND l.external_id <> m.external_id
        AND l.changed_at > coalesce(o.changed_at, '-infinity')
      ORDER BY l.changed_at DESC, l.external_id LIMIT 1) later
WHERE connection_id = :c AND member_id = :m AND parked RETURNING mirror.external_id"""

# What the balance that is shown now has in it, and the one before had not. A merged member's own
# entries only; of many that were shown at once the newest.
SHOWN = """
SELECT connection_id, delivery_key, order_ref FROM txn
WHERE member_id = :m AND version > :before AND version <= :v AND order_ref IS NOT NULL
ORDER BY version DESC LIMIT 16"""

# Whoever has the row now may have written before or after: only a write that comes after both is
# sure to stay. So it waits until theirs, too, is over.
DISTURB = """
UPDATE mirror SET written_version = -1, wanted_since = coalesce(wanted_since, :now),
       due = least(due, :now), intent = NULL, tries = tries + 1,
       leased_until = CASE WHEN owner IS NULL THEN NULL ELSE CAST(:rest AS timestamptz) END,
       owner = NULL
WHERE connection_id = :c AND member_id = :m"""

SAW = """
UPDATE mirror SET seen_points = x.points, seen_at = x.at
FROM json_to_recordset(CAST(:p AS json)) AS x(c text, e text, points bigint, at timestamptz)
WHERE mirror.connection_id = x.c AND mirror.external_id = x.e
  AND (mirror.seen_at IS NULL OR mirror.seen_at < x.at)"""


@dataclass(frozen=True)
class Claimed:
    """A mirror row that is ours for the time of the lease."""

    connection: str
    member: str
    external_id: str | None
    written_points: int | None
    intent: Any
    tries: int
    owner: str
    written_version: int
    until: datetime
    lost: int = 0


class Intent(NamedTuple):
    """A change that is announced; ``seen`` is what the channel showed before it."""

    claimed: Claimed
    write: BalanceWrite
    seen: int


class Written(NamedTuple):
    """A balance that a channel shows now, in a row of ours.

    ``seen``: what it said that it shows. Not before ``rest`` is it written again, whatever becomes
    of the balance.
    """

    claimed: Claimed
    balance: Balance
    seen: int | None
    next_change_at: datetime | None
    rest: datetime | None = None


def next_write(
    mode: Literal["absolute", "delta"], balance: Balance, shown: int | None
) -> BalanceWrite | None:
    """The write that makes ``shown`` the balance; None: nothing is to be changed.

    Setting the same again is harmless and heals what was changed there; changing by zero would
    only leave a record of nothing in the vendor's log.
    """
    change = balance.spendable - (shown or 0)
    if mode == "delta" and change == 0:
        return None
    return BalanceWrite(balance=balance, change=change, note=f"renkei {balance.version}")


async def claim(
    conn: AsyncConnection,
    connection: str,
    owner: str,
    now: datetime,
    limit: int,
    lease: timedelta = LEASE,
) -> Taken[Claimed]:
    """Take rows whose balance has changed, or changes by time alone, at this connection.

    Not what has to be written alone. Commits: what was taken is everybody's to see.
    """
    values = {"c": connection, "owner": owner, "now": now, "limit": limit, "lease": lease}
    made = partial(_claimed, owner=owner, until=now + lease)
    return await take(conn, CLAIM, SUSPECTS_WAIT, values, made)


async def claim_suspect(
    conn: AsyncConnection, connection: str, owner: str, now: datetime
) -> Claimed | None:
    """Take one that is due and has to be written alone; None: there is none. Commits."""
    values = {"c": connection, "owner": owner, "now": now, "limit": 1, "lease": LEASE}
    made = partial(_claimed, owner=owner, until=now + LEASE)
    return await take_one(conn, CLAIM_SUSPECTS, values, made)


def _claimed(row: Any, owner: str, until: datetime) -> Claimed:
    connection, member, id, points, intent, tries, version, lost = row
    return Claimed(connection, member, id, points, intent, tries, owner, version, until, lost)


async def intend(conn: AsyncConnection, every: Sequence[Intent], now: datetime) -> list[bool]:
    """Announce changes before they are made; False where a row is no longer ours. Commits."""
    ours = await _change_ours(conn, INTEND, [_intent_row(one, now) for one in every], now)
    return [_place(one.claimed) in ours for one in every]


async def written(conn: AsyncConnection, every: Sequence[Written], now: datetime) -> list[bool]:
    """The channels show these balances; False where a row is no longer ours. Commits."""
    ours = await _change_ours(conn, WRITTEN, [_written_row(one) for one in every], now)
    return [_place(one.claimed) in ours for one in every]


async def _change_ours(
    conn: AsyncConnection, sql: str, rows: Sequence[dict[str, object]], now: datetime
) -> set[tuple[str, str]]:
    """Gives those that were ours; in order, as everybody locks them who locks several."""
    ordered = sorted(rows, key=itemgetter("c", "m"))
    (done,) = await travel(conn, [Statement(sql, {"p": as_json(ordered), "now": now})], commit=True)
    return {(row[0], row[1]) for row in done.rows}


async def shown_by(
    conn: AsyncConnection, claimed: Claimed, version: int
) -> Sequence[tuple[str, str | None, str]]:
    """What a write of this version showed first: (connection, delivery, order), the newest first.

    Ends the transaction.
    """
    values = {"m": claimed.member, "before": claimed.written_version, "v": version}
    (found,) = await travel(conn, [Statement(SHOWN, values)], commit=True)
    return found.rows


async def disturb(conn: AsyncConnection, claimed: Claimed, now: datetime) -> None:
    """We wrote after the row was no longer ours, and nobody knows what the channel shows.

    So the balance is written once more, and nothing that was under way counts.
    """
    values = {"c": claimed.connection, "m": claimed.member, "now": now, "rest": now + UNSURE}
    await conn.execute(text(DISTURB), values)


async def again(
    conn: AsyncConnection,
    claimed: Claimed,
    due: datetime,
    reason: str,
    *,
    parked: bool = False,
    rest: datetime | None = None,
) -> None:
    """It was not written: again at ``due``, not before ``rest`` even for a newer balance.

    ``parked`` rows wait for a person.
    """
    values = {"due": due, "parked": parked, "reason": storable(reason), "rest": rest}
    await conn.execute(text(AGAIN), _name(claimed) | values)


async def move_on(conn: AsyncConnection, claimed: Claimed, now: datetime) -> str | None:
    """Show a parked balance to another account of theirs, told of later; gives its id, if any."""
    values = {"c": claimed.connection, "m": claimed.member, "now": now}
    return (await conn.execute(text(MOVE_ON), values)).scalar_one_or_none()


async def saw(conn: AsyncConnection, balances: Sequence[BalanceSeen]) -> None:
    """Remember what the vendor shows; the newest counts."""
    latest = {(one.ref.connection, one.ref.id): one for one in sorted(balances, key=_at)}
    rows = [
        {"c": one.ref.connection, "e": one.ref.id, "points": one.points, "at": one.at.isoformat()}
        for _, one in sorted(latest.items())
    ]
    if rows:
        await conn.execute(text(SAW), {"p": json.dumps(rows)})


def _at(seen: BalanceSeen) -> datetime:
    return seen.at


def _place(claimed: Claimed) -> tuple[str, str]:
    return claimed.connection, claimed.member


def _intent_row(one: Intent, now: datetime) -> dict[str, object]:
    intent = {
        "change": one.write.change,
        "from": one.seen,
        "version": one.write.balance.version,
        "at": now.isoformat(),
    }
    return _name(one.claimed) | {"intent": intent, "seen": one.seen}


def _written_row(one: Written) -> dict[str, object]:
    return _name(one.claimed) | {
        "v": one.balance.version,
        "points": one.balance.spendable,
        "as_of": one.balance.as_of,
        "seen": one.seen,
        "next": one.next_change_at,
        "rest": one.rest,
    }


def _name(claimed: Claimed) -> dict[str, object]:
    return {
        "c": claimed.connection,
        "m": claimed.member,
        "owner": claimed.owner,
        "tries": claimed.tries,
    }
