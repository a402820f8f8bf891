"""Registers and their credentials. A secret is shown once and kept sealed."""

import ipaddress
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import UnknownConnection
from renkei.services.till import Terminal
from renkei.storage.sealed import KeyRing
from renkei_contracts.base import Key
from renkei_contracts.errors import SettingsInvalid

KEY: TypeAdapter[str] = TypeAdapter(Key)
SCOPES = ("till:read", "till:write")
APPLICATION_SCOPES = ("quotes:read", "activities:write", "facts:write")
LOOPBACK = ("127.0.0.0/8", "::1/128")

ADD = """
INSERT INTO terminal (terminal_id, connection_id, store, till, label, created_at)
VALUES (:id, :c, :store, :till, :label, :now)
ON CONFLICT (connection_id, store, till) DO NOTHING"""

BY_PLACE = (
    "SELECT terminal_id FROM terminal WHERE (connection_id, store, till) = (:c, :store, :till)"
)

ADD_CREDENTIAL = """
INSERT INTO terminal_credential (key_id, terminal_id, secret, scopes, static_from, valid_from)
VALUES (:key, :id, :secret, :scopes, CAST(:networks AS inet[]), :now)"""

BY_KEY = """
SELECT t.terminal_id, t.connection_id, t.store, t.till, c.secret, c.scopes,
       ARRAY(SELECT n::text FROM unnest(c.static_from) AS n)
FROM terminal_credential c JOIN terminal t USING (terminal_id)
WHERE c.key_id = :key AND t.disabled_at IS NULL AND c.valid_from <= :now
  AND (c.valid_until IS NULL OR c.valid_until > :now)"""

NONCE = """
INSERT INTO terminal_nonce (key_id, nonce, seen_at) VALUES (:key, :nonce, :now)
ON CONFLICT DO NOTHING"""


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
    """What a credential gives access to."""

    terminal: Terminal
    secret: str = field(repr=False)
    scopes: tuple[str, ...]
    static_from: tuple[str, ...]

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
    """The same for a merchant's own cart, app or site: a terminal without a store."""
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
    connection = place["c"]
    found = await conn.execute(
        text("SELECT 1 FROM connection WHERE connection_id = :c"), {"c": connection}
    )
    if found.first() is None:
        raise UnknownConnection(f"no connection {connection}; see `renkei connections`")
    await conn.execute(text(ADD), place | {"id": new_id("trm"), "now": now})
    terminal = str((await conn.execute(text(BY_PLACE), place)).scalar_one())
    key_id, secret = new_id("key"), secrets.token_urlsafe(32)
    row = {
        "key": key_id,
        "id": terminal,
        "secret": ring.seal(secret.encode(), f"terminal/{key_id}"),
        "scopes": list(scopes),
        "networks": list(static_from),
        "now": now,
    }
    await conn.execute(text(ADD_CREDENTIAL), row)
    return NewCredential(key_id=key_id, secret=secret, terminal=terminal)


def _require_names(**names: str) -> None:
    for what, name in names.items():
        try:
            KEY.validate_python(name)
        except ValidationError:
            raise SettingsInvalid(
                f"the {what} needs a name of 1 to 200 characters, as its sales will say it"
            ) from None


async def by_key(
    conn: AsyncConnection, ring: KeyRing, key_id: str, now: datetime
) -> TerminalAccess | None:
    """What the credential gives access to now; None when it is unknown, over or disabled."""
    row = (await conn.execute(text(BY_KEY), {"key": key_id, "now": now})).first()
    if row is None:
        return None
    secret = ring.open(bytes(row[4]), f"terminal/{key_id}").decode()
    terminal = Terminal(row[0], row[1], row[2], row[3])
    return TerminalAccess(terminal, secret, tuple(row[5]), tuple(row[6]))


async def nonce_is_new(conn: AsyncConnection, key_id: str, nonce: str, now: datetime) -> bool:
    """Whether this nonce comes for the first time; it is remembered."""
    done = await conn.execute(text(NONCE), {"key": key_id, "nonce": nonce, "now": now})
    return done.rowcount == 1


async def forget_old_nonces(conn: AsyncConnection, now: datetime) -> int:
    """Nonces whose requests would be refused as stale need not be kept; gives how many went."""
    done = await conn.execute(text(FORGET_NONCES), {"before": now - NONCES_KEPT})
    return done.rowcount
