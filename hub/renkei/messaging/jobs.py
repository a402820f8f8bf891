"""Jobs that one process does for all: a lease by the database's clock, and an epoch as its fence.

Whoever keeps a job renews it while it works. One that was away for longer than the lease finds
another owner in its place, in a later epoch, and stops.
"""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

LEASE = timedelta(minutes=1)

# The database's clock: those of several machines may be apart.
KEEP = """
INSERT INTO job AS j (job, owner, leased_until, epoch)
VALUES (:job, :owner, clock_timestamp() + CAST(:lease AS interval), 1)
ON CONFLICT (job) DO UPDATE
SET owner = excluded.owner, leased_until = excluded.leased_until,
    epoch = j.epoch + CAST(j.owner <> excluded.owner AS int)
WHERE j.owner = excluded.owner OR j.leased_until <= clock_timestamp()
RETURNING epoch"""

LEAVE = """
UPDATE job SET leased_until = clock_timestamp() WHERE job = :job AND owner = :owner"""


async def keep(conn: AsyncConnection, job: str, owner: str, lease: timedelta = LEASE) -> int | None:
    """Take the job or keep it for another lease; gives its epoch, or None: it is another's."""
    values = {"job": job, "owner": owner, "lease": lease}
    return (await conn.execute(text(KEEP), values)).scalar_one_or_none()


async def leave(conn: AsyncConnection, job: str, owner: str) -> None:
    """Let others take it at once."""
    await conn.execute(text(LEAVE), {"job": job, "owner": owner})
