"""The register's side of /pos/v1, for stages that ask the hub: signed as docs/pos-v1.md has it."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import httpx

from renkei_contracts.base import Canonical
from renkei_contracts.stage import TillAccess
from renkei_contracts.till import (
    CommitAnswer,
    CommitRequest,
    HoldAnswer,
    HoldRequest,
    MemberAnswer,
    QuoteAnswer,
    QuoteRequest,
    ResolveMember,
)
from renkei_contracts.toolkit.till_signature import sign

A = TypeVar("A", bound=Canonical)


class HubRefused(RuntimeError):
    """The hub said no; ``code`` is its stable name for the reason."""

    def __init__(self, what: str, code: str) -> None:
        super().__init__(f"{what}: {code}")
        self.code = code


class HubClient:
    """One register's line to the hub."""

    def __init__(
        self, access: TillAccess, http: httpx.AsyncClient, now: Callable[[], datetime]
    ) -> None:
        self._access = access
        self._http = http
        self._now = now

    async def resolve(self, card: str) -> MemberAnswer | None:
        """Whose card this is; None where the hub knows nobody."""
        try:
            return await self._ask(
                "members:resolve", ResolveMember(scheme="card", value=card), MemberAnswer
            )
        except HubRefused as refusal:
            if refusal.code == "member_not_found":
                return None
            raise

    async def quote(self, ask: QuoteRequest) -> QuoteAnswer:
        """What the basket earns and may use."""
        return await self._ask("quotes", ask, QuoteAnswer)

    async def hold(self, ask: HoldRequest) -> HoldAnswer:
        """Set points aside."""
        return await self._ask("holds", ask, HoldAnswer)

    async def commit(self, ask: CommitRequest) -> CommitAnswer:
        """Tell the finished sale."""
        return await self._ask("transactions", ask, CommitAnswer)

    async def _ask(self, what: str, ask: Canonical, answer: type[A]) -> A:
        request = self._http.build_request(
            "POST",
            f"{self._access.url}/pos/v1/{what}",
            content=ask.model_dump_json().encode(),
            headers={"content-type": "application/json"},
        )
        sign(request, self._access.key_id, self._access.secret, self._now())
        response = await self._http.send(request)
        if response.is_success:
            return answer.model_validate_json(response.content)
        raise HubRefused(what, _code(response))


def _code(response: httpx.Response) -> str:
    """The problem's code; the bare status where the answer is no problem of the hub."""
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        return str(response.json().get("code", response.status_code))
    return str(response.status_code)
