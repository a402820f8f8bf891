"""kill -9 of the hub in the middle of deliveries: after a restart it ends where it would have."""

import asyncio
import json
import socket
import subprocess
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from renkei.cli.demo_stages import Cast, Wanted, cast
from renkei.cli.demo_watch import watch
from renkei.registry import load_registry
from renkei_contracts.stage import CartStage, Mischief, Shopper, Staged, Webhook

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Spawn = Callable[..., Awaitable[Process]]

POINTS = 132
"""What the first two things of a twin's catalogue earn."""

SHOPPERS = 3
ORDERS = 6
"""Of each shopper, all at the same time."""

PATIENCE = 120.0
"""Seconds; a few on a quiet machine."""

TWICE_BACKWARDS = Mischief(times=2, reversed=True)


@dataclass
class Installation:
    """A hub in a process of its own; its folder and its port stay over a restart."""

    renkei: Run
    spawn: Spawn
    folder: Path
    port: int
    process: Process | None = None
    listener: "asyncio.Task[None] | None" = None

    @property
    def environment(self) -> dict[str, str]:
        return {"RENKEI_DATA_DIR": str(self.folder / "data"), "RENKEI_PORT": str(self.port)}

    async def ask(self, *arguments: str) -> Any:
        """Run one command, and give the JSON it wrote."""
        ran = await asyncio.to_thread(self.renkei, *arguments, "--json", **self.environment)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    async def start(self) -> None:
        """Start it, and wait until it says that it listens."""
        self.process = await self.spawn("serve", **self.environment)
        assert self.process.stdout is not None
        while b"listens on" not in (line := await self.process.stdout.readline()):
            assert line, "the hub ended before it listened"
        self.listener = asyncio.create_task(_drained(self.process.stdout))

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


async def _drained(stream: asyncio.StreamReader) -> None:
    async for _ in stream:
        pass


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def options(settings: Mapping[str, object]) -> list[str]:
    """Settings as the command line takes them."""
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in settings.items()
    }
    return [part for name, text in texts.items() for part in ("--set", f"{name}={text}")]


async def connect(hub: Installation, id: str, vendor: str, stage: Staged) -> None:
    """As an administrator does it; the vendor is told where the hub listens."""
    made = await hub.ask("connect", vendor, "--id", id, *options(stage.settings()))
    await stage.listen(Webhook(made["webhook_url"]))


async def shop(cart: CartStage, customers: list[str], hub: Installation, *, kill: bool) -> None:
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


async def shown(cart: CartStage, customer: str) -> int | None:
    """What the shop shows when all is quiet."""
    seen = await watch(lambda: cart.points_shown(customer), POINTS * ORDERS, PATIENCE)
    return seen.shown


async def earned(hub: Installation, member: str) -> list[tuple[str, int]]:
    """What each of the member's orders has come to, whatever the steps were."""
    orders: Counter[str] = Counter()
    for line in (await hub.ask("explain", member))["lines"]:
        orders[line["order"]] += line["after"] - line["before"]
    return sorted(Counter(orders.values()).items())


async def final_state(played: Cast, hub: Installation, *, kill: bool) -> dict[str, Any]:
    """Run the burst, and say what ledger and cart show at the end."""
    await connect(hub, "cart", played.cart_vendor.name, played.cart)
    await connect(hub, "till", played.till_vendor.name, played.till)
    await hub.start()
    customers = [
        await played.cart.register(Shopper(f"shopper{n}@example.jp", "山田", f"花子{n}"))
        for n in range(SHOPPERS)
    ]
    await shop(played.cart, customers, hub, kill=kill)
    in_the_shop = [await shown(played.cart, customer) for customer in customers]
    members = (await hub.ask("members"))["members"]
    state = {
        "shown": in_the_shop,
        "balances": sorted((one["available"], one["pending"], one["debt"]) for one in members),
        "orders": [await earned(hub, one["member"]) for one in members],
        "findings": (await hub.ask("ledger", "verify"))["findings"],
    }
    assert await hub.stop() == 0
    return state


async def one_run(renkei: Run, spawn: Spawn, folder: Path, *, kill: bool) -> dict[str, Any]:
    hub = Installation(renkei, spawn, folder, free_port())
    async with AsyncExitStack() as stack:
        played = cast(load_registry(), Wanted(), folder / "stages")
        await stack.enter_async_context(played.cart)
        await stack.enter_async_context(played.till)
        return await final_state(played, hub, kill=kill)


@pytest.mark.timeout(420)
async def test_a_hub_that_was_killed_ends_where_it_would_have_ended(
    renkei: Run, spawn: Spawn, place: Path
) -> None:
    killed, undisturbed = await asyncio.gather(
        one_run(renkei, spawn, place / "killed", kill=True),
        one_run(renkei, spawn, place / "undisturbed", kill=False),
    )
    assert killed == undisturbed
    assert killed["shown"] == [POINTS * ORDERS] * SHOPPERS
    assert killed["balances"] == [(POINTS * ORDERS, 0, 0)] * SHOPPERS
    assert killed["findings"] == []
