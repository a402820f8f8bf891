"""Hubs on fresh databases, nodes as processes, what they hold in memory, and what the books say."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from flow_story import CART, SECRET, Told
from sqlalchemy import text

from renkei.bootstrap import Hub, open_hub
from renkei.cli.demo_watch import watch
from renkei.config import Settings
from renkei.ledger.statehash import MemberState, load_states
from renkei.ledger.verify import verify
from renkei.registry import Registry
from renkei.worker import run_worker
from renkei_contracts.delivery import Delivery
from told_cart import VENDOR

NODE = Path(__file__).parents[1] / "node_process.py"
KEY = "azAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="
BATCH = 200

WAITING = "SELECT count(*) FROM delivery WHERE state = 'new'"
CUSTOMERS = """
SELECT DISTINCT member_id, customer_id FROM orders WHERE member_id IS NOT NULL"""


@dataclass(frozen=True)
class Ground:
    """A fresh database with the cart, seen from a hub without web and worker."""

    hub: Hub
    environment: dict[str, str]
    folder: Path

    async def deliver(self, told: Sequence[Told]) -> None:
        """Take all of it in, in this order."""
        now, receive = self.hub.clock(), self.hub.receiver.receive
        came = [Delivery(CART, now, tuple(one.headers.items()), one.body) for one in told]
        for first in range(0, len(came), BATCH):
            some = came[first : first + BATCH]
            assert {outcome for outcome, _ in await asyncio.gather(*map(receive, some))} == {
                "stored"
            }

    async def waiting(self) -> int:
        """Deliveries that nobody has read yet."""
        async with self.hub.database.begin() as conn:
            return int((await conn.execute(text(WAITING))).scalar_one())

    async def worked_off(self, patience: float) -> None:
        """Wait until none is left."""
        assert (await watch(self.waiting, 0, patience)).shown == 0

    async def states(self, at: datetime) -> list[MemberState]:
        """What the books say of every customer, once they are proven to hold."""
        async with self.hub.database.begin() as conn:
            assert (await verify(conn)).findings == ()
            rows = (await conn.execute(text(CUSTOMERS))).all()
            aliases = {row[0]: row[1] for row in rows}
            assert len(aliases) == len(rows)
            return await load_states(conn, aliases, at)


@asynccontextmanager
async def fresh_ground(owner: str, app: str, folder: Path) -> AsyncIterator[Ground]:
    """The cart on a fresh database, whose addresses these are."""
    environment = {
        "RENKEI_DATABASE_URL": app,
        "RENKEI_MIGRATION_URL": owner,
        "RENKEI_SECRET_KEY": KEY,
        "RENKEI_DATA_DIR": str(folder),
    }
    settings = Settings(
        data_dir=folder,
        database_url=environment["RENKEI_DATABASE_URL"],
        migration_url=environment["RENKEI_MIGRATION_URL"],
        secret_key=KEY,
    )
    async with open_hub(settings, registry=Registry({VENDOR.name: VENDOR})) as hub:
        since = hub.clock() - timedelta(days=30)
        await hub.connecting.connect(VENDOR, CART, {"secret": SECRET}, since)
        yield Ground(hub, environment, folder)


@asynccontextmanager
async def worker(ground: Ground) -> AsyncIterator[None]:
    """This process works off what comes in while the block runs."""
    stop = asyncio.Event()
    working = asyncio.create_task(run_worker(ground.hub, stop))
    try:
        yield
    finally:
        stop.set()
        await working


async def in_order(ground: Ground, told: Sequence[Told], patience: float) -> None:
    """One process hears of everything once, as it happened."""
    async with worker(ground):
        await ground.deliver(told)
        await ground.worked_off(patience)


@dataclass
class Node:
    """`renkei serve` as a process."""

    process: Process
    url: str

    @property
    def memory(self) -> int:
        """Bytes in memory that are its own."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def node(ground: Ground, name: str = "node") -> AsyncIterator[Node]:
    """A node that serves and works while the block runs, and then is asked to end, and does."""
    log = ground.folder / f"{name}.log"
    command = (sys.executable, str(NODE), "told_cart")
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *command, env=os.environ | ground.environment, stdout=PIPE, stderr=said
        )
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().strip()
        assert url, log.read_text()
        yield Node(process, url)
        process.terminate()
        assert await process.wait() == 0, log.read_text()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@dataclass
class Line:
    """A connection to a node that is kept; one delivery after the other."""

    url: str
    sent: int = 0
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None)

    async def send(self, told: Told) -> int:
        """The answer's status; sent again where the node asks for that."""
        while True:
            status = await self._ask(told)
            self.sent += 1
            if status != 503:
                return status

    async def _ask(self, told: Told) -> int:
        if self._streams is None:
            address = urlsplit(self.url)
            self._streams = await asyncio.open_connection(address.hostname, address.port)
        reader, writer = self._streams
        lines = [f"POST /webhooks/{CART} HTTP/1.1", "Host: hub"]
        lines += [f"Content-Length: {len(told.body)}"]
        lines += [f"{name}: {value}" for name, value in told.headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + told.body)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
