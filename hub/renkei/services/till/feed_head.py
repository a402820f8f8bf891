"""How far the feed has come, told to many registers at once.

Whoever looks a caller up asks this, too, in the same trip: a register that polls needs no other. Of
what the feed had before this process looked first only as much is read as a register may have
missed lately.
"""

from collections.abc import Callable, Sequence

from renkei.ledger.journal import FEED_LANE
from renkei.services.till.feed_marks import Marks
from renkei.storage.committer import AnsweringTogether, GroupCommitter
from renkei.storage.engine import Database
from renkei.storage.trip import Rows, Statement, travel

LOOKS_BACK = 100_000
"""Changes read at most. A kind that is not among them counts as changed just before: a register
that has seen less gets an answer without anything in it, and then its place is a newer one."""

NEWER = f"""
SELECT h.seq, f.kind, max(f.feed_seq) FROM feed_head h
LEFT JOIN feed f ON f.lane = h.lane AND f.feed_seq <= h.seq
  AND f.feed_seq > greatest(CAST(:seen AS bigint), h.seq - {LOOKS_BACK})
WHERE h.lane = :lane GROUP BY h.seq, f.kind"""

NO_MARKS = Marks()
"""Of a database that was never restored."""

Asked = tuple[Statement, Callable[[Rows], None]]
"""What is asked, and who takes the answer."""


class FeedHead(AnsweringTogether):
    """The newest number of each kind of change. Use it as an async context manager."""

    def __init__(self, database: Database, marks: Marks = NO_MARKS) -> None:
        self.marks = marks
        self._head = 0
        self._floor = 0
        self._newest: dict[str, int] = {}
        self._together: GroupCommitter[frozenset[str], int] = GroupCommitter(database, self._look)

    @property
    def end(self) -> int:
        """No change had a number above this one when it was last looked."""
        return self._head

    def known(self, kinds: frozenset[str]) -> int:
        """No change of these kinds had a number above this one when it was last looked."""
        return max(self._floor, *(self._newest.get(kind, 0) for kind in kinds))

    async def newest(self, kinds: frozenset[str]) -> int:
        """The same, looked at after this was asked."""
        return await self._together.submit(kinds)

    def asked(self) -> Asked:
        """For whoever makes a trip anyway."""
        seen = self._head
        values = {"lane": FEED_LANE, "seen": seen}
        return Statement(NEWER, values), lambda rows: self._take(rows, seen)

    def _take(self, rows: Rows, seen: int) -> None:
        """Answers may come in another order than they were read in: what is newer stays."""
        head = int(rows[0][0])
        if head < seen:  # another database was put in this one's place
            self._newest.clear()
            self._head = self._floor = head
        elif head - seen > LOOKS_BACK:
            self._floor = max(self._floor, head - LOOKS_BACK)
        for _, kind, number in rows:
            if kind is not None:
                self._newest[kind] = max(self._newest.get(kind, 0), int(number))
        self._head = max(self._head, head)

    async def _look(self, database: Database, asked: Sequence[frozenset[str]]) -> list[int]:
        statement, take = self.asked()
        async with database.begin_batch() as conn:
            (found,) = await travel(conn, [statement], commit=True)
        take(found.rows)
        return [self.known(kinds) for kinds in asked]
