"""Registers that call the hub over HTTP, each with a credential of its own, and a shop that tells.

Every register comes over a connection of its own: 8,000 of them keep none open.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import text

from bench.caller import Answer, Line
from bench.events import purchases
from bench.fill import RING, member_id
from bench.ground import Ground
from bench.served import MEMBERS, SECRET, SHOP, TILLS, Served, served
from bench.vendor import signed
from renkei.bootstrap import new_id
from renkei.services.till.register_tills import register
from renkei.services.till.terminals import ADD_CREDENTIAL, NewCredential, new_credential
from renkei.storage.engine import Database
from renkei_contracts.order import LineItem, TillKey
from renkei_contracts.terminal import NewTill
from renkei_contracts.till import CommitRequest
from renkei_contracts.toolkit.signature import hmac_sha256_base64
from renkei_contracts.toolkit.till_signature import signed_text

COUNT = 8_000
TILLS_A_STORE = 8
COMMIT = "/pos/v1/transactions"
JSON = {"Content-Type": "application/json"}


@dataclass
class Till:
    """A register; ``tag`` and ``cursor`` are from the last answer of the feed.

    Its customers are members of ``shop``.
    """

    place: NewTill
    credential: NewCredential
    shop: str = SHOP
    cursor: str = ""
    tag: str = ""
    receipts: int = 0

    def headers(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        """A signed request's."""
        at, nonce = str(int(time.time())), uuid4().hex
        signed_bytes = signed_text(method, path.encode(), query.encode(), at, nonce, body)
        return {
            "Renkei-Key": self.credential.key_id,
            "Renkei-Timestamp": at,
            "Renkei-Nonce": nonce,
            "Renkei-Signature": hmac_sha256_base64(self.credential.secret, signed_bytes),
        }

    async def get(self, line: Line, path: str, query: str, tag: str = "") -> Answer:
        """Ask; with the tag of an answer that is known."""
        known = {"If-None-Match": tag} if tag else {}
        headers = self.headers("GET", path, query, b"") | known
        return await line.ask("GET", f"{path}?{query}", headers)

    async def commit(self, line: Line, body: bytes) -> Answer:
        """Tell a sale; refused is an error."""
        answer = await line.ask("POST", COMMIT, self.headers("POST", COMMIT, "", body) | JSON, body)
        assert answer.status == 200, answer.body
        return answer

    def sale(self, member: int) -> bytes:
        """The next receipt: a sale of this member's."""
        self.receipts += 1
        sold = datetime.now(UTC) - timedelta(minutes=5)
        ask = CommitRequest(
            sale=TillKey(
                store=self.place.store,
                till=self.place.till,
                business_date=sold.date(),
                receipt_number=f"{self.receipts:06}",
            ),
            sold_at=sold,
            member=member_id(self.shop, member),
            lines=(LineItem(id="1", quantity=1, amount=5_500, tax_rate=1000),),
        )
        return ask.model_dump_json().encode()


async def tills(ground: Ground) -> list[Till]:
    """All of them, registered on first use."""
    hub = await served(ground)
    return await ground.kept("tills", lambda: registered(hub.database, TILLS, COUNT))


async def registered(
    database: Database, connection: str, count: int, shop: str = SHOP
) -> list[Till]:
    """So many new registers of that connection, whose customers are members of ``shop``."""
    now = datetime.now(UTC)
    places = [
        NewTill(store=f"s{n // TILLS_A_STORE:04}", till=str(n % TILLS_A_STORE))
        for n in range(count)
    ]
    async with database.begin() as conn:
        known = await register(conn, new_id, now, connection, places)
        made = [new_credential(RING, new_id, now, one.terminal) for one in known]
        await conn.execute(text(ADD_CREDENTIAL), [row for _, row in made])
    return [Till(place, new, shop) for place, (new, _) in zip(places, made, strict=True)]


@dataclass(frozen=True)
class Shop:
    """What sends webhooks: orders of members drawn at random."""

    hub: Served

    def deliveries(self, count: int) -> list[tuple[str, bytes]]:
        """So many, each with its id, about 2 kB."""
        events = purchases({SHOP: MEMBERS}, count)
        return [
            (one.incoming.key, _padded(one.settle.order.model_dump_json().encode()))
            for one in events
        ]

    async def tell(self, delivery: tuple[str, bytes]) -> None:
        """Send one over a connection of its own; it is stored when this returns."""
        id, body = delivery
        headers = JSON | signed(SECRET, id, body)
        async with Line(self.hub.url) as line:
            answer = await line.ask("POST", f"/webhooks/{SHOP}", headers, body)
        assert answer.status == 200, answer.status


def _padded(body: bytes, size: int = 2_000) -> bytes:
    return body + b" " * (size - len(body))
