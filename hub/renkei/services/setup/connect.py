"""Connecting a shop: its settings checked at the vendor, kept sealed, its address for webhooks."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import IntegrityError

from renkei.clock import Clock
from renkei.connections import store
from renkei.connections.http import new_client
from renkei.connections.store import ConnectionRow, NewConnection
from renkei.connections.tokens import keep
from renkei.errors import fault_words
from renkei.messaging import alerts
from renkei.messaging.acceptance import KINDS
from renkei.registry import Registry
from renkei.services.setup.consent import ByHand
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection, MemoryTokens, Token, TokenStore
from renkei_contracts.errors import SettingsInvalid, TryLater, Unavailable
from renkei_contracts.vendor import Vendor

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
    """One connection in a list. ``alarms``: what is wrong with its deliveries, in words."""

    id: str
    vendor: str
    state: str
    leads: str
    settles_from: datetime
    webhook_path: str | None
    last_error: str | None
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Connecting:
    """Adds, changes and lists connections.

    ``on_change`` is called once one was: who registers a moment later is to be known there, too.
    ``tokens`` is where a connection's token is kept.
    """

    registry: Registry
    database: Database
    ring: KeyRing
    clock: Clock
    on_change: Callable[[], None] = lambda: None
    tokens: Callable[[str], TokenStore] = lambda _id: MemoryTokens()

    async def connect(
        self,
        vendor: Vendor,
        id: str,
        settings: Mapping[str, Any],
        settles_from: datetime | None = None,
        by_hand: ByHand | None = None,
    ) -> Connected:
        """Check the settings at the vendor and add the connection.

        Orders placed before ``settles_from`` are history only; the default is the start of this
        minute, as vendors tell time in whole seconds and by their own clocks. ``by_hand``: the
        owner authorizes us first. Raises SettingsInvalid when a finding blocks, the name is taken,
        or a setting is wrong.
        """
        store.require_slug(id)
        await self._require_free(id)
        complete = _with_path_secret(vendor, settings)
        tokens = MemoryTokens()
        findings = await self._check(vendor, id, complete, tokens, by_hand)
        _refuse_blocked(id, vendor, findings)
        since = settles_from or _this_minute(self.clock())
        token = await tokens.current()
        # The refresh token of the settings may have been good once, and is used up.
        lasts = token is not None and (by_hand is not None or token.refresh is not None)
        await self._add(NewConnection(id, vendor.name, complete, since), token if lasts else None)
        return Connected(id, _webhook_path(vendor, id, complete), tuple(findings))

    async def reconnect(
        self,
        vendor: Vendor,
        id: str,
        settings: Mapping[str, Any],
        by_hand: ByHand | None = None,
    ) -> Connected:
        """Give a connection new settings, and let it work again where it was not let in.

        Its webhook address stays, unless the settings name another. Raises UnknownConnection, and
        SettingsInvalid as ``connect`` does.
        """
        async with self.database.begin() as conn:
            row = await store.load(conn, id)
        if row.vendor != vendor.name:
            raise SettingsInvalid(f"{id} is a connection to {row.vendor}, not to {vendor.name}")
        kept = row.settings(self.ring).get(PATH_SECRET)
        complete = _with_path_secret(vendor, {PATH_SECRET: kept, **settings} if kept else settings)
        # What an owner has authorized is not in the settings.
        tokens = MemoryTokens() if vendor.install is None else self.tokens(id)
        findings = await self._check(vendor, id, complete, tokens, by_hand)
        _refuse_blocked(id, vendor, findings)
        async with self.database.begin() as conn:
            await store.set_settings(conn, self.ring, id, complete)
            await store.set_state(conn, id, "active")
        self.on_change()
        return Connected(id, _webhook_path(vendor, id, complete), tuple(findings))

    async def lines(self) -> list[ConnectionLine]:
        """Every connection, by name; those of tills and carts of one's own have no vendor."""
        async with self.database.begin() as conn:
            rows = await store.load_all(conn)
            alarms = await alerts.standing(conn, KINDS)
        return [self._line(row, alarms.get(row.id, ())) for row in rows]

    def _line(self, row: ConnectionRow, alarms: tuple[str, ...]) -> ConnectionLine:
        vendor = self.registry.vendors.get(row.vendor)
        return ConnectionLine(
            id=row.id,
            vendor=row.vendor,
            state=row.state,
            leads=row.leads,
            settles_from=row.settles_from,
            webhook_path=_webhook_path(vendor, row.id, row.settings(self.ring)),
            last_error=row.last_error,
            alarms=alarms,
        )

    async def _check(
        self,
        vendor: Vendor,
        id: str,
        settings: Mapping[str, Any],
        tokens: TokenStore,
        by_hand: ByHand | None,
    ) -> Sequence[CheckFinding]:
        """What the vendor says, once the owner has authorized us."""
        valid = _valid(vendor, settings)
        async with new_client() as http:
            connection = Connection(id, valid, http, tokens, self.clock)
            try:
                if by_hand is not None:
                    await by_hand.obtain(vendor, connection)
                return () if vendor.check is None else await vendor.check(connection).check()
            except TryLater as error:
                raise Unavailable(
                    f"{id} is not connected: {error}; check the address, and try again"
                ) from error
            except UnicodeEncodeError:
                raise SettingsInvalid(
                    f"{id} is not connected: a setting holds letters that no HTTP header may hold"
                ) from None

    async def _require_free(self, id: str) -> None:
        """Before the owner is asked, and a consent or a refresh token is used up for nothing."""
        async with self.database.begin() as conn:
            if id in {row.id for row in await store.load_all(conn)}:
                raise _taken(id)

    async def _add(self, new: NewConnection, token: Token | None) -> None:
        try:
            async with self.database.begin() as conn:
                await store.insert(conn, self.ring, new, self.clock())
                if token is not None:
                    await keep(conn, self.ring, new.id, token)
        except IntegrityError:
            raise _taken(new.id) from None
        self.on_change()


def _taken(id: str) -> SettingsInvalid:
    return SettingsInvalid(f"{id!r} is there already: choose another with --id, or --replace it")


def _valid(vendor: Vendor, settings: Mapping[str, Any]) -> BaseModel:
    """The vendor's settings; what is missing or wrong is named without its value."""
    try:
        return vendor.settings.model_validate(dict(settings))
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {fault_words(one)}" for one in error.errors()]
        raise SettingsInvalid(f"settings of {vendor.name}: {'; '.join(faults)}") from None


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


def _refuse_blocked(id: str, vendor: Vendor, findings: Sequence[CheckFinding]) -> None:
    blocking = [finding.text for finding in findings if finding.blocks]
    if blocking and vendor.install is not None:
        blocking.append("where it is an authorization that is missing, add --authorize")
    if blocking:
        raise SettingsInvalid(f"{id} is not connected: {'; '.join(blocking)}")
