"""A backup of a database, and bringing it back."""

import json
import resource
import stat
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text

from renkei.errors import BackupRefused, SealBroken
from renkei.storage.backup import DUMP, MANIFEST, back_up, read_manifest, require_key, restore
from renkei.storage.embedded import EmbeddedServer
from renkei.storage.embedded_binaries import bundled
from renkei.storage.schema import MIGRATION_LOCK, current, migrate, newest
from renkei.storage.sealed import KeyRing

RING = KeyRing({"1": bytes(range(32))}, "1")
OTHERS = KeyRing({"1": bytes(32)}, "1")
BOOKED = """
INSERT INTO program VALUES ('p', 'P', 'Asia/Tokyo');
INSERT INTO company VALUES ('c', 'C');
INSERT INTO connection (connection_id, vendor, program_id, company_id, settings, settles_from,
                        leads, binds_holds, state, created_at)
VALUES ('shop', '', 'p', 'c', decode('{settings}', 'hex'), now(), 'hub', true, 'active', now());
INSERT INTO member (member_id, program_id, created_at) VALUES ('mem_1', 'p', now());
UPDATE feed_head SET seq = 7"""


WAITS = "SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND NOT granted"


@pytest.fixture
def url(server: EmbeddedServer, database_name: str) -> str:
    """A database with one member, whose feed ends at 7."""
    settings = RING.seal(b"{}", "connection/shop/settings").hex()
    at = server.url(database=database_name)
    with _open(at) as conn:
        for statement in BOOKED.format(settings=settings).split(";"):
            conn.execute(text(statement))
    return at


@contextmanager
def _open(url: str) -> Iterator[Connection]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as conn:
            yield conn
    finally:
        engine.dispose()


def taken(url: str, file: Path) -> Path:
    back_up(url, bundled(), RING, file)
    return file


def test_a_backup_brings_back_what_was_there(url: str, empty: str, tmp_path: Path) -> None:
    made = back_up(url, bundled(), RING, tmp_path / "b")
    assert (made.holds.members, made.holds.feed_end) == (1, 7)
    assert restore(empty, bundled(), tmp_path / "b") == made
    with _open(empty) as conn:
        assert current(conn) == newest()
        assert conn.execute(text("SELECT member_id FROM member")).scalars().all() == ["mem_1"]
        lanes = conn.execute(text("SELECT lane, seq FROM feed_head ORDER BY lane")).all()
        assert [seq for _, seq in lanes] == [7, 7], "the feed's end, and a mark of the restore"
        assert lanes[0][0] == 0 < lanes[1][0]


def test_of_restores_with_nothing_between_them_the_last_is_marked(
    url: str, empty: str, tmp_path: Path
) -> None:
    with _open(url) as conn:
        conn.execute(text("INSERT INTO feed_head (lane, seq) VALUES (12, 3), (34, 7)"))
    restore(empty, bundled(), taken(url, tmp_path / "b"))
    with _open(empty) as conn:
        lanes = conn.execute(text("SELECT lane, seq FROM feed_head ORDER BY seq, lane")).all()
    assert [tuple(one) for one in lanes[:2]] == [(12, 3), (0, 7)]
    assert len(lanes) == 3
    assert lanes[2][0] != 34


def test_no_upgrade_begins_in_the_middle_of_a_backup(
    url: str, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    """It would hold tables that the backup wants, and wait for those that the backup has."""
    engine = create_engine(url)
    with ThreadPoolExecutor() as beside, _open(url) as conn:
        with engine.begin() as other:  # as if the dump were at this table for long
            other.execute(text("LOCK TABLE refund IN ACCESS EXCLUSIVE MODE"))
            made = beside.submit(back_up, url, bundled(), RING, tmp_path / "b")
            eventually(lambda: conn.execute(text(WAITS)).scalar_one())
            begins = "SELECT pg_try_advisory_lock(:id)"
            assert not conn.execute(text(begins), {"id": MIGRATION_LOCK}).scalar_one()
            migrate(url)  # a hub of this version starts all the same
        assert made.result().revision == newest()
    engine.dispose()


def test_rights_and_guards_come_back(url: str, empty: str, tmp_path: Path) -> None:
    restore(empty, bundled(), taken(url, tmp_path / "b"))
    rights = (
        "SELECT table_name, privilege_type FROM information_schema.role_table_grants "
        "WHERE grantee = 'renkei_app' ORDER BY 1, 2"
    )
    guards = (
        "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger "
        "WHERE NOT tgisinternal ORDER BY 1, 2"
    )
    with _open(url) as there, _open(empty) as here:
        for looked in (rights, guards):
            found = here.execute(text(looked)).all()
            assert found
            assert found == there.execute(text(looked)).all()


def test_a_backup_is_for_its_owner_alone(url: str, tmp_path: Path) -> None:
    file = taken(url, tmp_path / "b")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["b"]


def test_a_backup_does_not_hold_the_key(url: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(taken(url, tmp_path / "b")) as archive:
        assert sorted(archive.namelist()) == [DUMP, MANIFEST]
        manifest = archive.read(MANIFEST)
    key = RING.keys["1"]
    assert key.hex() not in manifest.decode()
    assert key not in (tmp_path / "b").read_bytes()


def test_no_file_is_overwritten(url: str, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("precious")
    with pytest.raises(BackupRefused, match="no backup is overwritten"):
        back_up(url, bundled(), RING, tmp_path / "b")
    assert (tmp_path / "b").read_text() == "precious"


def test_a_file_that_appeared_meanwhile_is_not_overwritten(url: str, tmp_path: Path) -> None:
    class Meanwhile(KeyRing):
        def seal(self, data: bytes, about: str) -> bytes:
            (tmp_path / "b").write_text("precious")
            return super().seal(data, about)

    with pytest.raises(BackupRefused, match="no backup is overwritten"):
        back_up(url, bundled(), Meanwhile(RING.keys, "1"), tmp_path / "b")
    assert (tmp_path / "b").read_text() == "precious"
    assert [one.name for one in tmp_path.iterdir()] == ["b"]


def test_a_folder_that_is_not_there_is_said(url: str, tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="cannot be written"):
        back_up(url, bundled(), RING, tmp_path / "nowhere" / "b")


@pytest.fixture
def full_disk() -> Iterator[None]:
    """This process can write files of 20,000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("full_disk")
def test_a_disk_that_is_full_is_said_and_keeps_nothing(url: str, tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="cannot be written"):
        back_up(url, bundled(), RING, tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_dump_that_breaks_off_is_said_and_keeps_nothing(url: str, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    broken = programs / "pg_dump"
    broken.write_text("#!/bin/sh\necho half of it\necho 'the server went away' >&2\nexit 1\n")
    broken.chmod(0o700)
    with pytest.raises(BackupRefused, match="the server went away"):
        back_up(url, programs, RING, tmp_path / "b")
    assert list(tmp_path.iterdir()) == [programs]


def test_a_backup_needs_the_databases_own_key(url: str, tmp_path: Path) -> None:
    with pytest.raises(SealBroken, match="secret key"):
        back_up(url, bundled(), OTHERS, tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_key_is_named(url: str, tmp_path: Path) -> None:
    manifest = read_manifest(taken(url, tmp_path / "b"))
    require_key(manifest, RING, "here")
    with pytest.raises(BackupRefused, match="here is not the secret key of this backup"):
        require_key(manifest, OTHERS, "here")


def test_a_database_with_anything_in_it_is_refused(url: str, empty: str, tmp_path: Path) -> None:
    file = taken(url, tmp_path / "b")
    with _open(empty) as conn:
        conn.execute(text("CREATE TABLE mine (one int)"))
        with pytest.raises(BackupRefused, match=r"something in it \(mine\)"):
            restore(empty, bundled(), file)
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert conn.execute(text(tables)).scalar_one() == 1


@pytest.mark.parametrize("lost", [1, 400, 5_000])
def test_a_file_that_is_not_whole_is_refused(
    url: str, empty: str, tmp_path: Path, lost: int
) -> None:
    whole = taken(url, tmp_path / "b").read_bytes()
    (tmp_path / "half").write_bytes(whole[:-lost])
    with pytest.raises(BackupRefused, match="not whole"):
        restore(empty, bundled(), tmp_path / "half")


def test_a_file_with_a_changed_byte_is_refused(url: str, empty: str, tmp_path: Path) -> None:
    changed = bytearray(taken(url, tmp_path / "b").read_bytes())
    changed[5_000] ^= 1
    (tmp_path / "b").write_bytes(changed)
    with pytest.raises(BackupRefused, match="damaged"):
        restore(empty, bundled(), tmp_path / "b")


@pytest.mark.parametrize("bit", [1, 2, 8, 32, 128])
def test_whichever_byte_of_its_index_is_another_a_file_is_taken_or_refused(
    url: str, tmp_path: Path, bit: int
) -> None:
    whole = taken(url, tmp_path / "b").read_bytes()
    index = whole.rindex(b"PK\1\2", 0, whole.rindex(b"PK\1\2"))
    for place in range(index + 4, index + 28):  # versions, flags, method, time, sums and sizes
        changed = bytearray(whole)
        changed[place] ^= bit
        (tmp_path / "b").write_bytes(changed)
        with suppress(BackupRefused):  # a time is nobody's concern
            read_manifest(tmp_path / "b")


def test_a_backup_of_a_newer_program_is_refused(url: str, empty: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(taken(url, tmp_path / "b")) as archive:
        said = json.loads(archive.read(MANIFEST))
        with zipfile.ZipFile(tmp_path / "newer", "w") as newer:
            newer.writestr(DUMP, archive.read(DUMP))
            newer.writestr(MANIFEST, json.dumps(said | {"revision": "9999", "renkei": "9.0"}))
    with pytest.raises(BackupRefused, match=r"by Renkei 9\.0, which is newer"):
        restore(empty, bundled(), tmp_path / "newer")


def test_what_cannot_be_brought_in_whole_leaves_nothing(
    url: str, empty: str, tmp_path: Path
) -> None:
    whole = zipfile.ZipFile(taken(url, tmp_path / "b"))
    with whole as archive, zipfile.ZipFile(tmp_path / "cut", "w") as cut:
        cut.writestr(DUMP, archive.read(DUMP)[:-500])
        cut.writestr(MANIFEST, archive.read(MANIFEST))
    with pytest.raises(BackupRefused, match="pg_restore"):
        restore(empty, bundled(), tmp_path / "cut")
    restore(empty, bundled(), tmp_path / "b")
