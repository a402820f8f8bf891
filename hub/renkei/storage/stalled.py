"""Ends the batches of a process that stopped while it sent one or read its answers.

Of a process that is paused between two trips the server ends the batch itself
(storage/engine.py, NO_PAUSE). In the middle of a trip it takes the batch for active, and would
wait for the rest of it, with the locks of its members, until that process comes back: its kernel
still answers for it. So any other process ends it, after the same time.
"""

import structlog
from sqlalchemy import text

from renkei.storage.engine import Database

log = structlog.get_logger(__name__)

# In a connection of batches: those have a name of their own, and the pause that is theirs.
END = """
WITH pause AS (SELECT CAST(current_setting('idle_in_transaction_session_timeout') AS interval) AS a)
SELECT pg_terminate_backend(one.pid) FROM pg_stat_activity one, pause
WHERE one.datname = current_database() AND one.usename = session_user
  AND one.application_name = current_setting('application_name')
  AND one.state = 'active' AND one.wait_event_type = 'Client'
  AND pause.a > '0' AND one.state_change < clock_timestamp() - pause.a"""


async def end_stalled(database: Database) -> int:
    """End what no other process goes on with; gives how many there were.

    Borrows beside the connections for what is done often: those may all wait for these very locks.
    """
    async with database.begin_batch() as conn:
        ended = len((await conn.execute(text(END))).all())
    if ended:
        log.warning("stalled_batches_ended", count=ended)
    return ended
