"""Connections ready for use: the row, the vendor, and its capabilities made on first use."""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import httpx
import structlog
from pydantic import ValidationError

from renkei.clock import Clock
from renkei.connections import store
from renkei.connections.http import new_client
from renkei.connections.store import ConnectionRow
from renkei.connections.tokens import DatabaseTokens
from renkei.errors import UnknownConnection
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei_contracts import capability
from renkei_contracts.connection import Connection, TokenStore
from renkei_contracts.errors import SettingsInvalid
from renkei_contracts.vendor import Vendor

log = structlog.get_logger(__name__)

FRESH_SECONDS = 1.0
"""How old a connection's row may be before it is read again."""


@dataclass
class OpenConnection:
    """One connection with its plugin. A capability that the vendor lacks is None."""

    row: ConnectionRow
    vendor: Vendor | None
    plugin: Connection[Any] | None
    http: httpx.AsyncClient

    def may_call(self, now: datetime) -> bool:
        """Whether the vendor may be called now: active, and the circuit closed."""
        closed = self.row.open_until is None or self.row.open_until <= now
        return self.row.state == "active" and closed

    def has(self, name: str) -> bool:
        """Whether the vendor supports this capability."""
        return self.vendor is not None and name in self.vendor.capabilities()

    @cached_property
    def webhooks(self) -> capability.Webhooks | None:
        """Deliveries from the vendor."""
        made: capability.Webhooks | None = self._made("webhooks")
        return made

    @cached_property
    def orders(self) -> capability.Orders | None:
        """Reading orders."""
        made: capability.Orders | None = self._made("orders")
        return made

    @cached_property
    def members(self) -> capability.Members | None:
        """Reading members."""
        made: capability.Members | None = self._made("members")
        return made

    @cached_property
    def member_creation(self) -> capability.MemberCreation | None:
        """Creating members."""
        made: capability.MemberCreation | None = self._made("member_creation")
        return made

    @cached_property
    def balances(self) -> capability.Balances | None:
        """Mirroring points."""
        made: capability.Balances | None = self._made("balances")
        return made

    @cached_property
    def check(self) -> capability.Check | None:
        """Checking the connection."""
        made: capability.Check | None = self._made("check")
        return made

    def _made(self, name: str) -> Any:
        factory = getattr(self.vendor, name) if self.vendor else None
        return factory(self.plugin) if factory is not None and self.plugin is not None else None


@dataclass
class OpenConnections:
    """Opens connections once and keeps them until their settings change."""

    vendors: Mapping[str, Vendor]
    database: Database
    ring: KeyRing
    clock: Clock
    _open: dict[str, tuple[float, str, OpenConnection]] = field(default_factory=dict)

    async def get(self, id: str) -> OpenConnection:
        """The connection, its state at most a second old; raises UnknownConnection."""
        kept = self._open.get(id)
        if kept is not None and time.monotonic() - kept[0] < FRESH_SECONDS:
            return kept[2]
        async with self.database.begin() as conn:
            row = await store.load(conn, self.ring, id)
        return await self._keep(row)

    async def all(self) -> list[OpenConnection]:
        """Every connection, by name; one whose plugin is broken is among them, without it."""
        async with self.database.begin() as conn:
            rows = await store.load_all(conn, self.ring)
        return [await self._keep(row) for row in rows]

    async def supporting(self, names: Iterable[str]) -> list[OpenConnection]:
        """The connections that support all of these capabilities."""
        wanted = list(names)
        return [one for one in await self.all() if all(one.has(name) for name in wanted)]

    async def close(self) -> None:
        """Close every client."""
        for _, _, opened in self._open.values():
            await opened.http.aclose()
        self._open.clear()

    def open(self, row: ConnectionRow, tokens: TokenStore | None = None) -> OpenConnection:
        """A connection that is not kept; the caller closes its client."""
        http = new_client(row.id)
        vendor = self.vendors.get(row.vendor)
        kept = tokens or DatabaseTokens(self.database, self.ring, row.id)
        plugin = self._plugin(row, vendor, http, kept) if vendor is not None else None
        return OpenConnection(row, vendor, plugin, http)

    async def _keep(self, row: ConnectionRow) -> OpenConnection:
        digest = _digest(row)
        kept = self._open.get(row.id)
        if kept is not None and kept[1] == digest:
            kept[2].row = row
            self._open[row.id] = (time.monotonic(), digest, kept[2])
            return kept[2]
        opened = self.open(row)
        self._open[row.id] = (time.monotonic(), digest, opened)
        if kept is not None:
            await kept[2].http.aclose()
        return opened

    def _plugin(
        self, row: ConnectionRow, vendor: Vendor, http: httpx.AsyncClient, tokens: TokenStore
    ) -> Connection[Any] | None:
        """What the plugin is given; settings it no longer accepts disable this connection only."""
        try:
            settings = vendor.settings.model_validate(dict(row.settings))
        except ValidationError as error:
            names = sorted({str(one["loc"][0]) for one in error.errors() if one["loc"]})
            log.warning("settings_invalid", connection=row.id, settings=names)
            return None
        return Connection(row.id, settings, http, tokens, self.clock)


def require_valid(vendor: Vendor, settings: dict[str, Any]) -> None:
    """Raise SettingsInvalid with every setting that is missing or wrong, without its value."""
    try:
        vendor.settings.model_validate(settings)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise SettingsInvalid(f"settings of {vendor.name}: {'; '.join(faults)}") from None


def require_vendor(opened: OpenConnection) -> Vendor:
    """The vendor of the connection; raises UnknownConnection when its plugin is not installed."""
    if opened.vendor is None or opened.plugin is None:
        raise UnknownConnection(
            f"the plugin {opened.row.vendor!r} of the connection {opened.row.id} cannot be used: "
            "see `renkei plugins` and `renkei doctor`"
        )
    return opened.vendor


def _digest(row: ConnectionRow) -> str:
    content = json.dumps([row.vendor, dict(row.settings)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
