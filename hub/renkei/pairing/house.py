"""The hub of a script: real, in this process, cut off and started again as the script wants it."""

import asyncio
import time
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import text

from renkei.bootstrap import Hub, open_hub
from renkei.config import Settings
from renkei.listening import listen
from renkei.pairing.clock import PairClock
from renkei.registry import Registry
from renkei.serving import running
from renkei.worker import Pace

PACE = Pace(tick=0.05, drain=0.0, lapse_every=60.0, poll_overlap=timedelta(minutes=2))
"""As the product's own, but quick to look, and at its end whatever is under way is cut off.

A poll looks back two minutes: both sides have one clock.
"""

LOOK_EVERY = 0.01  # seconds
PATIENCE = 60.0
"""Seconds the hub may take to work off what a step has brought; the machine may be busy."""

LONGEST_LEASE = timedelta(seconds=31)

UNDER_WAY = """
SELECT what, owner IS NOT NULL AND free > :now, greatest(free, open_until)
FROM (SELECT 'a delivery' AS what, connection_id, owner, due AS free
      FROM delivery WHERE state = 'new'
      UNION ALL
      SELECT 'the ' || kind || ' ' || object_id, connection_id, owner,
             greatest(due, leased_until) FROM changed_object WHERE NOT dead
      UNION ALL
      SELECT 'a balance to show', connection_id, owner, greatest(due, leased_until)
      FROM mirror WHERE NOT parked AND (written_version < wanted_version OR next_change_at <= :now)
      UNION ALL
      SELECT 'the code of a hold', connection_id, owner, greatest(due, leased_until)
      FROM hold_code WHERE state IN ('wanted', 'unwanted')
      UNION ALL
      SELECT 'a poll of ' || kind || 's', connection_id, owner, greatest(due, leased_until)
      FROM poll WHERE until IS NOT NULL) AS work
JOIN connection USING (connection_id)
WHERE vendor <> ''"""

POLLS_DUE = "SELECT count(*), max(due) FROM poll WHERE kind IN ('order', 'member')"

POLLED = """
SELECT NOT EXISTS (SELECT FROM poll
                   WHERE kind IN ('order', 'member') AND (due <= :due OR until IS NOT NULL))"""

TROUBLE = """
SELECT 'a delivery of ' || connection_id || ' is dead: ' || coalesce(reason, '')
FROM delivery WHERE state = 'dead'
UNION ALL
SELECT 'the ' || kind || ' ' || object_id || ' of ' || connection_id || ' cannot be read: '
       || coalesce(last_error, '') FROM changed_object WHERE dead
UNION ALL
SELECT 'a balance cannot be shown at ' || connection_id || ': ' || coalesce(last_error, '')
FROM mirror WHERE parked AND NOT member_id = ANY(CAST(:left AS text[]))
UNION ALL
SELECT 'the connection ' || connection_id || ' is ' || state || ': ' || coalesce(last_error, '')
FROM connection WHERE state <> 'active'"""


class StillBusy(Exception):
    """The hub has not come to rest; the text says what is under way."""


@dataclass
class House:
    """A hub on a scratch database; its port and its database stay when it is cut off.

    ``polls`` is how many kinds of objects its connections are polled for.
    """

    settings: Settings
    clock: PairClock
    registry: Registry
    polls: int
    _hub: Hub | None = None
    _port: int = 0
    _life: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def hub(self) -> Hub:
        """The hub, while it runs."""
        assert self._hub is not None, "the hub is down"
        return self._hub

    @property
    def url(self) -> str:
        """Where it listens, whether it runs or not."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start it, on the same port as before."""
        listener = self._life.enter_context(closing(listen("127.0.0.1", self._port)))
        self._port = listener.getsockname()[1]
        opened = open_hub(self.settings, clock=self.clock, registry=self.registry)
        self._hub = await self._life.enter_async_context(opened)
        await self._life.enter_async_context(running(self._hub, listener, PACE))

    async def cut_off(self) -> None:
        """Stop it in the middle of its work; what it had begun is free for the next one at once."""
        await self.close()
        self.clock.forward(LONGEST_LEASE)

    async def close(self) -> None:
        """Stop it, if it runs."""
        self._hub = None
        await self._life.aclose()

    async def at_rest(self) -> None:
        """Wait until nothing is under way; what is to be tried again later is tried at once."""
        end = time.monotonic() + PATIENCE
        while work := await self._under_way():
            if time.monotonic() > end:
                raise StillBusy(f"the hub does not come to rest: {', '.join(sorted(work))}")
            await asyncio.sleep(LOOK_EVERY)

    async def polled(self) -> None:
        """Wait until all that happened at the vendors up to now was read by polls."""
        await self.at_rest()
        due = await self._polls_due()
        self.clock.forward_to(due)
        self.hub.wakers.wake()
        end = time.monotonic() + PATIENCE
        while not await self._ask(POLLED, due=due):
            if time.monotonic() > end:
                raise StillBusy("the vendors' changes are not polled")
            await asyncio.sleep(LOOK_EVERY)
        await self.at_rest()

    async def troubles(self, left: Collection[str]) -> Sequence[str]:
        """What waits for a person; members who left are shown no balance any more."""
        async with self.hub.database.begin() as conn:
            rows = (await conn.execute(text(TROUBLE), {"left": list(left)})).all()
        return [str(row[0]) for row in rows]

    async def _under_way(self) -> set[str]:
        """What is not done yet; where all of it only waits, the clock jumps to the first."""
        now = self.clock()
        async with self.hub.database.begin() as conn:
            rows = (await conn.execute(text(UNDER_WAY), {"now": now})).all()
        first = min((row[2] for row in rows), default=now)
        if first > now and not any(row[1] for row in rows):
            self.clock.forward_to(first)
            self.hub.wakers.wake()
        return {row[0] for row in rows}

    async def _polls_due(self) -> datetime:
        """When all polls are due again; the first ones begin soon after the start."""
        end = time.monotonic() + PATIENCE
        while True:
            async with self.hub.database.begin() as conn:
                count, due = (await conn.execute(text(POLLS_DUE))).one()
            if count >= self.polls:
                at: datetime = due or self.clock()
                return at
            if time.monotonic() > end:
                raise StillBusy(f"{count} of {self.polls} polls have begun")
            await asyncio.sleep(LOOK_EVERY)

    async def _ask(self, question: str, **values: object) -> bool:
        async with self.hub.database.begin() as conn:
            return bool((await conn.execute(text(question), values)).scalar_one())
