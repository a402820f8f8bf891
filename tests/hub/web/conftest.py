"""A real hub with a vendor of our own invention, and callers that come over ASGI."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, SecretStr
from sqlalchemy import text

from renkei.bootstrap import Hub, new_id, open_hub
from renkei.clock import Clock, utcnow
from renkei.config import Settings
from renkei.registry import Registry
from renkei.services.till import terminals
from renkei.services.till.terminals import NewCredential
from renkei.storage.engine import APP_ROLE
from renkei.web.app import build_app
from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.event import Ignored, Observation
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.toolkit.signature import require_hmac_base64, require_secret
from renkei_contracts.vendor import Vendor

BODY_LIMIT = 10_000
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
CONNECT = """
INSERT INTO connection (connection_id, vendor, program_id, company_id, settings, settles_from,
                        leads, binds_holds, state, created_at)
VALUES (:id, :vendor, 'default', 'default', :settings, :since, 'hub', false, 'active', now())"""

ACME_SECRET = "acme-signs-with-this"
PATH_SECRET = "acme-is-known-by-this-path"


class AcmeSettings(BaseModel):
    """Signs, or is known by the path it calls."""

    signing_secret: SecretStr | None = None
    path_secret: SecretStr | None = None


class AcmeWebhooks:
    """An invented vendor's deliveries."""

    signs_body = True
    tolerance = None

    def __init__(self, connection: Connection[AcmeSettings]) -> None:
        self._settings = connection.settings

    def verify(self, delivery: Delivery, now: datetime) -> None:
        if self._settings.path_secret is not None:
            expected = self._settings.path_secret.get_secret_value()
            require_secret(delivery.path_secret, expected, "path secret")
            return
        key = self._settings.signing_secret
        keys = [key.get_secret_value()] if key is not None else []
        require_hmac_base64(delivery.header("acme-signature"), keys, delivery.body)

    def key(self, delivery: Delivery) -> str | None:
        return delivery.header("acme-id")

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        return [Ignored(reason="the tests of the web layer look no further")]


async def connect(hub: Hub, id: str, settings: dict[str, Any], vendor: str = "acme") -> None:
    """Add a connection."""
    sealed = hub.ring.seal(json.dumps(settings).encode(), f"connection/{id}/settings")
    async with hub.database.begin() as conn:
        row = {"id": id, "vendor": vendor, "settings": sealed, "since": SINCE}
        await conn.execute(text(CONNECT), row)
    # As adding one in the hub itself does: an unknown name is not looked for again at once.
    hub.connections.forget()


ACME = Vendor("acme", "Acme", AcmeSettings, webhooks=AcmeWebhooks)


@pytest.fixture
def clock() -> Clock:
    """The hub's clock."""
    return utcnow


@pytest.fixture
def vendors() -> dict[str, Vendor]:
    """The plugins that are installed."""
    return {"acme": ACME}


@pytest.fixture
async def hub(
    server: Any,
    database_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
    vendors: dict[str, Vendor],
) -> AsyncIterator[Hub]:
    """An open hub that knows the vendor acme, with the connections ``signing`` and ``secret``."""
    monkeypatch.setattr("renkei.bootstrap.load_registry", lambda off: Registry(vendors))
    settings = Settings(
        data_dir=tmp_path,
        database_url=server.url(APP_ROLE, database_name),
        migration_url=server.url(database=database_name),
        secret_key=base64.b64encode(b"k" * 32).decode(),
        body_limit_bytes=BODY_LIMIT,
    )
    async with open_hub(settings, clock=clock) as opened:
        await connect(opened, "signing", {"signing_secret": ACME_SECRET})
        await connect(opened, "secret", {"path_secret": PATH_SECRET})
        yield opened


@pytest.fixture
def add_connection(hub: Hub) -> Callable[..., Any]:
    """Adds a connection with these settings, to acme unless told."""
    return partial(connect, hub)


@pytest.fixture
def app(hub: Hub) -> FastAPI:
    """The web application of that hub."""
    return build_app(hub)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller on this machine, over a socket of its own."""
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as http:
        yield http


@pytest.fixture
def caller_from(app: FastAPI) -> Callable[[str], httpx.AsyncClient]:
    """A caller whose socket has this address."""

    def made(address: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, client=(address, 50_000))
        return httpx.AsyncClient(transport=transport, base_url="http://hub")

    return made


def sign(secret: str, lines: Sequence[str]) -> str:
    """The signature as docs/pos-v1.md says it, written without looking at the hub's."""
    message = "\n".join(lines).encode("ascii")
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


@dataclass
class Register:
    """A register that signs. ``headers`` change what it says after it has signed.

    ``acts_for``: store and till that a gateway names, as they stand in its headers.
    """

    http: httpx.AsyncClient
    credential: NewCredential
    headers: dict[str, str | None] = field(default_factory=dict)
    acts_for: tuple[str, str] | None = None

    def signed(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        query: str = "",
        nonce: str | None = None,
        offset: int = 0,
    ) -> dict[str, str]:
        """The headers of one request."""
        stamp = str(int(datetime.now(UTC).timestamp()) + offset)
        nonce = nonce or uuid4().hex
        digest = hashlib.sha256(body).hexdigest()
        lines = [method, path, query, stamp, nonce, digest, *(self.acts_for or ())]
        named = zip(("Renkei-Store", "Renkei-Till"), self.acts_for or (), strict=False)
        said: dict[str, str | None] = {
            "Renkei-Key": self.credential.key_id,
            "Renkei-Timestamp": stamp,
            "Renkei-Nonce": nonce,
            "Renkei-Signature": sign(self.credential.secret, lines),
            "Content-Type": "application/json",
        }
        said |= dict(named) | self.headers
        return {name: value for name, value in said.items() if value is not None}

    async def post(self, path: str, ask: object = None, **more: Any) -> httpx.Response:
        """Sign and send JSON."""
        body = b"" if ask is None else json.dumps(ask).encode()
        return await self.send(path, body, **more)

    async def send(self, path: str, body: bytes, **more: Any) -> httpx.Response:
        """Sign and send these bytes."""
        headers = self.signed("POST", path, body, **more)
        return await self.http.post(path, content=body, headers=headers)

    async def get(self, path: str, query: str = "", **more: Any) -> httpx.Response:
        """Sign and ask."""
        headers = self.signed("GET", path, query=query, **more)
        return await self.http.get(f"{path}?{query}" if query else path, headers=headers)


AddTerminal = Callable[..., Any]


@pytest.fixture
def add_terminal(hub: Hub) -> AddTerminal:
    """Register a till of the store Shibuya and give its credential."""

    async def add(till: str = "1", **more: Any) -> NewCredential:
        place = {"connection": "pos", "store": "shibuya", "till": till}
        async with hub.database.begin() as conn:
            return await terminals.add(conn, hub.ring, new_id, hub.clock(), **place | more)

    return add


@pytest.fixture
async def register(client: httpx.AsyncClient, add_terminal: AddTerminal) -> Register:
    """Till 1 of the store Shibuya."""
    return Register(client, await add_terminal())


@dataclass(frozen=True)
class Regular:
    """A member as a cashier meets them."""

    id: str
    email: str
    card: str


@pytest.fixture
async def regular(hub: Hub, register: Register) -> Regular:
    """A member with 500 points."""
    email = "hanako@example.jp"
    seen = Member(
        ref=ExternalRef(connection="signing", id="c1"),
        changed_at=SINCE,
        family_name="山田",
        given_name="花子",
        identities=(Identity(kind=IdentityKind.EMAIL, value=email, grade=Grade.VERIFIED),),
    )
    member = (await hub.booking.enrol(seen)).member
    answer = await register.post("/pos/v1/members:resolve", {"value": email})
    bought = await register.post("/pos/v1/transactions", sale("1000", member, yen=55_000))
    assert bought.json()["spendable"] == 500
    return Regular(member, email, answer.json()["card"])


def sale(receipt: str, member: str | None, *, yen: int = 1_100, **more: Any) -> dict[str, Any]:
    """A sale at till 1 of the store Shibuya."""
    return {
        "sale": {
            "store": "shibuya",
            "till": "1",
            "business_date": "2026-11-26",
            "receipt_number": receipt,
        },
        "sold_at": "2026-11-26T10:00:00+09:00",
        "member": member,
        "lines": [{"id": "1", "quantity": 1, "amount": yen, "tax_rate": 1000}],
    } | more


PUBLISH = """
INSERT INTO program_version (program_id, version, in_force_from, document)
SELECT program_id, max(version) + 1, CAST(:since AS timestamptz), CAST(:d AS json)
FROM program_version WHERE program_id = 'default' GROUP BY program_id"""


@pytest.fixture
def publish(hub: Hub) -> Callable[..., Any]:
    """Gives the program these rules from then on."""

    async def publish(rules: dict[str, Any], since: str = "2026-01-02T00:00:00Z") -> None:
        values = {"since": datetime.fromisoformat(since), "d": json.dumps(rules)}
        async with hub.database.begin() as conn:
            await conn.execute(text(PUBLISH), values)

    return publish


@pytest.fixture
def new_application(hub: Hub, register: Register, publish: Callable[..., Any]) -> Any:
    """Makes an application of the connection ``signing``, whose program has these rules."""

    async def new_application(rules: dict[str, Any]) -> Register:
        await publish(rules)
        async with hub.database.begin() as conn:
            credential = await terminals.add_application(
                conn, hub.ring, new_id, hub.clock(), connection="signing", name="site"
            )
        return Register(register.http, credential)

    return new_application


@pytest.fixture
def new_sale() -> Callable[..., dict[str, Any]]:
    """Makes the body of a sale."""
    return sale


@pytest.fixture
def acme_signs() -> Callable[[bytes], dict[str, str]]:
    """The headers of a delivery of ``signing``."""

    def headers(body: bytes, id: str = "d1") -> dict[str, str]:
        digest = hmac.new(ACME_SECRET.encode(), body, hashlib.sha256).digest()
        return {"Acme-Signature": base64.b64encode(digest).decode(), "Acme-Id": id}

    return headers


@pytest.fixture
def count(hub: Hub) -> Callable[[str], Any]:
    """Counts the rows of a table."""

    async def rows(table: str) -> int:
        async with hub.database.begin() as conn:
            return int((await conn.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())

    return rows
