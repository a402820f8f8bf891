"""Another secret key than the database was made with: refused before anything is booked by it."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from renkei.bootstrap import key_ring, ring_of
from renkei.config import Settings
from renkei.errors import ConfigInvalid
from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE, open_database

Command = Callable[..., Any]

KEY, OTHER = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


@pytest.fixture(autouse=True)
def _made(
    renkei: Command, server: EmbeddedServer, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that a hub with KEY has begun to use."""
    monkeypatch.setenv("RENKEI_DATABASE_URL", server.url(APP_ROLE, database_name))
    monkeypatch.setenv("RENKEI_MIGRATION_URL", server.url(database=database_name))
    monkeypatch.setenv("RENKEI_SECRET_KEY", KEY)
    assert renkei("till-test", "--prepare", "pos").code == 0


def test_its_own_key_is_taken(renkei: Command) -> None:
    assert renkei("members").code == 0
    assert "✔ key of the database: opens what is sealed" in renkei("doctor").out


def test_a_hub_does_not_open_with_another_key(
    renkei: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENKEI_SECRET_KEY", OTHER)
    for command in (("members",), ("terminal", "list"), ("balance", "2990000000019"), ("serve",)):
        refusal = renkei(*command).refusal
        assert "RENKEI_SECRET_KEY is not the secret key that this database was made with" in refusal
    ran = renkei("doctor")
    assert ran.code == 1
    assert "✘ key of the database: RENKEI_SECRET_KEY does not open what is sealed" in ran.out


async def test_no_key_is_made_for_a_database_that_has_one(
    server: EmbeddedServer, database_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "MIGRATION_URL", "SECRET_KEY"):
        monkeypatch.delenv(f"RENKEI_{name}")
    settings = Settings(data_dir=tmp_path / "moved")
    database = open_database(server.url(APP_ROLE, database_name))
    try:
        with pytest.raises(ConfigInvalid, match=r"moved/secret\.key is missing"):
            await ring_of(settings, database)
    finally:
        await database.close()
    assert not settings.data_dir.exists()


@pytest.mark.parametrize("size", [0, 33])
def test_a_key_that_was_cut_off_or_has_a_line_end_is_said(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "MIGRATION_URL", "SECRET_KEY"):
        monkeypatch.delenv(f"RENKEI_{name}")
    (tmp_path / "secret.key").write_bytes(bytes(size))
    with pytest.raises(ConfigInvalid, match=rf"secret\.key has {size} bytes and is no secret key"):
        key_ring(Settings(data_dir=tmp_path))
