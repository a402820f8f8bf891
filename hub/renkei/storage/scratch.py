"""Scratch databases: a PostgreSQL server of our own in a temporary folder, gone afterwards."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text

from renkei.storage import embedded
from renkei.storage.engine import APP_ROLE
from renkei.storage.schema import migrate, set_app_password

TEMPLATE = "renkei_scratch"
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=100")
DURABLE = ("max_connections=100",)


@dataclass(frozen=True)
class Scratch:
    """A PostgreSQL server with a migrated template, for any number of databases."""

    server: embedded.EmbeddedServer
    template: str

    @contextmanager
    def database(self, purpose: str) -> Iterator[tuple[str, str]]:
        """A fresh, migrated database, dropped afterwards; its URLs as owner and as the hub."""
        name = f"{purpose}_{secrets.token_hex(6)}"
        _outside(
            self.server.url(), f"CREATE DATABASE {name} TEMPLATE {self.template} STRATEGY file_copy"
        )
        try:
            yield self.server.url(database=name), self.server.url(APP_ROLE, name)
        finally:
            _outside(self.server.url(), f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def scratch(*, durable: bool) -> Iterator[Scratch]:
    """A server of our own in a temporary folder; both are gone afterwards.

    ``durable``: as a merchant's, with fsync; otherwise as fast as it can.
    """
    folder = Path(tempfile.mkdtemp(prefix="rk-"))
    if os.geteuid() == 0:
        folder.chmod(0o755)  # PostgreSQL runs as another user then
    home = folder / "pg"
    try:
        server = embedded.start(home, DURABLE if durable else QUICK)
        _outside(server.url(), f"CREATE DATABASE {TEMPLATE}")
        template = server.url(database=TEMPLATE)
        migrate(template)
        password = secrets.token_urlsafe(24)
        set_app_password(template, password)
        embedded.remember_password(home, APP_ROLE, password)
        yield Scratch(server, TEMPLATE)
    finally:
        embedded.leave(home)
        shutil.rmtree(folder, ignore_errors=True)


def _outside(url: str, statement: str) -> None:
    """Run what cannot stand in a transaction."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.execute(text(statement))
    engine.dispose()
