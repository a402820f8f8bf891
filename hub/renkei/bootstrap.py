"""The one place that builds everything: database, keys, plugins, services."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uuid_utils

from renkei.clock import Clock, utcnow
from renkei.config import KEY_BYTES, Settings, key_bytes, key_in
from renkei.connections.opened import OpenConnections
from renkei.errors import ConfigInvalid
from renkei.messaging.delivery_counts import DeliveryCounts
from renkei.messaging.inbox import Incoming, sender_of, store_batch
from renkei.registry import Registry, load_registry
from renkei.services.batch import ledger_lanes
from renkei.services.booking import Booking
from renkei.services.command import Command
from renkei.services.flow.receive import Receiver
from renkei.services.setup import installation
from renkei.services.setup.connect import Connecting
from renkei.services.till.callers import Callers
from renkei.services.till.feed_head import FeedHead
from renkei.services.till.feed_marks import load_marks
from renkei.services.till.till import TillService
from renkei.storage import embedded
from renkei.storage.committer import Committer, GroupCommitter
from renkei.storage.embedded_folder import sync
from renkei.storage.embedded_keeper import kept_up
from renkei.storage.engine import APP_ROLE, Database, open_database, require_reachable
from renkei.storage.schema import alone, migrate, set_app_password
from renkei.storage.sealed import KeyRing
from renkei.storage.wakers import Wakers
from renkei.tracing import NO_TRACES, Traces

KEY_FILE = "secret.key"


@dataclass
class Hub:
    """Everything a running hub is made of. ``wakers`` are set after each commit."""

    settings: Settings
    database: Database
    ring: KeyRing
    registry: Registry
    connections: OpenConnections
    connecting: Connecting
    booking: Booking
    till: TillService
    receiver: Receiver
    intake: GroupCommitter[Incoming, bool]
    counts: DeliveryCounts
    ledger: Committer[Command[Any], Any]
    callers: Callers
    feed_head: FeedHead
    clock: Clock
    wakers: Wakers
    traces: Traces


@dataclass(frozen=True)
class DatabaseUrls:
    """Where the database is: as its owner, and as the running hub."""

    owner: str
    app: str


def new_id(prefix: str) -> str:
    """A new id of ours, sortable by the time it was made."""
    return f"{prefix}_{uuid_utils.uuid7().hex}"


def new_serial() -> int:
    """Ten random digits for a card: numbers that cannot be guessed from one another."""
    return secrets.randbelow(10**10)


def database_home(settings: Settings) -> Path:
    """Where the hub's own PostgreSQL lives."""
    return settings.data_dir / "postgres"


def database_urls(settings: Settings) -> DatabaseUrls:
    """The database's addresses; joins or starts the hub's own where no other is set.

    Blocks while it starts. Raises EmbeddedRefused when a person must act first.
    """
    if settings.database_url is not None:
        app = settings.database_url.get_secret_value()
        owner = settings.migration_url.get_secret_value() if settings.migration_url else app
        return DatabaseUrls(owner, app)
    home = database_home(settings)
    server = embedded.start(home, binaries=settings.postgres_bin)
    migrate(server.url())
    if not _lets_the_hub_in(server):
        _let_the_hub_in(server)
    return DatabaseUrls(server.url(), server.url(APP_ROLE))


def _lets_the_hub_in(server: embedded.EmbeddedServer) -> bool:
    return f":{APP_ROLE}:" in server.passfile.read_text()


def _let_the_hub_in(server: embedded.EmbeddedServer) -> None:
    """One process gives the password; of two, the file could have one and the database another."""
    with alone(server.url()):
        if not _lets_the_hub_in(server):
            password = secrets.token_urlsafe(24)
            set_app_password(server.url(), password)
            embedded.remember_password(server.home, APP_ROLE, password)


def key_ring(settings: Settings) -> KeyRing:
    """The keys that seal secrets and personal data; made once beside the hub's own database."""
    if settings.secret_key is not None:
        return KeyRing({"1": key_bytes(settings.secret_key)}, "1")
    file = settings.data_dir / KEY_FILE
    if not file.exists():
        _make_key(file)
    return KeyRing({"1": key_in(file)}, "1")


def existing_key_ring(settings: Settings) -> KeyRing:
    """The same, where there is a key already; raises ConfigInvalid where one would be made."""
    if settings.secret_key is None and not (settings.data_dir / KEY_FILE).exists():
        raise ConfigInvalid(
            f"{key_place(settings)} is missing: put the secret key there, as a copy of the hub's "
            "own or by RENKEI_SECRET_KEY"
        )
    return key_ring(settings)


def key_place(settings: Settings) -> str:
    """Where the secret key is, in words."""
    return "RENKEI_SECRET_KEY" if settings.secret_key else str(settings.data_dir / KEY_FILE)


def _make_key(file: Path) -> None:
    """Written beside and linked into place: of two hubs that start at once, one key wins.

    It is on the disk before anything is sealed with it.
    """
    fresh = file.with_suffix(f".{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    fresh.write_bytes(secrets.token_bytes(KEY_BYTES))
    sync(fresh)
    with suppress(FileExistsError):
        file.hardlink_to(fresh)
    fresh.unlink()
    sync(file.parent)


@asynccontextmanager
async def open_hub(
    settings: Settings,
    *,
    clock: Clock = utcnow,
    registry: Registry | None = None,
    traces: Traces = NO_TRACES,
) -> AsyncIterator[Hub]:
    """A hub on a migrated database, ready to serve; everything is closed at the end.

    ``registry`` takes the place of the installed plugins.
    """
    urls = await asyncio.to_thread(database_urls, settings)
    await _require_owner(urls.owner)
    await asyncio.to_thread(migrate, urls.owner)
    async with AsyncExitStack() as stack:
        if settings.embedded:
            home = database_home(settings)
            await stack.enter_async_context(kept_up(home, settings.postgres_bin))
        database = open_database(urls.app)
        stack.push_async_callback(database.close)
        await require_reachable(database)
        plugins = registry or load_registry(settings.disabled_plugins)
        yield await _build(settings, database, clock, plugins, traces, stack)


async def _require_owner(url: str) -> None:
    """Say plainly that the database is away, rather than let the migration fail on it."""
    database = open_database(url)
    try:
        await require_reachable(database)
    finally:
        await database.close()


async def ring_of(settings: Settings, database: Database) -> KeyRing:
    """The key ring, made only where the database is new; raises ConfigInvalid for another's."""
    async with database.begin() as conn:
        known = await installation.is_there(conn)
        ring = existing_key_ring(settings) if known else key_ring(settings)
        await installation.ensure(conn, ring)
        await installation.require_key(conn, ring, key_place(settings))
    return ring


async def _build(
    settings: Settings,
    database: Database,
    clock: Clock,
    registry: Registry,
    traces: Traces,
    stack: AsyncExitStack,
) -> Hub:
    wakers = Wakers()
    ring = await ring_of(settings, database)
    connections = OpenConnections(registry, database.engine, ring, clock)
    stack.push_async_callback(connections.close)
    intake: GroupCommitter[Incoming, bool] = await stack.enter_async_context(
        GroupCommitter(database, partial(store_batch, ring), wakers.wake, whose=sender_of)
    )
    counts = await stack.enter_async_context(DeliveryCounts(database))
    ledger = await stack.enter_async_context(ledger_lanes(database, wakers.wake))
    async with database.begin() as conn:
        marks = await load_marks(conn)
    feed_head = await stack.enter_async_context(FeedHead(database, marks))
    booking = Booking(database, ring, ledger, new_id, new_serial)
    return Hub(
        settings=settings,
        database=database,
        ring=ring,
        registry=registry,
        connections=connections,
        connecting=Connecting(
            registry, database, ring, clock, connections.forget, connections.tokens
        ),
        booking=booking,
        till=TillService(booking, traces),
        receiver=Receiver(connections, intake, clock, new_id, counts, traces),
        intake=intake,
        counts=counts,
        ledger=ledger,
        callers=await stack.enter_async_context(Callers(database, ring, feed_head)),
        feed_head=feed_head,
        clock=clock,
        wakers=wakers,
        traces=traces,
    )
