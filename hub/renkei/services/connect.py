"""Connecting a shop: its settings checked at the vendor, kept sealed, its address for webhooks."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from renkei.clock import Clock
from renkei.connections import store
from renkei.connections.opened import OpenConnections, require_valid
from renkei.connections.store import ConnectionRow, NewConnection
from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import MemoryTokens
from renkei_contracts.errors import SettingsInvalid
from renkei_contracts.vendor import Vendor

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
PATH_SECRET = "path_secret"  # noqa: S105 - the name of a setting
"""A vendor that signs nothing has this setting: the last part of the address it calls."""


@dataclass(frozen=True)
class Connected:
    """A connection just made. ``webhook_path`` is where the vendor sends deliveries, if it does."""

    id: str
    webhook_path: str | None
    findings: tuple[CheckFinding, ...]


@dataclass(frozen=True)
class ConnectionLine:
    """One connection in a list."""

    id: str
    vendor: str
    state: str
    leads: str
    settles_from: datetime
    webhook_path: str | None
    last_error: str | None


@dataclass
class Connecting:
    """Adds and lists connections."""

    connections: OpenConnections
    clock: Clock

    async def connect(
        self,
        vendor: Vendor,
        id: str,
        settings: Mapping[str, Any],
        settles_from: datetime | None = None,
    ) -> Connected:
        """Check the settings at the vendor and add the connection.

        Orders placed before ``settles_from`` are history only; the default is the start of this
        minute, as vendors tell time in whole seconds and by their own clocks. Raises
        SettingsInvalid when a finding blocks, the name is taken, or a setting is wrong.
        """
        if not SLUG.fullmatch(id):
            raise SettingsInvalid(f"{id!r} is no name: use a-z, 0-9 and hyphens, at most 63")
        complete = _with_path_secret(vendor, settings)
        require_valid(vendor, complete)
        new = NewConnection(id, vendor.name, complete, settles_from or _this_minute(self.clock()))
        findings = await self._check(new)
        _refuse_blocked(id, findings)
        async with self.connections.database.begin() as conn:
            if not await store.insert(conn, self.connections.ring, new, self.clock()):
                raise SettingsInvalid(f"a connection {id!r} is there already: choose another name")
        return Connected(id, _webhook_path(vendor, id, complete), tuple(findings))

    async def lines(self) -> list[ConnectionLine]:
        """Every connection, by name."""
        return [
            ConnectionLine(
                id=one.row.id,
                vendor=one.row.vendor,
                state=one.row.state,
                leads=one.row.leads,
                settles_from=one.row.settles_from,
                webhook_path=_webhook_path(one.vendor, one.row.id, one.row.settings),
                last_error=one.row.last_error,
            )
            for one in await self.connections.all()
        ]

    async def _check(self, new: NewConnection) -> Sequence[CheckFinding]:
        row = ConnectionRow(
            id=new.id,
            vendor=new.vendor,
            program=new.program,
            company=new.company,
            settings=new.settings,
            settles_from=new.settles_from,
            leads="hub",
            binds_holds=new.binds_holds,
            state="active",
            failures=0,
            open_until=None,
            last_error=None,
        )
        opened = self.connections.open(row, MemoryTokens())
        try:
            return await opened.check.check() if opened.check is not None else ()
        finally:
            await opened.http.aclose()


def _this_minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


def _with_path_secret(vendor: Vendor, settings: Mapping[str, Any]) -> dict[str, Any]:
    complete = dict(settings)
    if PATH_SECRET in vendor.settings.model_fields and not complete.get(PATH_SECRET):
        complete[PATH_SECRET] = secrets.token_urlsafe(24)
    return complete


def _webhook_path(vendor: Vendor | None, id: str, settings: Mapping[str, Any]) -> str | None:
    if vendor is None or vendor.webhooks is None:
        return None
    secret = settings.get(PATH_SECRET)
    return f"/webhooks/{id}/{secret}" if secret else f"/webhooks/{id}"


def _refuse_blocked(id: str, findings: Sequence[CheckFinding]) -> None:
    blocking = [finding.text for finding in findings if finding.blocks]
    if blocking:
        raise SettingsInvalid(f"{id} is not connected: {'; '.join(blocking)}")
