"""Two nodes on one database are restarted one after the other, and no request fails."""

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from subprocess import CompletedProcess
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE

Run = Callable[..., "CompletedProcess[str]"]
Spawn = Callable[..., Awaitable[Process]]

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
LINGER = "3"
"""Seconds that a node serves on: many times what a caller needs to see that it is not ready."""

PATIENCE = 15
"""Seconds for which a caller looks for a node that is ready: each has three to ask its database."""

CALLERS = 2
CHANGES = "/pos/v1/changes"
LONGEST = {"wait": "55", "types": "rule"}
"""A poll that hears of nothing here, and would outlast every restart."""


@dataclass
class Node:
    """One ``renkei serve``; ``lingered`` is how many requests it took when it was not ready."""

    process: Process
    url: str
    lingered: int = 0


@dataclass
class Callers:
    """They ask /readyz until a node is ready, call that node, and never call again."""

    http: httpx.AsyncClient
    nodes: list[Node]
    numbers: "count[int]" = field(default_factory=count)
    done: int = 0
    failed: list[object] = field(default_factory=list)

    async def readiness(self, node: Node) -> int:
        """The status of its answer; 0 where nobody listens, or it ends at that moment."""
        try:
            return (await self.http.get(f"{node.url}/readyz")).status_code
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            return 0

    async def sell(self, node: Node, number: int) -> None:
        """One sale, told once."""
        sale = {
            "sale": {
                "store": "shibuya",
                "till": "1",
                "business_date": "2026-11-26",
                "receipt_number": f"{number}",
            },
            "sold_at": "2026-11-26T10:00:00+09:00",
            "member": None,
            "lines": [{"id": "1", "quantity": 1, "amount": 1_100, "tax_rate": 1000}],
        }
        try:
            said = await self.http.post(f"{node.url}/pos/v1/transactions", json=sale)
            said.raise_for_status()
        except httpx.HTTPError as error:
            self.failed.append(error)
        else:
            self.done += 1

    async def call_until(self, stop: asyncio.Event) -> None:
        """Sales, each at a node that is ready; the first at one that is not any more, too."""
        while not stop.is_set():
            number = next(self.numbers)
            try:
                async with asyncio.timeout(PATIENCE):
                    node = await self.ready_node(number)
            except TimeoutError:
                self.failed.append("no node was ready")
            else:
                await self.sell(node, number)

    async def ready_node(self, turn: int) -> Node:
        """The next that takes requests. Nodes change while one is asked, so they are looked up
        for every question."""
        while True:
            node = self.nodes[turn % len(self.nodes)]
            status = await self.readiness(node)
            if status == httpx.codes.OK or (status and not node.lingered):
                node.lingered += status != httpx.codes.OK
                return node
            turn += 1

    async def poll(self, node: Node) -> None:
        """A long poll of the feed."""
        try:
            said = await self.http.get(f"{node.url}{CHANGES}", params=LONGEST)
            said.raise_for_status()
        except httpx.HTTPError as error:
            self.failed.append(error)


@dataclass
class Service:
    """Nodes that share one database."""

    renkei: Run
    spawn: Spawn
    environment: dict[str, str]

    async def credential(self) -> str:
        place = ("--connection", "pos", "--store", "shibuya", "--till", "1", "--json")
        ran = await asyncio.to_thread(self.renkei, "terminal", "add", *place, **self.environment)
        assert ran.returncode == 0, ran.stderr
        made: dict[str, Any] = json.loads(ran.stdout)
        return f"Bearer {made['key_id']}.{made['secret']}"

    async def node(self) -> Node:
        process = await self.spawn("serve", "--port", "0", **self.environment)
        assert process.stdout is not None
        while b"listens on" not in (line := await process.stdout.readline()):
            assert line, "the node ended before it listened"
        return Node(process, line.decode().split()[-1])


@pytest.fixture
def service(renkei: Run, spawn: Spawn, server: EmbeddedServer, database_name: str) -> Service:
    environment = {
        "RENKEI_DATABASE_URL": server.url(APP_ROLE, database_name),
        "RENKEI_MIGRATION_URL": server.url(database=database_name),
        "RENKEI_SECRET_KEY": KEY,
        "RENKEI_LINGER_SECONDS": LINGER,
        "RENKEI_LOG_LEVEL": "error",
    }
    return Service(renkei, spawn, environment)


async def restarted(service: Service, callers: Callers, place: int) -> Node:
    """Stop the node by SIGTERM while it is polled, and put a new one in its place."""
    node = callers.nodes[place]
    polling = asyncio.create_task(callers.poll(node))
    node.process.terminate()
    assert await node.process.wait() == 0
    await polling
    callers.nodes[place] = await service.node()
    return node


@pytest.mark.timeout(240)
async def test_two_nodes_are_restarted_in_turn_without_a_failed_request(
    service: Service, owner_engine: AsyncEngine
) -> None:
    headers = {"Authorization": await service.credential()}
    nodes = list(await asyncio.gather(service.node(), service.node()))
    async with httpx.AsyncClient(headers=headers, timeout=60) as http:
        callers, stop = Callers(http, nodes), asyncio.Event()
        calling = [asyncio.create_task(callers.call_until(stop)) for _ in range(CALLERS)]
        old = [await restarted(service, callers, place) for place in range(2)]
        stop.set()
        await asyncio.gather(*calling)
    assert callers.failed == []
    assert [node.lingered > 0 for node in old] == [True, True]
    async with owner_engine.connect() as conn:
        booked = await conn.execute(text("SELECT count(*) FROM orders"))
        assert booked.scalar_one() == callers.done
