"""A connection whose deliveries are refused or missing, as a vendor and a merchant live it."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text

from renkei.bootstrap import Hub
from renkei.cli import doctor_database as looks
from renkei.services.flow.watch_deliveries import WATCH_LOCK, WatchDeliveries
from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE
from renkei.web.app import build_app
from renkei_contracts.twin.server import serve

MORNING = datetime(2026, 11, 26, 1, 0, 5, tzinfo=UTC)
SETTINGS = "UPDATE connection SET settings = :settings WHERE connection_id = 'signing'"

LOOKING = text("SELECT pg_advisory_xact_lock(:id)")


class Clock:
    def __init__(self) -> None:
        self.now = MORNING

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Shop:
    """The vendor's side of one connection, and the hub's watch over it."""

    def __init__(self, hub: Hub, http: httpx.AsyncClient, clock: Clock) -> None:
        self.hub, self.http, self.clock = hub, http, clock
        self.secret = "acme-signs-with-this"
        self.watch = WatchDeliveries(hub.database, clock)
        self.sent = 0

    async def send(self, number: int = 1, *, forged: bool = False) -> set[int]:
        """Deliveries, signed with the secret the shop has now; the hub's answers."""
        answers = set()
        for _ in range(number):
            self.sent += 1
            body = json.dumps({"n": self.sent}).encode()
            key = b"guess" if forged else self.secret.encode()
            signature = base64.b64encode(hmac.digest(key, body, hashlib.sha256)).decode()
            headers = {"Acme-Signature": signature, "Acme-Id": f"d{self.sent}"}
            response = await self.http.post("/webhooks/signing", content=body, headers=headers)
            answers.add(response.status_code)
        return answers

    async def alarms(self) -> dict[str, str]:
        """The alarms that stand once the hub has looked."""
        await self.hub.counts.write()
        await self.watch.look()
        rows = text("SELECT kind, message FROM alert WHERE closed_at IS NULL")
        async with self.hub.database.begin() as conn:
            return {row.kind: row.message for row in (await conn.execute(rows)).all()}

    async def set_secret(self, secret: str) -> None:
        """The merchant gives the hub a secret."""
        sealed = self.hub.ring.seal(
            json.dumps({"signing_secret": secret}).encode(), "connection/signing/settings"
        )
        async with self.hub.database.begin() as conn:
            await conn.execute(text(SETTINGS), {"settings": sealed})
        self.hub.connections.forget()


@pytest.fixture
async def shop(hub: Hub, clock: Clock) -> AsyncIterator[Shop]:
    async with serve(build_app(hub)) as url, httpx.AsyncClient(base_url=url) as http:
        yield Shop(hub, http, clock)


async def test_a_changed_secret_is_an_alarm_within_a_minute_and_a_mended_one_ends_it(
    shop: Shop, hub: Hub, clock: Clock, server: EmbeddedServer, database_name: str
) -> None:
    assert await shop.send(10) == {200}
    assert await shop.alarms() == {}
    clock.forward(seconds=30)
    shop.secret = "another"
    assert await shop.send(4) == {401}
    clock.forward(seconds=20)
    alarms = await shop.alarms()
    assert list(alarms) == ["deliveries_refused"]
    message = alarms["deliveries_refused"]
    assert "connection signing: 4 of 14 deliveries" in message
    assert "renkei connect acme --id signing --replace" in message

    assert await shop.alarms() == alarms  # once
    (line,) = [line for line in await hub.connecting.lines() if line.id == "signing"]
    assert line.alarms == (message,)
    engine = create_engine(server.url(APP_ROLE, database_name))
    with engine.connect() as conn:
        assert message in looks.deliveries(conn).said
    engine.dispose()

    await shop.set_secret("another")
    clock.forward(minutes=3)
    assert list(await shop.alarms()) == ["deliveries_refused"]
    assert await shop.send() == {200}
    assert await shop.alarms() == {}
    assert {line.alarms for line in await hub.connecting.lines()} == {()}


async def test_a_check_that_never_fitted_is_an_alarm_after_a_few_deliveries(
    shop: Shop, clock: Clock
) -> None:
    shop.secret = "never-what-it-was"
    await shop.send(2)
    assert await shop.alarms() == {}
    clock.forward(minutes=50)
    await shop.send()
    message = (await shop.alarms())["deliveries_refused"]
    assert "3 of 3 deliveries so far were refused" in message


async def test_a_shop_that_falls_silent_is_an_alarm_whatever_strangers_send(
    shop: Shop, clock: Clock
) -> None:
    for days in (0, 1, 2, 3):
        for minutes in range(-180 if days else 1, 180):
            at = MORNING - timedelta(days=days, minutes=minutes)
            for _ in range(5):
                shop.hub.counts.add("signing", at, genuine=True)
    for _ in range(2):
        await shop.send(5)
        await shop.send(20, forged=True)
        assert "deliveries_missing" not in await shop.alarms()
        clock.forward(minutes=1)
    clock.forward(minutes=3)
    await shop.send(20, forged=True)
    message = (await shop.alarms())["deliveries_missing"]
    assert "no genuine delivery came for 3 min, usually 15 or more do" in message
    assert "look at acme whether its webhooks are still there" in message


async def test_a_refused_delivery_leaves_nothing_but_its_count(
    shop: Shop, count: Callable[[str], Any]
) -> None:
    await shop.send(3, forged=True)
    await shop.hub.counts.write()
    assert await count("delivery") == 0
    assert await count("delivery_count") == 1


async def test_of_several_processes_one_looks_and_one_alarm_is_raised(
    shop: Shop, count: Callable[[str], Any]
) -> None:
    await shop.send(5, forged=True)
    await shop.hub.counts.write()
    async with shop.hub.database.begin() as another:
        await another.execute(LOOKING, {"id": WATCH_LOCK})
        await shop.watch.look()
        assert await count("alert") == 0
    await WatchDeliveries(shop.hub.database, shop.clock).look()
    await shop.watch.look()
    assert await count("alert") == 1


async def test_a_name_that_is_no_connection_is_not_counted(
    shop: Shop, count: Callable[[str], Any]
) -> None:
    await shop.http.post("/webhooks/nowhere", content=b"{}")
    await shop.hub.counts.write()
    assert await count("delivery_count") == 0
