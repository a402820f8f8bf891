"""Whose cursors those are: a database that was restored gives cursors of its own.

Its feed goes on with numbers that another change has had already, before what was lost was lost. So
each restore sets a mark beside the feed's head, with the number at which the feed ended then, and
cursors name the newest mark. One of an older mark is known up to there, and one of a mark that is
not there was given by what is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.journal import FEED_LANE

MARKS = "SELECT lane, seq FROM feed_head WHERE lane <> :lane ORDER BY seq"


@dataclass(frozen=True)
class Marks:
    """Each restore's mark, and where the feed ended then, oldest first."""

    restored: Sequence[tuple[int, int]] = ()

    @property
    def newest(self) -> int:
        """The mark of cursors that are given now."""
        return self.restored[-1][0] if self.restored else FEED_LANE

    def knows(self, mark: int, seq: int) -> bool:
        """Whether this number of a cursor with this mark stands for the same change still."""
        every = [FEED_LANE, *(one for one, _ in self.restored)]
        if mark not in every:
            return False
        later = self.restored[every.index(mark) :]
        return not later or seq <= later[0][1]


async def load_marks(conn: AsyncConnection) -> Marks:
    """The marks of this database; a restore sets them before a hub serves."""
    rows = await conn.execute(text(MARKS), {"lane": FEED_LANE})
    return Marks([(row[0], row[1]) for row in rows])
