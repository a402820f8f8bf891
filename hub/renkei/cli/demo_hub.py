"""The hub of the demo, as far as the story needs it."""

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from renkei.cli.demo_watch import LOOK_EVERY
from renkei.cli.terminal import added
from renkei.services import members as member_service
from renkei_contracts.stage import TillAccess
from renkei_contracts.till import MemberAnswer

if TYPE_CHECKING:
    from renkei.bootstrap import Hub

TIMEOUT = httpx.Timeout(10, connect=3)


@dataclass(frozen=True)
class Books:
    """What the story asks the hub: in this process, and over HTTP as a register does."""

    hub: "Hub"
    url: str

    async def spendable(self, member: str) -> int:
        """What the ledger says the member can spend."""
        return (await member_service.balance(self.hub.booking, member)).spendable

    async def resolve(self, access: TillAccess, scheme: str, value: str) -> MemberAnswer | None:
        """Who the till endpoint says this is; None where it knows nobody."""
        ask = {"scheme": scheme, "value": value}
        async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as http:
            answer = await http.post(
                f"{self.url}/pos/v1/members:resolve",
                json=ask,
                headers={"Authorization": f"Bearer {access.key_id}:{access.secret}"},
            )
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

    async def terminal(self, connection: str, store: str, till: str) -> TillAccess:
        """A credential for the register, as an administrator would make it."""
        new = await added(self.hub, connection, store, till)
        return TillAccess(self.url, new.key_id, new.secret)
