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
from datetime import UTC, datetime
from pathlib import Path

from fault_cloud import Cloud
from fault_vendor import VENDOR

from renkei.bootstrap import Hub, open_hub
from renkei.cli.terminal import added
from renkei.config import Settings
from renkei.registry import Registry
from renkei_contracts.twin.process import free_port

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SECRET = "the-cart-signs-with-this"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
NODE = Path(__file__).with_name("node.py")


@dataclass(frozen=True)
class Where:
    """A database as the running hub and as its owner reach it, and the folder of the run."""

    app: str
    owner: str
    folder: Path

    def environment(self) -> dict[str, str]:
        """A node's settings; nothing else of this machine's."""
        kept = {name: one for name, one in os.environ.items() if not name.startswith("RENKEI_")}
        return kept | {
            "RENKEI_DATABASE_URL": self.app,
            "RENKEI_MIGRATION_URL": self.owner,
            "RENKEI_SECRET_KEY": KEY,
            "RENKEI_DATA_DIR": str(self.folder),
        }

    def settings(self) -> Settings:
        """The same for a hub in this process."""
        return Settings(
            data_dir=self.folder,
            database_url=self.app,  # type: ignore[arg-type] - pydantic makes it a secret
            migration_url=self.owner,  # type: ignore[arg-type]
            secret_key=KEY,  # type: ignore[arg-type]
        )


@dataclass
class Node:
    """One process. Its port stays over a restart; ``ahead`` is by how much its clock is wrong."""

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
                str(self.port),
                str(self.clock),
                env={**self.where.environment(), **workers, **self.extra},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        assert b"listens on" in line, f"{self.name} did not start: {self.log.read_text()[-2000:]}"

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
    """A hub in this process, for what an administrator does."""
    return open_hub(where.settings(), registry=Registry({VENDOR.name: VENDOR}))


def acme_settings(cloud: Cloud) -> dict[str, str]:
    """What the administrator types."""
    return {"secret": SECRET, "base_url": cloud.url, "token": cloud.token}


async def set_up(hub: Hub, cloud: Cloud) -> str:
    """Connect the cart and register a till; gives the till's credential."""
    await hub.connecting.connect(VENDOR, "cart", acme_settings(cloud), SINCE)
    new = await added(hub, "pos", "shibuya", "1")
    return f"Bearer {new.key_id}.{new.secret}"
