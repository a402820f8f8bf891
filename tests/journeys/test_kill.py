"""kill -9 of the hub in the middle of deliveries: after a restart it ends where it would have."""

import asyncio
import json
import socket
import subprocess
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from renkei.cli.demo_stages import Cast, Wanted, cast
from renkei.cli.demo_watch import watch
from renkei.registry import load_registry
from renkei_contracts.stage import CartStage, Mischief, Shopper, Staged, Webhook

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Spawn = Callable[..., Any]

SHOPPERS = 3
ORDERS = 6
"""Of each shopper, all at the same time."""

PATIENCE = 60.0
TWICE_BACKWARDS = Mischief(times=2, reversed=True)


@dataclass
class Hub:
    """A hub in a process of its own, on a port that stays its own over a restart."""

    spawn: Spawn
    port: int
    process: asyncio.subprocess.Process | None = None
    said: list[str] = field(default_factory=list)
    listener: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it, and wait until it says that it listens."""
        self.process = await self.spawn("serve", RENKEI_PORT=str(self.port))
        assert self.process.stdout is not None
        while b"listens on" not in (line := await self.process.stdout.readline()):
            assert line, "the hub ended before it listened"
        self.listener = asyncio.create_task(self._listen(self.process.stdout))

    async def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return await self.process.wait()

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            self.said.append(line.decode())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def options(settings: dict[str, Any]) -> list[str]:
    """Settings as the command line takes them."""
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in settings.items()
    }
    return [part for name, text in texts.items() for part in ("--set", f"{name}={text}")]


async def connect(renkei: Run, hub: Hub, id: str, vendor: str, stage: Staged) -> None:
    """As an administrator does it; the vendor is told where the hub listens."""
    ran = await asyncio.to_thread(
        renkei,
        *("connect", vendor, "--id", id, "--json", *options(dict(stage.settings()))),
        RENKEI_PORT=str(hub.port),
    )
    assert ran.returncode == 0, ran.stderr
    await stage.listen(Webhook(json.loads(ran.stdout)["webhook_url"]))


async def shop(cart: CartStage, customers: list[str], hub: Hub, *, kill: bool) -> None:
    """Everybody orders at once; perhaps the hub dies and comes back meanwhile."""
    items = list(await cart.catalogue())[:2]
    orders = [
        asyncio.create_task(cart.buy(customer, items, TWICE_BACKWARDS))
        for customer in customers
        for _ in range(ORDERS)
    ]
    if kill:
        _, under_way = await asyncio.wait(orders, return_when=asyncio.FIRST_COMPLETED)
        await hub.kill()
        assert under_way, "everything was delivered before the hub was killed"
        await hub.start()
    await asyncio.gather(*orders)


async def final_state(renkei: Run, played: Cast, hub: Hub, *, kill: bool) -> dict[str, Any]:
    """Run the burst, and say what the ledger and the cart show when all is quiet."""
    await connect(renkei, hub, "cart", played.cart_vendor.name, played.cart)
    await connect(renkei, hub, "till", played.till_vendor.name, played.till)
    await hub.start()
    customers = [
        await played.cart.register(Shopper(f"shopper{n}@example.jp", "山田", f"花子{n}"))
        for n in range(SHOPPERS)
    ]
    await shop(played.cart, customers, hub, kill=kill)
    shown = [
        (await watch(lambda who=who: played.cart.points_shown(who), 132 * ORDERS, PATIENCE)).shown
        for who in customers
    ]
    books = await asyncio.to_thread(renkei, "members", "--json")
    checked = await asyncio.to_thread(renkei, "ledger", "verify", "--json")
    assert await hub.stop() == 0
    members = json.loads(books.stdout)["members"]
    return {
        "shown": shown,
        "balances": sorted((one["available"], one["pending"], one["debt"]) for one in members),
        "findings": json.loads(checked.stdout)["findings"],
    }


async def one_run(renkei: Run, spawn: Spawn, place: Path, *, kill: bool) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        played = cast(load_registry(), Wanted(), place / "stages")
        await stack.enter_async_context(played.cart)
        await stack.enter_async_context(played.till)
        return await final_state(renkei, played, Hub(spawn, free_port()), kill=kill)


async def test_a_hub_that_was_killed_ends_where_it_would_have_ended(
    renkei: Run, spawn: Spawn, place: Path
) -> None:
    killed = await one_run(renkei, spawn, place, kill=True)
    assert killed["shown"] == [132 * ORDERS] * SHOPPERS
    assert killed["balances"] == [(132 * ORDERS, 0, 0)] * SHOPPERS
    assert killed["findings"] == []
