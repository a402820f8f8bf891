"""The hub of the demo, as far as the story needs it."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import httpx
from sqlalchemy import text

from renkei.cli.demo_watch import LOOK_EVERY
from renkei.cli.terminal import added
from renkei.services.members import members as member_service
from renkei_contracts.stage import TillAccess
from renkei_contracts.till import MemberAnswer
from renkei_contracts.toolkit.till_signature import sign

if TYPE_CHECKING:
    from renkei.bootstrap import Hub

POLLED = """
SELECT NOT EXISTS (SELECT FROM poll WHERE connection_id = :c AND due < :at)"""

RESOLVE = "/pos/v1/members:resolve"
TIMEOUT = httpx.Timeout(10, connect=3)


@dataclass(frozen=True)
class Books:
    """What the story asks the hub: in this process, and over HTTP as a register does."""

    hub: "Hub"
    url: str
    poll_every: timedelta

    async def spendable(self, member: str) -> int:
        """What the ledger says the member can spend."""
        return (await member_service.balance(self.hub.booking, member)).spendable

    async def resolve(self, access: TillAccess, scheme: str, value: str) -> MemberAnswer | None:
        """Who the till endpoint says this is; None where it knows nobody."""
        async with httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT, trust_env=False) as http:
            ask = http.build_request("POST", RESOLVE, json={"scheme": scheme, "value": value})
            sign(ask, access.key_id, access.secret, self.hub.clock())
            answer = await http.send(ask)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        answer.raise_for_status()
        return MemberAnswer.model_validate_json(answer.content)

    async def enrolled(
        self, access: TillAccess, email: str, deadline: float
    ) -> MemberAnswer | None:
        """The member with this address as soon as the hub knows them."""
        end = time.monotonic() + deadline
        while (found := await self.resolve(access, "email", email)) is None:
            if time.monotonic() > end:
                return None
            await asyncio.sleep(LOOK_EVERY)
        return found

    async def polled(self, connection: str, deadline: float) -> bool:
        """Wait until all that happened at the vendor up to now was read by a poll, too."""
        began, end = self.hub.clock(), time.monotonic() + deadline
        while not await self._polled_since(connection, began):
            if time.monotonic() > end:
                return False
            await asyncio.sleep(LOOK_EVERY)
        return True

    async def _polled_since(self, connection: str, instant: datetime) -> bool:
        async with self.hub.database.begin() as conn:
            # A poll is due an interval after it was done: two later, it had begun since then.
            values = {"c": connection, "at": instant + 2 * self.poll_every}
            return bool((await conn.execute(text(POLLED), values)).scalar_one())

    async def terminal(self, connection: str, store: str, till: str) -> TillAccess:
        """A credential for the register, as an administrator would make it."""
        new = await added(self.hub, connection, store, till)
        return TillAccess(self.url, new.key_id, new.secret)
