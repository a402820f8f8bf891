"""A hub that is connected to the reference cart's twin, and workers of it as processes."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from acme import Scene, body, bought, given, hanako
from comparing import rested

from renkei.bootstrap import Hub, open_hub
from renkei.config import Settings
from renkei.registry import Registry
from renkei.storage.engine import APP_ROLE
from renkei_contracts.reference.cart import VENDOR
from renkei_contracts.reference.cart.twin import ReferenceTwin
from renkei_contracts.stage import Shopper, StageContext

WORKER = Path(__file__).parents[2] / "worker_process.py"
PLUGIN = "renkei_contracts.reference.cart"
CUSTOMERS = 40
SINCE = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture
async def cart_twin(tmp_path: Path) -> AsyncIterator[ReferenceTwin]:
    """A cart with customers who have bought nothing."""
    async with ReferenceTwin(StageContext(tmp_path)) as made:
        for number in range(CUSTOMERS):
            made.shop.register(Shopper(f"s{number}@example.jp", "山田", f"花子{number}"))
        yield made


@pytest.fixture
def hub_environment(server: Any, database_name: str, tmp_path: Path) -> dict[str, str]:
    """The settings of a hub on the fresh database."""
    return {
        "RENKEI_DATA_DIR": str(tmp_path),
        "RENKEI_DATABASE_URL": server.url(APP_ROLE, database_name),
        "RENKEI_MIGRATION_URL": server.url(database=database_name),
        "RENKEI_SECRET_KEY": "azAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=",
    }


@pytest.fixture
async def cart_hub(
    hub_environment: dict[str, str], cart_twin: ReferenceTwin, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Hub]:
    """A hub that is connected to the cart; every customer has 70 points that end in a year."""
    for name, value in hub_environment.items():
        monkeypatch.setenv(name, value)
    async with open_hub(Settings(), registry=Registry({VENDOR.name: VENDOR})) as opened:
        await opened.connecting.connect(VENDOR, "cart", cart_twin.settings(), SINCE)
        for customer in cart_twin.shop.customers:
            await given(opened.booking, str(customer))
        yield opened


Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start_worker(hub_environment: dict[str, str]) -> AsyncIterator[Start]:
    """Starts a worker of the hub, perhaps with a fail-point; killed at the end at the latest."""
    started: list[Process] = []

    async def started_with(**more: str) -> Process:
        environment = os.environ | hub_environment | more
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(WORKER), PLUGIN, env=environment, stdout=DEVNULL
        )
        started.append(process)
        return process

    yield started_with
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
async def sold(scene: Scene) -> Scene:
    """Hanako bought for 11,000 yen, and everybody shows her 100 points."""
    scene.cart.members["c1"] = hanako()
    await scene.deliver(b"member" + hanako().model_dump_json().encode(), "m1")
    await scene.deliver(body(bought()), "d1")
    await scene.settle_down()
    scene.cart.orders["o1"] = bought()
    for id in ("cart", "shop"):
        await scene.worker.polls.begin(await scene.hub.connections.get(id))
    await rested(scene)
    return scene
