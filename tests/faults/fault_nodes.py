"""The hub's nodes as processes, and the one connection and till that they serve."""

import asyncio
import json
import os
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fault_cloud import Cloud
from fault_vendor import VENDOR

from renkei.bootstrap import Hub, open_hub
from renkei.cli.terminal import added
from renkei.clock import utcnow
from renkei.config import Settings
from renkei.registry import Registry
from renkei_contracts.twin.process import free_port

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SECRET = "the-cart-signs-with-this"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
PLUGIN = {"PYTHONPATH": str(Path(__file__).parent)}
NODE = Path(__file__).parents[1] / "node_process.py"


@dataclass(frozen=True)
class Where:
    """A hub's database as its owner and as the running hub reach it, and a folder for logs.

    Without ``app`` it is the hub's own in ``data_dir``.
    """

    owner: str
    app: str
    folder: Path
    data_dir: Path

    def given(self) -> dict[str, str]:
        """The settings."""
        mine = {"data_dir": str(self.data_dir)}
        others = {"database_url": self.app, "migration_url": self.owner, "secret_key": KEY}
        return mine | others if self.app else mine

    def environment(self) -> dict[str, str]:
        """The same for a node; nothing else of this machine's is a setting."""
        kept = {name: one for name, one in os.environ.items() if not name.startswith("RENKEI_")}
        return kept | {f"RENKEI_{name.upper()}": one for name, one in self.given().items()}


@dataclass
class Node:
    """One process. Its port stays over a restart, and so does its clock."""

    name: str
    where: Where
    works: bool
    extra: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.where.folder / f"{self.name}.log"

    @property
    def clock(self) -> Path:
        return self.where.folder / f"{self.name}.clock"

    @property
    def ahead(self) -> float:
        """By how many seconds its clock is wrong."""
        return float(self.clock.read_text())

    def set_ahead(self, seconds: float) -> None:
        """By an atomic rename: the node reads it all the time."""
        fresh = self.clock.with_suffix(".fresh")
        fresh.write_text(str(seconds))
        fresh.rename(self.clock)

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        if not self.clock.exists():
            self.set_ahead(0)
        workers = {"RENKEI_WORKERS": json.dumps(self.works)}
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(NODE),
                "fault_vendor",
                str(self.port),
                str(self.clock),
                env={**self.where.environment(), **PLUGIN, **workers, **self.extra},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        assert line, f"{self.name} did not start: {self.log.read_text()[-2000:]}"

    async def kill(self) -> None:
        """kill -9."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return await self.process.wait()


def hub_on(where: Where) -> AbstractAsyncContextManager[Hub]:
    """A hub in this process, for what an administrator has done the day before."""
    settings, registry = Settings(**where.given()), Registry({VENDOR.name: VENDOR})
    return open_hub(settings, clock=lambda: utcnow() - timedelta(days=1), registry=registry)


def acme_settings(cloud: Cloud) -> dict[str, str]:
    """What the administrator types."""
    return {"secret": SECRET, "base_url": cloud.url, "token": cloud.token}


async def set_up(hub: Hub, cloud: Cloud) -> str:
    """Connect the cart and register a till; gives the till's credential."""
    await hub.connecting.connect(VENDOR, "cart", acme_settings(cloud), SINCE)
    new = await added(hub, "pos", "shibuya", "1")
    return f"Bearer {new.key_id}.{new.secret}"
