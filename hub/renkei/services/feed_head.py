"""How far the feed has come, told to many registers at once.

Each answer is read after it was asked for; those who ask meanwhile share the next one. Of what the
feed had before this process looked first only as much is read as a till may have missed lately.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType

from renkei.ledger.journal import FEED_LANE
from renkei.storage.committer import GroupCommitter
from renkei.storage.engine import Database
from renkei.storage.trip import Statement, travel

LOOKS_BACK = 100_000
"""Changes read at first. A kind that is not among them counts as changed just before: a register
that has seen less gets an answer without anything in it, and then its place is a newer one."""

HEAD = "SELECT seq FROM feed_head WHERE lane = :lane"

NEWER = """
SELECT h.seq, f.kind, max(f.feed_seq) FROM feed_head h
LEFT JOIN feed f ON f.lane = h.lane AND f.feed_seq > CAST(:seen AS bigint) AND f.feed_seq <= h.seq
WHERE h.lane = :lane GROUP BY h.seq, f.kind"""


@dataclass
class _Seen:
    """What this process has read, up to ``head``; ``since`` is where it began."""

    head: int
    since: int
    newest: dict[str, int] = field(default_factory=dict)


class FeedHead:
    """The newest number of each kind of change. Use it as an async context manager."""

    def __init__(self, database: Database) -> None:
        self._seen: _Seen | None = None
        self._together: GroupCommitter[frozenset[str], int] = GroupCommitter(database, self._look)

    async def __aenter__(self) -> "FeedHead":
        await self._together.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Answer who waits, then stop."""
        await self._together.__aexit__(kind, error, trace)

    async def newest(self, kinds: frozenset[str]) -> int:
        """No change of these kinds has a number above this one; read after this was asked."""
        return await self._together.submit(kinds)

    async def _look(self, database: Database, asked: Sequence[frozenset[str]]) -> list[int]:
        seen = self._seen or await _first(database)
        rows = await _rows(database, Statement(NEWER, {"lane": FEED_LANE, "seen": seen.head}))
        if rows[0][0] < seen.head:  # another database was put in this one's place
            self._seen = None
            return await self._look(database, asked)
        seen.newest |= {kind: int(seq) for _, kind, seq in rows if kind is not None}
        seen.head = int(rows[0][0])
        self._seen = seen
        return [max(seen.newest.get(one, seen.since) for one in kinds) for kinds in asked]


async def _first(database: Database) -> _Seen:
    """As if everything had been read but the last changes."""
    rows = await _rows(database, Statement(HEAD, {"lane": FEED_LANE}))
    since = max(0, int(rows[0][0]) - LOOKS_BACK)
    return _Seen(head=since, since=since)


async def _rows(database: Database, statement: Statement) -> Sequence[tuple[int, str | None, int]]:
    async with database.begin_batch() as conn:
        (found,) = await travel(conn, [statement], commit=True)
    rows: Sequence[tuple[int, str | None, int]] = found.rows
    return rows
