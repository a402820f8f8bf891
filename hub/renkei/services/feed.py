"""The change feed a register polls: gapless numbers, in the order of the commits."""

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from renkei.ledger.journal import FEED_LANE
from renkei.services.refusals import refused
from renkei.services.till import Terminal, TillService
from renkei.storage.engine import Database

CHANGES = """
SELECT feed_seq, kind, object_id, version FROM feed
WHERE lane = :lane AND feed_seq > :after ORDER BY feed_seq LIMIT :limit"""


@dataclass(frozen=True)
class ChangePage:
    """Some changes, and the cursor to go on from; it never expires."""

    data: tuple[dict[str, Any], ...]
    next_cursor: str
    has_more: bool


async def changes(
    database: Database,
    till: TillService,
    terminal: Terminal,
    cursor: str | None,
    limit: int,
    types: Collection[str],
) -> ChangePage:
    """Changes after the cursor, each with the balance as it is now for this channel."""
    after = _after(cursor)
    values = {"lane": FEED_LANE, "after": after, "limit": limit + 1}
    async with database.begin() as conn:
        rows = (await conn.execute(text(CHANGES), values)).all()
    page = rows[:limit]
    newest = {row[2]: row for row in page if row[1] in types}
    data = [await _change(till, terminal, row) for row in newest.values()]
    last = page[-1][0] if page else after
    return ChangePage(tuple(data), cursor_of(last), len(rows) > limit)


async def _change(till: TillService, terminal: Terminal, row: Any) -> dict[str, Any]:
    balance = await till.balance(terminal, row[2])
    return {
        "type": row[1],
        "member": row[2],
        "spendable": balance.spendable,
        "pending": balance.pending,
        "balance_version": balance.version,
        "as_of": balance.as_of,
    }


def cursor_of(seq: int) -> str:
    """The opaque mark of how far a reader has come."""
    return base64.urlsafe_b64encode(f"f{FEED_LANE}:{seq}".encode()).decode().rstrip("=")


def _after(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        text_of = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        lane, _, seq = text_of.partition(":")
        if lane != f"f{FEED_LANE}" or not 0 <= int(seq) < 2**62:
            raise ValueError(cursor)
        return int(seq)
    except (ValueError, binascii.Error) as error:
        raise refused("cursor_unknown") from error
