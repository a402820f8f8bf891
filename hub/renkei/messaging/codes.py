"""Codes of holds at the vendors: which are to be issued or revoked, and how far that is.

A code is wanted from the moment its hold is booked, and unwanted once the hold is released or
lapses. Issuing and revoking are the same twice as once, so that a crash at any point is made good
by doing it again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.books import HoldName
from renkei.messaging.lost import LOST, SUSPECT, TOGETHER, Taken, take, take_one
from renkei.messaging.reason import storable

LEASE = timedelta(seconds=30)

WAITS = """
connection_id = :c AND state IN ('wanted', 'unwanted') AND due <= :now
AND (leased_until IS NULL OR leased_until <= :now)"""


def _claim(which: str) -> str:
    return f"""
WITH picked AS (
    SELECT code FROM hold_code WHERE {WAITS} AND {which}
    ORDER BY due LIMIT :limit FOR UPDATE SKIP LOCKED)
UPDATE hold_code h
SET owner = :owner, leased_until = :now + CAST(:lease AS interval), tries = h.tries + 1,
    lost = {LOST}
FROM picked p WHERE h.code = p.code
RETURNING h.code, h.state, h.points * h.yen_per_point, h.usable_until, h.tries, h.lost"""


CLAIM = _claim(TOGETHER)

CLAIM_SUSPECTS = _claim(SUSPECT)

SUSPECTS_WAIT = f"SELECT EXISTS (SELECT FROM hold_code WHERE {WAITS} AND {SUSPECT})"

OURS = "code = :code AND owner = :owner AND tries = :tries"

# Its hold may have ended during the call: what that made of the code stays.
DONE = f"""
UPDATE hold_code SET state = CASE WHEN state <> :was THEN state
                                  WHEN state = 'wanted' THEN 'issued' ELSE 'revoked' END,
                     owner = NULL, leased_until = NULL, lost = 0, last_error = NULL
WHERE {OURS}"""

AGAIN = f"""
UPDATE hold_code SET state = CASE WHEN state = :was AND :failed THEN 'failed' ELSE state END,
                     due = CASE WHEN state = :was THEN :due ELSE due END,
                     owner = NULL, leased_until = NULL, lost = 0, last_error = :reason
WHERE {OURS}"""

OF_HOLD = "SELECT code, state, usable_until FROM hold_code WHERE (member_id, version) = (:m, :v)"

MADE = "SELECT count(*) FROM hold_code WHERE member_id = :m AND recorded_at > :since"


@dataclass(frozen=True)
class Claimed:
    """A code that is ours to issue or revoke for the time of the lease."""

    code: str
    state: Literal["wanted", "unwanted"]
    yen: int
    usable_until: datetime
    tries: int
    owner: str
    lost: int = 0


@dataclass(frozen=True)
class CodeOfHold:
    """The code that stands for a hold, and how far it is at the vendor."""

    code: str
    state: str
    usable_until: datetime


async def claim(
    conn: AsyncConnection, connection: str, owner: str, now: datetime, limit: int
) -> Taken[Claimed]:
    """Take codes with which something is to be done at this connection.

    Not what has to be done alone. Commits: what was taken is everybody's to see.
    """
    values = {"c": connection, "owner": owner, "now": now, "limit": limit, "lease": LEASE}
    return await take(conn, CLAIM, SUSPECTS_WAIT, values, partial(_claimed, owner=owner))


async def claim_suspect(
    conn: AsyncConnection, connection: str, owner: str, now: datetime
) -> Claimed | None:
    """Take one that is due and has to be worked on alone; None: there is none. Commits."""
    values = {"c": connection, "owner": owner, "now": now, "limit": 1, "lease": LEASE}
    return await take_one(conn, CLAIM_SUSPECTS, values, partial(_claimed, owner=owner))


def _claimed(row: Any, owner: str) -> Claimed:
    code, state, yen, usable_until, tries, lost = row
    return Claimed(code, state, yen, usable_until, tries, owner, lost)


async def done(conn: AsyncConnection, claimed: Claimed) -> None:
    """The vendor has it as it was wanted when it was claimed."""
    await conn.execute(text(DONE), _name(claimed))


async def again(
    conn: AsyncConnection, claimed: Claimed, due: datetime, reason: str, *, failed: bool
) -> None:
    """It was not done: again at ``due``; where it ``failed``, only once its hold ends."""
    values = {"due": due, "reason": storable(reason), "failed": failed}
    await conn.execute(text(AGAIN), _name(claimed) | values)


async def of_hold(conn: AsyncConnection, hold: HoldName) -> CodeOfHold | None:
    """The code that stands for it, if one does."""
    row = (await conn.execute(text(OF_HOLD), {"m": hold[0], "v": hold[1]})).first()
    return CodeOfHold(*row) if row is not None else None


async def made_since(conn: AsyncConnection, member: str, since: datetime) -> int:
    """How many codes have been made for this member's points since then."""
    return int((await conn.execute(text(MADE), {"m": member, "since": since})).scalar_one())


def _name(claimed: Claimed) -> dict[str, object]:
    return {
        "code": claimed.code,
        "was": claimed.state,
        "owner": claimed.owner,
        "tries": claimed.tries,
    }
