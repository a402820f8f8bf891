"""Registers and their credentials. A secret is shown once and kept sealed."""

import ipaddress
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.services.setup.facts import require_connection
from renkei.services.till.till_terminal import Terminal
from renkei.storage.sealed import KeyRing
from renkei_contracts.base import Key
from renkei_contracts.errors import SettingsInvalid

KEY: TypeAdapter[str] = TypeAdapter(Key)
SCOPES = ("till:read", "till:write")
APPLICATION_SCOPES = (
    "quotes:read",
    "activities:write",
    "facts:write",
    "holds:write",
    "orders:write",
    "members:write",
    "rewards:write",
)
ANY_TILL = "tills:any"
"""Held by gateways: to act for whichever till of the connection a request names."""

GATEWAY_SCOPES = (*SCOPES, "terminals:write", ANY_TILL)
LOOPBACK = ("127.0.0.0/8", "::1/128")

ADD = """
INSERT INTO terminal (terminal_id, connection_id, store, till, label, created_at)
VALUES (:id, :c, :store, :till, :label, :now)
ON CONFLICT (connection_id, store, till) DO NOTHING"""

BY_PLACE = (
    "SELECT terminal_id FROM terminal WHERE (connection_id, store, till) = (:c, :store, :till)"
)

OTHERS = """
SELECT EXISTS (SELECT FROM terminal_credential
               WHERE terminal_id = :id AND (:any = ANY(scopes)) <> (:any = ANY(:scopes)))"""

ADD_CREDENTIAL = """
INSERT INTO terminal_credential (key_id, terminal_id, secret, scopes, static_from, valid_from)
VALUES (:key, :id, :secret, :scopes, CAST(:networks AS inet[]), :now)"""

BY_NAME = """
SELECT terminal_id, connection_id, store, till FROM terminal
WHERE (connection_id, store, till) = (:c, :store, :till) AND store <> ''
  AND disabled_at IS NULL"""

FORGET_NONCES = "DELETE FROM terminal_nonce WHERE seen_at < :before"

NONCES_KEPT = timedelta(minutes=15)
"""Longer than the window in which a signed request is accepted."""


@dataclass(frozen=True)
class NewCredential:
    """A credential just made: the only moment its secret can be read."""

    key_id: str
    secret: str = field(repr=False)
    terminal: str


@dataclass(frozen=True)
class TerminalAccess:
    """What a credential gives access to.

    ``gateway``: it acts for tills of its connection that its requests name, and is none itself.
    """

    key_id: str
    terminal: Terminal
    secret: str = field(repr=False)
    scopes: tuple[str, ...]
    static_from: tuple[str, ...]
    gateway: bool = False

    @property
    def names_no_till(self) -> bool:
        """Whether it is a gateway's, and no till is named that it acts for."""
        return self.gateway and not self.terminal.store

    def may_send_secret_from(self, address: str) -> bool:
        """Whether the secret itself is accepted from this address."""
        here = ipaddress.ip_address(address)
        return any(here in ipaddress.ip_network(network) for network in self.static_from)


async def add(
    conn: AsyncConnection,
    ring: KeyRing,
    new_id: Callable[[str], str],
    now: datetime,
    *,
    connection: str,
    store: str,
    till: str,
    label: str = "",
    static_from: Sequence[str] = LOOPBACK,
) -> NewCredential:
    """Register a till, or give one that is there another credential; raises UnknownConnection."""
    _require_names(store=store, till=till)
    place = {"c": connection, "store": store, "till": till, "label": label}
    return await _add(conn, ring, new_id, now, place, SCOPES, static_from)


async def add_gateway(
    conn: AsyncConnection,
    ring: KeyRing,
    new_id: Callable[[str], str],
    now: datetime,
    *,
    connection: str,
    name: str,
    static_from: Sequence[str] = LOOPBACK,
) -> NewCredential:
    """The same for a headquarters server that calls for all tills of the connection.

    Raises SettingsInvalid where an application has the name.
    """
    _require_names(name=name)
    place = {"c": connection, "store": "", "till": name, "label": ""}
    return await _add(conn, ring, new_id, now, place, GATEWAY_SCOPES, static_from)


async def add_application(
    conn: AsyncConnection,
    ring: KeyRing,
    new_id: Callable[[str], str],
    now: datetime,
    *,
    connection: str,
    name: str,
    static_from: Sequence[str] = LOOPBACK,
) -> NewCredential:
    """The same for a merchant's own cart, app or site: a terminal without a store.

    Raises SettingsInvalid where a gateway has the name.
    """
    _require_names(name=name)
    place = {"c": connection, "store": "", "till": name, "label": ""}
    return await _add(conn, ring, new_id, now, place, APPLICATION_SCOPES, static_from)


async def _add(
    conn: AsyncConnection,
    ring: KeyRing,
    new_id: Callable[[str], str],
    now: datetime,
    place: dict[str, str],
    scopes: Sequence[str],
    static_from: Sequence[str],
) -> NewCredential:
    await require_connection(conn, place["c"])
    await conn.execute(text(ADD), place | {"id": new_id("trm"), "now": now})
    terminal = str((await conn.execute(text(BY_PLACE), place)).scalar_one())
    await _require_alike(conn, terminal, place["till"], scopes)
    new, row = new_credential(ring, new_id, now, terminal, scopes, static_from)
    await conn.execute(text(ADD_CREDENTIAL), row)
    return new


async def _require_alike(
    conn: AsyncConnection, terminal: str, name: str, scopes: Sequence[str]
) -> None:
    """One name is a gateway's or an application's: a rotation would give one the other's scopes."""
    values = {"id": terminal, "any": ANY_TILL, "scopes": list(scopes)}
    if (await conn.execute(text(OTHERS), values)).scalar_one():
        other = "an application" if ANY_TILL in scopes else "a gateway"
        raise SettingsInvalid(f"{name!r:.40} is {other} of this connection already: name another")


def new_credential(
    ring: KeyRing,
    new_id: Callable[[str], str],
    now: datetime,
    terminal: str,
    scopes: Sequence[str] = SCOPES,
    static_from: Sequence[str] = LOOPBACK,
) -> tuple[NewCredential, dict[str, object]]:
    """A credential of the terminal, and its row for ADD_CREDENTIAL."""
    key_id, secret = new_id("key"), secrets.token_urlsafe(32)
    row: dict[str, object] = {
        "key": key_id,
        "id": terminal,
        "secret": ring.seal(secret.encode(), f"terminal/{key_id}"),
        "scopes": list(scopes),
        "networks": list(static_from),
        "now": now,
    }
    return NewCredential(key_id=key_id, secret=secret, terminal=terminal), row


def _require_names(**names: str) -> None:
    for what, name in names.items():
        try:
            KEY.validate_python(name)
        except ValidationError:
            raise SettingsInvalid(
                f"the {what} must have 1 to 200 characters, as sales will say it"
            ) from None


async def by_name(conn: AsyncConnection, connection: str, store: str, till: str) -> Terminal | None:
    """The connection's till of this name; None when it is unknown or disabled."""
    place = {"c": connection, "store": store, "till": till}
    row = (await conn.execute(text(BY_NAME), place)).first()
    return None if row is None else Terminal(*row)


async def forget_old_nonces(conn: AsyncConnection, now: datetime) -> int:
    """Nonces whose requests would be refused as stale need not be kept; gives how many went."""
    done = await conn.execute(text(FORGET_NONCES), {"before": now - NONCES_KEPT})
    return done.rowcount
