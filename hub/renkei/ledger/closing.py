"""Sealing a period: from then on it takes no entries. When a month is closed is decided elsewhere.

Writers hold a share lock on the open periods; sealing takes an exclusive one, so it waits for every
batch that is under way, and batches that wait for it see the seal.
"""

import hashlib
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import PeriodNotOpen

LOCK = """
SELECT sealed_at FROM period WHERE program_id = :program AND period = :period FOR UPDATE"""

HEADS = """
SELECT member_id, version, chain FROM member
WHERE program_id = :program AND version > 0 ORDER BY member_id"""

SEAL = """
UPDATE period SET sealed_at = clock_timestamp(), merkle_root = :root
WHERE program_id = :program AND period = :period"""


async def seal(conn: AsyncConnection, program: str, period: str) -> bytes:
    """Seal a period and keep the Merkle root over every member's chain as it stands.

    Raises PeriodNotOpen for one that is sealed, or in which nothing was ever booked. The caller
    commits, and has made sure that the month is over.
    """
    names = {"program": program, "period": period}
    row = (await conn.execute(text(LOCK), names)).first()
    if row is None or row[0] is not None:
        raise PeriodNotOpen(program, period)
    heads = (await conn.execute(text(HEADS), {"program": program})).all()
    root = merkle_root([leaf(member, version, bytes(chain)) for member, version, chain in heads])
    await conn.execute(text(SEAL), names | {"root": root})
    return root


def leaf(member: str, version: int, chain: bytes) -> bytes:
    """The leaf of one member: whose head it is, at which version."""
    return hashlib.sha256(b"\x00" + f"{member}/{version}/".encode() + chain).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root of a Merkle tree (as RFC 6962: a lone node at the end rises unchanged)."""
    level = list(leaves) or [hashlib.sha256(b"").digest()]
    while len(level) > 1:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [node(pair[0], pair[1]) if len(pair) == 2 else pair[0] for pair in pairs]
    return level[0]


def node(left: bytes, right: bytes) -> bytes:
    """What stands above two nodes."""
    return hashlib.sha256(b"\x01" + left + right).digest()
