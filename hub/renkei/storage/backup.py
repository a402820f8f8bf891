"""One file with the hub's own database as it was at one moment, and bringing that back.

A ZIP archive of two: `database.dump`, as pg_dump's custom format has it, and `manifest.json`, which
says what it holds and by which a key can be tried. The key itself is not in it.
"""

import base64
import secrets
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection, create_engine, text

from renkei import __version__
from renkei.errors import BackupRefused, SealBroken
from renkei.storage import schema
from renkei.storage.backup_file import appearing
from renkei.storage.backup_programs import dump, load
from renkei.storage.sealed import KeyRing

DUMP, MANIFEST = "database.dump", "manifest.json"
TRIAL = "backup/key"
"""What the sealed trial of a manifest is about."""

HOLDS = """
SELECT (SELECT count(*) FROM member) AS members, (SELECT count(*) FROM txn) AS transactions,
       (SELECT count(*) FROM orders) AS orders, (SELECT count(*) FROM delivery) AS deliveries,
       (SELECT coalesce(max(seq), 0) FROM feed_head) AS feed_end"""

SEALED = "SELECT connection_id, settings FROM connection ORDER BY connection_id LIMIT 1"

UNMARK = """
DELETE FROM feed_head WHERE lane <> 0 AND seq = (SELECT seq FROM feed_head WHERE lane = 0)"""

MARK = """
INSERT INTO feed_head (lane, seq) SELECT :mark, seq FROM feed_head WHERE lane = 0"""
"""Beside the head of the feed, where it was then (services/till/feed_marks.py)."""

NO_UPGRADE = "SELECT pg_advisory_lock_shared(:id)"

ANYTHING = """
SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
  AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_(toast|temp)'
ORDER BY relname LIMIT 1"""


NO_ARCHIVE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)
"""What reading an archive ends in, depending on which of its bytes is another."""


class Holds(BaseModel):
    """How much of what a database holds, and the number at which its feed ends."""

    model_config = ConfigDict(frozen=True)

    members: int
    transactions: int
    orders: int
    deliveries: int
    feed_end: int


class Manifest(BaseModel):
    """What a backup says of itself; ``key_trial`` opens with its key alone."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    made_at: datetime
    renkei: str
    postgres: str
    revision: str
    key_trial: str
    holds: Holds


def back_up(url: str, programs: Path, ring: KeyRing, file: Path) -> Manifest:
    """Write the database as it is at one moment to a new file; whoever writes goes on meanwhile.

    ``url`` is its owner's, for SQLAlchemy and without a password: programs get it as an argument.
    Raises BackupRefused and SealBroken; then there is no such file.
    """
    with (
        _reading(url) as conn,
        appearing(file) as opened,
        zipfile.ZipFile(opened, "w", zipfile.ZIP_STORED) as archive,
    ):
        manifest = _manifest(conn, ring)
        snapshot = str(conn.execute(text("SELECT pg_export_snapshot()")).scalar_one())
        with archive.open(DUMP, "w", force_zip64=True) as entry:
            dump(programs, _libpq(url), snapshot, entry)
        archive.writestr(MANIFEST, manifest.model_dump_json(indent=2))
    return manifest


def _libpq(url: str) -> str:
    return f"postgresql://{url.partition('://')[2]}"


@contextmanager
def _reading(url: str) -> Iterator[Connection]:
    """One view of the database, which pg_dump shares.

    No upgrade begins meanwhile: it would wait for us, with tables in hand that pg_dump waits for.
    Nor is one under way, whose end this view would not see.
    """
    engine = create_engine(url, isolation_level="AUTOCOMMIT", hide_parameters=True)
    try:
        with engine.connect() as conn:
            conn.execute(text(NO_UPGRADE), {"id": schema.MIGRATION_LOCK})
            conn.commit()
            yield conn.execution_options(isolation_level="REPEATABLE READ")
    finally:
        engine.dispose()


def _manifest(conn: Connection, ring: KeyRing) -> Manifest:
    if (revision := schema.current(conn)) is None:
        raise BackupRefused("the database has nothing in it yet: `renkei serve` makes it")
    _require_its_key(conn, ring)
    return Manifest(
        made_at=conn.execute(text("SELECT now()")).scalar_one().astimezone(UTC),
        renkei=__version__,
        postgres=str(conn.execute(text("SHOW server_version")).scalar_one()),
        revision=revision,
        key_trial=base64.b64encode(ring.seal(b"", TRIAL)).decode(),
        holds=Holds(**conn.execute(text(HOLDS)).mappings().one()),
    )


def _require_its_key(conn: Connection, ring: KeyRing) -> None:
    """A backup that tells a wrong key from the right one must be made with the right one."""
    if row := conn.execute(text(SEALED)).one_or_none():
        ring.open(row[1], f"connection/{row[0]}/settings")


def read_manifest(file: Path) -> Manifest:
    """What the file says of itself, once every byte of it was found whole; raises BackupRefused."""
    try:
        with zipfile.ZipFile(file) as archive:
            if damaged := archive.testzip():
                raise BackupRefused(f"{file} is damaged ({damaged}): take another backup")
            archive.getinfo(DUMP)
            return Manifest.model_validate_json(archive.read(MANIFEST))
    except OSError as error:
        raise BackupRefused(f"{file} cannot be read ({error.strerror})") from error
    except (*NO_ARCHIVE, KeyError, ValidationError) as error:
        raise BackupRefused(
            f"{file} is no backup of Renkei, or not whole, or of a newer Renkei: take another"
        ) from error


def require_key(manifest: Manifest, ring: KeyRing, where: str) -> None:
    """Raise BackupRefused where the backup was made with another key; ``where`` names ours."""
    try:
        ring.open(base64.b64decode(manifest.key_trial), TRIAL)
    except SealBroken as error:
        raise BackupRefused(
            f"{where} is not the secret key of this backup: what is sealed in it could not be "
            "read; put the key of the hub it was made of there, and try again"
        ) from error


def restore(url: str, programs: Path, file: Path) -> Manifest:
    """Bring the backup into the empty database at ``url``: all of it, or nothing.

    Raises BackupRefused. The schema stays as old as the backup.
    """
    manifest = read_manifest(file)
    if not schema.knows(manifest.revision):
        raise BackupRefused(
            f"{file} was made by Renkei {manifest.renkei}, which is newer than this one "
            f"({__version__}): upgrade first"
        )
    with schema.alone(url) as conn, zipfile.ZipFile(file) as archive, archive.open(DUMP) as entry:
        _require_empty(conn)
        conn.execute(text(schema.CREATE_ROLE))
        load(programs, _libpq(url), entry)
        _mark_feed(conn)
    return manifest


def _mark_feed(conn: Connection) -> None:
    """Cursors that are given from now on are told from those that what is lost has given.

    A mark at the same number goes: nothing was told since, and which of two is newer is not kept.
    """
    conn.execute(text(UNMARK))
    conn.execute(text(MARK), {"mark": secrets.randbelow(2**31 - 1) + 1})


def _require_empty(conn: Connection) -> None:
    if found := conn.execute(text(ANYTHING)).scalars().first():
        raise BackupRefused(
            f"the database has something in it ({found}), and a backup is only brought into an "
            "empty one: choose a new folder with --data-dir or RENKEI_DATA_DIR"
        )
