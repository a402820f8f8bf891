"""Connections ready for use: the row, the vendor's plugin, a client, and what the plugin can do."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from renkei.clock import Clock
from renkei.connections import store
from renkei.connections.calling import ask
from renkei.connections.http import new_client
from renkei.connections.paces import DatabasePace
from renkei.connections.store import ConnectionRow
from renkei.connections.tokens import DatabaseTokens
from renkei.errors import UnknownConnection
from renkei.registry import Registry
from renkei.storage.engine import connect_args
from renkei.storage.sealed import KeyRing
from renkei_contracts import capability
from renkei_contracts.connection import Connection, TokenStore
from renkei_contracts.errors import SettingsInvalid
from renkei_contracts.vendor import Vendor

T = TypeVar("T")

FRESH_SECONDS = 1.0
"""How long a row may be used before it is read again."""

UNKNOWN_SECONDS = 0.05
"""The same for a name we do not have: it may just have been added by another process."""

LONG_AGO = float("-inf")


@dataclass(eq=False)
class OpenConnection:
    """One connection with its plugin's capabilities, made on first use; None: not supported.

    ``row`` is renewed in place; other settings make another OpenConnection.
    """

    row: ConnectionRow
    vendor: Vendor
    connection: Connection[Any]

    @property
    def id(self) -> str:
        """The connection's name."""
        return self.row.id

    @cached_property
    def webhooks(self) -> capability.Webhooks | None:
        """Its deliveries."""
        return self._made("webhooks", self.vendor.webhooks)

    @cached_property
    def orders(self) -> capability.Orders | None:
        """Reading orders."""
        return self._made("orders", self.vendor.orders)

    @cached_property
    def members(self) -> capability.Members | None:
        """Reading members."""
        return self._made("members", self.vendor.members)

    @cached_property
    def member_creation(self) -> capability.MemberCreation | None:
        """Creating members there."""
        return self._made("member_creation", self.vendor.member_creation)

    @cached_property
    def balances(self) -> capability.Balances | None:
        """Mirroring points."""
        return self._made("balances", self.vendor.balances)

    @cached_property
    def till(self) -> capability.Till | None:
        """Its registers' own format."""
        return self._made("till", self.vendor.till)

    @cached_property
    def coupons(self) -> capability.Coupons | None:
        """Codes for one use in its shop."""
        return self._made("coupons", self.vendor.coupons)

    @property
    def takes_codes(self) -> bool:
        """Whether a code can stand for a hold in its shop: it is issued, and its use is told."""
        coupons: object = self.coupons
        return isinstance(coupons, capability.CodesTold) and coupons.codes_told

    @cached_property
    def storefront(self) -> capability.Storefront | None:
        """Its shoppers' browsers."""
        return self._made("storefront", self.vendor.storefront)

    @cached_property
    def facts(self) -> capability.Facts | None:
        """Dated facts."""
        return self._made("facts", self.vendor.facts)

    @cached_property
    def check(self) -> capability.Check | None:
        """Checking that it works."""
        return self._made("check", self.vendor.check)

    def _made(self, name: str, factory: Callable[[Connection[Any]], T] | None) -> T | None:
        if factory is None:
            return None
        return ask(f"connection {self.id}: {name}", lambda: factory(self.connection))


@dataclass
class OpenConnections:
    """Every connection of this process; rows are read again at most each second."""

    registry: Registry
    engine: AsyncEngine = field(repr=False)
    ring: KeyRing
    clock: Clock
    _rows: dict[str, ConnectionRow] = field(default_factory=dict)
    _open: dict[str, OpenConnection] = field(default_factory=dict)
    _clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    _read_at: float = LONG_AGO
    _changed_at: float = LONG_AGO
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    @cached_property
    def _refreshing(self) -> AsyncEngine:
        return create_async_engine(
            self.engine.url,
            poolclass=NullPool,
            hide_parameters=True,
            connect_args=connect_args(self.engine.url, "renkei tokens"),
        )

    async def rows(self) -> list[ConnectionRow]:
        """Every connection that has a vendor, by name, as it was at most a second ago."""
        await self._refresh(FRESH_SECONDS)
        return [row for row in self._rows.values() if row.vendor]

    def knows(self, id: str) -> bool:
        """Whether there was such a connection when it was last looked."""
        return id in self._rows

    async def require(self, id: str) -> ConnectionRow:
        """The connection's row; raises UnknownConnection."""
        await self._refresh(FRESH_SECONDS if id in self._rows else UNKNOWN_SECONDS)
        row = self._rows.get(id)
        if row is None or not row.vendor:
            raise UnknownConnection(f"no connection {id} of a vendor; see `renkei connections`")
        return row

    async def get(self, id: str) -> OpenConnection:
        """The connection with a plugin that can be used.

        Raises UnknownConnection; UnknownVendor, SettingsInvalid or SealBroken where it cannot.
        """
        row = await self.require(id)
        kept = self._open.get(id)
        if kept is None or (kept.row.vendor, kept.row.sealed) != (row.vendor, row.sealed):
            kept = self._open[id] = self._made(row)
        kept.row = row
        return kept

    def tokens(self, id: str) -> TokenStore:
        """Where the connection's token is kept."""
        return DatabaseTokens(self.engine, self._refreshing, self.ring, id)

    def forget(self) -> None:
        """Read every row again at the next use: something was just changed."""
        # A reading under way may have begun before the change: it does not count.
        self._changed_at = time.monotonic()

    async def close(self) -> None:
        """Close every client."""
        await asyncio.gather(*(client.aclose() for client in self._clients.values()))
        if "_refreshing" in self.__dict__:
            await self._refreshing.dispose()

    async def _refresh(self, within: float) -> None:
        async with self._reading:
            fresh = time.monotonic() - self._read_at < within
            if fresh and self._read_at > self._changed_at:
                return
            began = time.monotonic()
            async with self.engine.begin() as conn:
                rows = await store.load_all(conn)
            self._rows = {row.id: row for row in rows}
            self._read_at = began

    def _made(self, row: ConnectionRow) -> OpenConnection:
        vendor = self.registry.vendor(row.vendor)
        try:
            settings = vendor.settings.model_validate(row.settings(self.ring))
        except ValidationError as error:
            names = {".".join(map(str, one["loc"])) or "settings" for one in error.errors()}
            raise SettingsInvalid(
                f"connection {row.id}: {', '.join(sorted(names))} missing or wrong; "
                f"set it again with `renkei connect`"
            ) from None  # the inputs are secrets
        connection: Connection[Any] = Connection(
            id=row.id,
            settings=settings,
            http=self._client(row.id),
            tokens=self.tokens(row.id),
            now=self.clock,
            pace=DatabasePace(self.engine, row.id),
        )
        return OpenConnection(row, vendor, connection)

    def _client(self, id: str) -> httpx.AsyncClient:
        """Kept when settings change: calls may be under way."""
        if id not in self._clients:
            self._clients[id] = new_client()
        return self._clients[id]
