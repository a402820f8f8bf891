"""Sending webhooks as a vendor does: late, twice, out of order, or not at all."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from renkei_contracts.stage import STRAIGHT, Mischief
from renkei_contracts.twin.server import NO_TLS

RETRY_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Waits between tries of a twin; the vendors' own take hours."""


@dataclass(frozen=True)
class Outgoing:
    """One delivery, ready to send; a retry sends the same bytes and headers."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def no_success(status: int) -> bool:
    """Whether an answer is none that says that all went well."""
    return not 200 <= status < 300


@dataclass
class Emitter:
    """Sends deliveries to one address and keeps what the hub answered.

    ``retries`` says whether this vendor tries again after a failure, ``failed`` which answers are
    one to it. ``answers`` are the statuses in the order they came (0: no answer).
    """

    retries: bool
    failed: Callable[[int], bool] = no_success
    url: str = ""
    extra_headers: Mapping[str, str] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)

    async def emit(self, outgoing: Sequence[Outgoing], mischief: Mischief = STRAIGHT) -> None:
        """Send them all, as the mischief has it."""
        if not self.url or mischief.lost:
            return
        ordered = list(reversed(outgoing)) if mischief.reversed else list(outgoing)
        async with httpx.AsyncClient(timeout=10, trust_env=False, verify=NO_TLS) as http:
            for _ in range(mischief.times):
                for one in ordered:
                    self.answers.append(await self._deliver(http, one))

    async def _deliver(self, http: httpx.AsyncClient, one: Outgoing) -> int:
        status = await self._post(http, one)
        for wait in RETRY_SECONDS if self.retries else ():
            if not self.failed(status):
                break
            await asyncio.sleep(wait)
            status = await self._post(http, one)
        return status

    async def _post(self, http: httpx.AsyncClient, one: Outgoing) -> int:
        headers = {**one.headers, **self.extra_headers}
        try:
            response = await http.post(self.url, headers=headers, content=one.body)
        except httpx.TransportError:
            return 0
        return response.status_code
