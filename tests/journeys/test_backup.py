"""A backup of a hub that goes on selling, and the hub that is made from it."""

import asyncio
import json
import os
import shutil
import subprocess
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from renkei.cli.demo_watch import watch
from renkei.identity.cards import card_number
from renkei.ledger.statehash import load_states, state_hash
from renkei.storage import embedded

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Spawn = Callable[..., Awaitable[Process]]

CARDS = [card_number(number) for number in range(3)]
BEFORE = 12
"""Sales that are acknowledged before the backup begins."""

TILLS = 2
"""Sales under way at any moment, until the backup is there."""

PATIENCE = 60.0
ORDERS = "SELECT order_ref FROM orders WHERE connection_id = 'pos'"
FEED = "SELECT seq FROM feed_head WHERE lane = 0"
SOMETHING_ELSE = "LOCK TABLE fact IN ACCESS EXCLUSIVE MODE"


@dataclass
class Till:
    """Sells over HTTP, and keeps what it sold; ``answered`` by receipt."""

    http: httpx.AsyncClient
    members: list[str] = field(default_factory=list)
    answered: dict[str, Any] = field(default_factory=dict)

    async def give_out_cards(self) -> None:
        for card in CARDS:
            said = await self.http.post("/pos/v1/members", json={"card": card})
            self.members.append(said.raise_for_status().json()["member"])

    async def sell(self, number: int) -> None:
        sale = {
            "sale": {
                "store": "shibuya",
                "till": "1",
                "business_date": "2026-11-26",
                "receipt_number": f"{number}",
            },
            "sold_at": "2026-11-26T10:00:00+09:00",
            "member": self.members[number % len(self.members)],
            "lines": [{"id": "1", "quantity": 1, "amount": 1_100, "tax_rate": 1000}],
        }
        said = await self.http.post("/pos/v1/transactions", json=sale)
        self.answered[f"{number}"] = said.raise_for_status().json()

    async def cursor(self) -> str:
        """The end of the feed."""
        said = await self.http.get("/pos/v1/snapshot", params={"limit": 1})
        return str(said.raise_for_status().json()["cursor"])

    async def changes(self, cursor: str) -> httpx.Response:
        return await self.http.get("/pos/v1/changes", params={"cursor": cursor})


@dataclass
class Hubs:
    """Hubs in folders beside one another, each in a process of its own."""

    renkei: Run
    spawn: Spawn
    place: Path

    async def run(self, folder: str, *arguments: str) -> Any:
        """Run one command, and give the JSON it wrote."""
        ran = await asyncio.to_thread(
            self.renkei, *arguments, "--json", RENKEI_DATA_DIR=str(self.place / folder)
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    @asynccontextmanager
    async def serving(self, folder: str, credential: Any) -> AsyncIterator[Till]:
        """Serve, for a till with this credential; ended by SIGTERM."""
        environment = {"RENKEI_DATA_DIR": str(self.place / folder)}
        process = await self.spawn("serve", "--port", "0", **environment)
        assert process.stdout is not None
        while b"listens on" not in (line := await process.stdout.readline()):
            assert line, "the hub ended before it listened"
        url = line.decode().split()[-1]
        told = asyncio.create_task(process.stdout.read())
        bearer = {"Authorization": f"Bearer {credential['key_id']}.{credential['secret']}"}
        async with httpx.AsyncClient(base_url=url, headers=bearer, timeout=PATIENCE) as http:
            yield Till(http)
        process.terminate()
        assert await process.wait() == 0
        await told

    async def till(self, folder: str) -> Any:
        """The credential of a new till."""
        place = ("--connection", "pos", "--store", "shibuya", "--till", "1")
        return await self.run(folder, "terminal", "add", *place)


@pytest.fixture
def hubs(renkei: Run, spawn: Spawn, place: Path) -> Hubs:
    return Hubs(renkei, spawn, place)


@contextmanager
def joined(folder: Path) -> Iterator[embedded.EmbeddedServer]:
    """The database in that folder, for as long."""
    home = folder / "postgres"
    try:
        yield embedded.start(home)
    finally:
        embedded.leave(home)


def asked(folder: Path, query: str) -> list[Any]:
    with joined(folder) as server:
        engine = create_engine(server.url())
        with engine.connect() as conn:
            found = list(conn.execute(text(query)).scalars())
        engine.dispose()
    return found


async def books(folder: Path, members: list[str]) -> str:
    """The state hash of the books in that folder."""
    with joined(folder) as server:
        engine = create_async_engine(server.url())
        async with engine.connect() as conn:
            aliases = {one: one for one in members}
            states = await load_states(conn, aliases, datetime(2026, 12, 1, tzinfo=UTC))
        await engine.dispose()
    return state_hash(states)


async def selling_during(till: Till, work: Awaitable[Any]) -> Any:
    """Sell, several at a time, until the work is done; give what it gave."""
    under_way = asyncio.ensure_future(work)
    numbers = iter(range(BEFORE, 1_000_000))

    async def sell() -> None:
        while not under_way.done():
            await till.sell(next(numbers))

    await asyncio.gather(*(sell() for _ in range(TILLS)))
    return await under_way


@pytest.mark.timeout(300)
async def test_a_hub_made_from_a_backup_goes_on_where_the_backup_was_made(
    hubs: Hubs, place: Path
) -> None:
    old, new, file = place / "old", place / "new", place / "points.backup"
    credential = await hubs.till("old")
    async with hubs.serving("old", credential) as till:
        await till.give_out_cards()
        for number in range(BEFORE):
            await till.sell(number)
        early = await till.cursor()
        acknowledged = set(asked(old, ORDERS))
        made = await selling_during(till, hubs.run("old", "backup", str(file)))
        late = await till.cursor()
    assert len(acknowledged) == BEFORE
    assert len(till.answered) > BEFORE + TILLS, "nothing was sold while the backup was made"
    wanted = await books(old, till.members)

    new.mkdir(mode=0o755)
    shutil.copy(old / "secret.key", new / "secret.key")
    assert (await hubs.run("new", "restore", str(file)))["holds"] == made["holds"]
    verified = await hubs.run("new", "ledger", "verify")
    assert verified["findings"] == []
    assert verified["transactions"] == made["holds"]["transactions"]
    assert asked(new, FEED) == [made["holds"]["feed_end"]]
    restored = set(asked(new, ORDERS))
    assert len(restored) == made["holds"]["orders"]
    assert acknowledged <= restored <= set(asked(old, ORDERS))

    async with hubs.serving("new", credential) as again:
        again.members = till.members
        assert (await again.changes(early)).status_code == 200
        beyond = await again.changes(late)
        assert (beyond.status_code, beyond.json()["code"]) == (400, "cursor_unknown")
        for number in range(len(till.answered)):
            await again.sell(number)
    assert await books(new, till.members) == wanted

    async with hubs.serving("new", credential) as again:
        again.members = till.members
        for number in range(2_000_000, 2_000_000 + len(till.answered)):
            await again.sell(number)  # as far as the lost hub came, and farther
        lost = await again.changes(late)
        assert (lost.status_code, lost.json()["code"]) == (400, "cursor_unknown")
        assert (await again.changes(early)).status_code == 200
        assert (await again.changes(await again.cursor())).status_code == 200


@pytest.mark.timeout(300)
async def test_a_backup_that_is_killed_leaves_no_file_of_that_name(
    hubs: Hubs, spawn: Spawn, place: Path
) -> None:
    folder, file = place / "data", place / "points.backup"
    await hubs.till("data")
    with joined(folder) as server:
        engine = create_engine(server.url())
        with engine.begin() as conn:
            conn.execute(text(SOMETHING_ELSE))
            backup = await spawn("backup", str(file), RENKEI_DATA_DIR=str(folder))

            async def begun() -> int:
                return sum(one.startswith(".points.backup.") for one in os.listdir(place))

            assert (await watch(begun, 1, PATIENCE)).shown == 1
            backup.kill()
            assert await backup.wait() == -9
        engine.dispose()
    assert not file.exists()
