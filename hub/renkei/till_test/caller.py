"""A till as the cases play it: signs each request, and makes receipts of its own for one run."""

import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import httpx

from renkei_contracts.toolkit.japanese import JST
from renkei_contracts.toolkit.till_signature import sign

TIMEOUT = httpx.Timeout(10, connect=3)
Json = dict[str, Any]


class CaseFailed(Exception):
    """The hub did something else than the case expects; the message says what, in Japanese."""


@dataclass(frozen=True)
class Answer:
    """What the hub said."""

    status: int
    body: Any

    def ok(self) -> Json:
        """The body of an answer that is no refusal; raises CaseFailed."""
        if self.status != httpx.codes.OK:
            raise CaseFailed(f"期待 200、実際 {self.status} {self.code}")
        found: Json = self.body
        return found

    @property
    def code(self) -> str:
        """The refusal's code; empty where it is none."""
        return str(self.body.get("code", "")) if isinstance(self.body, dict) else ""

    def refused(self, code: str) -> None:
        """Raises CaseFailed unless this is that refusal."""
        expect("code", self.code, code)


def expect(what: str, got: object, wanted: object) -> None:
    """Raises CaseFailed where the two differ."""
    if got != wanted:
        raise CaseFailed(f"{what}: 期待 {wanted!r:.80}、実際 {got!r:.80}")


@dataclass
class Till:
    """One till of the merchant, for one run: its receipts and keys were never used before."""

    http: httpx.AsyncClient
    key: str
    secret: str = field(repr=False)
    store: str
    till: str
    run: str = field(default_factory=lambda: f"t{time.time_ns() // 1_000_000:x}")
    numbers: Any = field(default_factory=lambda: count(1))

    @property
    def today(self) -> date:
        """The business day, by the calendar of Japan."""
        return datetime.now(JST).date()

    def receipt(self) -> Json:
        """The natural key of a new receipt."""
        return {
            "store": self.store,
            "till": self.till,
            "business_date": self.today.isoformat(),
            "receipt_number": self.name(),
        }

    def name(self) -> str:
        """A name that was never used before."""
        return f"{self.run}-{next(self.numbers):03d}"

    async def post(self, path: str, ask: Json | None = None, **headers: str) -> Answer:
        """Sign and send; ``headers`` change what is said after signing."""
        return await self._send(self.http.build_request("POST", path, json=ask), headers)

    async def get(self, path: str, **query: str | int) -> Answer:
        """Sign and ask."""
        return await self._send(self.http.build_request("GET", path, params=query), {})

    async def _send(self, request: httpx.Request, headers: dict[str, str]) -> Answer:
        sign(request, self.key, self.secret, datetime.now(UTC))
        request.headers.update({name.replace("_", "-"): said for name, said in headers.items()})
        answer = await self.http.send(request)
        return Answer(answer.status_code, answer.json() if answer.content else None)
