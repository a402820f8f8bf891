"""A till as the cases play it: signs each request, and makes receipts of its own for one run."""

import hashlib
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx

from renkei_contracts.toolkit.signature import hmac_sha256_base64

TIMEOUT = httpx.Timeout(10, connect=3)
JST = ZoneInfo("Asia/Tokyo")

Json = dict[str, Any]


class CaseFailed(Exception):
    """The hub did something else than the case expects; the message says what."""


@dataclass(frozen=True)
class Answer:
    """What the hub said."""

    status: int
    body: Any

    def ok(self) -> Json:
        """The body of an answer that is no refusal; raises CaseFailed."""
        if self.status != httpx.codes.OK:
            raise CaseFailed(f"expected 200, got {self.status} {self.code}")
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
        raise CaseFailed(f"{what}: expected {wanted!r:.80}, got {got!r:.80}")


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
        body = b"" if ask is None else json.dumps(ask).encode()
        return await self._send("POST", path, "", body, headers)

    async def get(self, path: str, **query: object) -> Answer:
        """Sign and ask."""
        return await self._send("GET", path, urlencode(query), b"", {})

    async def _send(
        self, method: str, path: str, query: str, body: bytes, headers: dict[str, str]
    ) -> Answer:
        said = self._signed(method, path, query, body)
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{path}?{query}" if query else path
        answer = await self.http.request(method, url, content=body, headers=said)
        return Answer(answer.status_code, answer.json() if answer.content else None)

    def _signed(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        stamp, nonce = str(int(datetime.now(UTC).timestamp())), uuid4().hex
        lines = (method, path, query, stamp, nonce, hashlib.sha256(body).hexdigest())
        said = "\n".join(lines).encode("ascii")
        return {
            "Renkei-Key": self.key,
            "Renkei-Timestamp": stamp,
            "Renkei-Nonce": nonce,
            "Renkei-Signature": hmac_sha256_base64(self.secret, said),
            "Content-Type": "application/json",
        }
