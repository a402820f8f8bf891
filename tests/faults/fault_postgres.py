"""PostgreSQL servers of a test's own, reached over TCP: to promote, to cut off, to turn back."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
from fault_machine import require
from sqlalchemy import create_engine, text

from renkei.storage.embedded_accounts import Account, environment, prepare_home
from renkei.storage.embedded_binaries import bundled, usable
from renkei.storage.schema import migrate
from renkei_contracts.twin.process import free_port

OWNER = "postgres"
DATABASE = "points"
PATIENCE = 300.0
"""Seconds until a server answers; a second on a quiet machine."""

BY_HOST = "host all all samenet trust\nhost all all 10.0.0.0/8 trust\n"


@dataclass
class Postgres:
    """One server. It listens at ``host`` and, for us, at a socket in its folder.

    ``prefix`` is a command that runs it, ``extra`` its environment.
    """

    folder: Path
    host: str = "127.0.0.1"
    settings: Sequence[str] = ()
    prefix: Sequence[str] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def account(self) -> Account:
        return prepare_home(self.folder)

    @property
    def near(self) -> str:
        """How we reach it, whatever becomes of its network."""
        return f"host={self.folder} port={self.port} user={OWNER}"

    def program(self, name: str) -> Path:
        return usable(bundled(), self.account).folder / name

    def create(self) -> None:
        """An empty base that trusts this machine."""
        options = ["-D", self.data, "-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C"]
        self._run(self.program("initdb"), *options)
        with (self.data / "pg_hba.conf").open("a") as file:
            file.write(BY_HOST)

    def copy(self, primary: "Postgres") -> None:
        """Become a standby of this one, whatever there was before."""
        shutil.rmtree(self.data, ignore_errors=True)
        options = ["-D", self.data, "-d", f"{primary.near} application_name=standby"]
        self._run(self.program("pg_basebackup"), *options, "-R", "-X", "stream", "-c", "fast")

    def _run(self, *command: str | Path) -> None:
        done = self.account.run(command)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start it, and wait until it answers."""
        own = (f"listen_addresses={self.host}", f"unix_socket_directories={self.folder}")
        options = [word for one in (*own, *self.settings) for word in ("-c", one)]
        command = [*self.prefix, *self._drop(), str(self.program("postgres"))]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "-D", str(self.data), "-p", str(self.port), *options],
                cwd="/",
                env={**environment(), **self.extra},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.wait_for("SELECT 1")

    def _drop(self) -> list[str]:
        """Root's way to the user that postgres runs as."""
        if os.geteuid() != 0:
            return []
        require("setpriv")
        account = self.account
        return ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]

    def wait_for(self, condition: str) -> None:
        """Ask until this is true."""
        end = time.monotonic() + PATIENCE
        while not self._holds(condition):
            log = (self.folder / "log").read_text(errors="replace")
            assert time.monotonic() < end, f"not within {PATIENCE} s: {condition}; {log[-1500:]}"
            time.sleep(0.05)

    def _holds(self, condition: str) -> bool:
        try:
            return bool(self.ask(condition))
        except psycopg.OperationalError:
            return False

    def ask(self, statement: str, database: str = OWNER) -> object:
        """One value."""
        with psycopg.connect(f"{self.near} dbname={database}", autocommit=True) as conn:
            row = conn.execute(statement.encode()).fetchone()
        return row and row[0]

    def kill(self) -> None:
        """kill -9 of all its processes."""
        if self.process is not None and self.process.poll() is None:
            kill_all(self.process.pid)
            self.process.wait()


def prepare(server: Postgres) -> None:
    """A migrated database, and the running hub's role, which is let in."""
    url = f"postgresql+psycopg://{OWNER}@/{{}}?host={server.folder}&port={server.port}"
    engine = create_engine(url.format(OWNER), isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {DATABASE}"))
        migrate(url.format(DATABASE))
        conn.execute(text("ALTER ROLE renkei_app LOGIN"))
    engine.dispose()


def url_of(role: str, *places: str, more: str = "") -> str:
    """The database at these ``host:port``, whichever takes writes."""
    hosts = "&".join(f"host={place}" for place in places)
    return f"postgresql+psycopg://{role}@/{DATABASE}?{hosts}&target_session_attrs=read-write{more}"


def kill_all(postmaster: int) -> None:
    """kill -9 of the server and of all its processes, as the kernel does when memory is out.

    Its processes come and go by themselves: one that is gone already needs no kill.
    """
    server = psutil.Process(postmaster)
    for process in (server, *server.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
