"""The bench's own PostgreSQL: the hub's embedded one, durable, with its own settings."""

import re
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, text

from renkei.storage import embedded
from renkei.storage.embedded_binaries import bundled
from renkei.storage.engine import APP_ROLE
from renkei.storage.schema import migrate, set_app_password

DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")
"""Said again, though they are the defaults: without them nothing here would mean anything."""

FILLED = """
SELECT oid::regclass::text FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0"""


@dataclass(frozen=True)
class Server:
    """The running server and a folder for what pgbench writes."""

    embedded: embedded.EmbeddedServer
    folder: Path

    def make_database(self, name: str) -> str:
        """A fresh database with the newest schema; gives its address for the running hub."""
        self.execute("postgres", f"CREATE DATABASE {name}")
        migrate(self.embedded.url(database=name))
        return self.embedded.url(APP_ROLE, name)

    def execute(self, database: str, *statements: str) -> None:
        """Run statements as the owner, each committed by itself."""
        engine = create_engine(self.embedded.url(database=database), isolation_level="AUTOCOMMIT")
        with engine.connect() as conn:
            for statement in statements:
                conn.execute(text(statement))
        engine.dispose()

    def analyze(self, database: str) -> None:
        """Vacuum and analyze every table that has rows."""
        engine = create_engine(self.embedded.url(database=database), isolation_level="AUTOCOMMIT")
        with engine.connect() as conn:
            for table in conn.execute(text(FILLED)).scalars().all():
                conn.execute(text(f"VACUUM (ANALYZE) {table}"))
        engine.dispose()

    def pgbench(self, database: str, *options: str) -> str:
        """What pgbench printed; raises CalledProcessError with what it complained of."""
        program, url = str(bundled() / "pgbench"), self.embedded.libpq_url(database=database)
        command = [program, *options, url]
        done = subprocess.run(  # noqa: S603 - our own command; no shell
            command, cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout

    def rate(self, database: str, *options: str) -> float:
        """Transactions per second, without the time it took to connect."""
        found = re.search(r"^tps = ([\d.]+)", self.pgbench(database, *options), re.MULTILINE)
        assert found is not None
        return float(found[1])

    def median_latency(self, database: str, *options: str) -> float:
        """The median of all transactions of a run, in milliseconds."""
        prefix = f"latency-{uuid4().hex}"
        self.pgbench(database, *options, "--log", f"--log-prefix={prefix}")
        lines = [
            line for log in self.folder.glob(f"{prefix}*") for line in log.read_text().splitlines()
        ]
        return statistics.median(int(line.split()[2]) for line in lines) / 1000


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """Started in ``folder``, with the running hub's role; stopped at the end."""
    home = folder / "postgres"
    started = embedded.start(home, [*DURABLE, "max_connections=100"])
    try:
        migrate(started.url())  # roles belong to the whole server
        password = uuid4().hex
        set_app_password(started.url(), password)
        embedded.remember_password(home, APP_ROLE, password)
        yield Server(started, folder)
    finally:
        embedded.leave(home)
