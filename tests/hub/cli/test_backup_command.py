"""``renkei backup`` and ``renkei restore``: what is refused before any database is started."""

import base64
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from renkei.storage.backup import DUMP, MANIFEST, TRIAL, Holds, Manifest
from renkei.storage.sealed import KeyRing

Command = Callable[..., Any]

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def test_a_folder_without_a_database_has_no_backup(renkei: Command, tmp_path: Path) -> None:
    assert "there is no database in" in renkei("backup", "b").refusal
    assert not (tmp_path / "b").exists()
    assert not (tmp_path / "data" / "postgres").exists()


@pytest.mark.parametrize("what", ["backup", "restore"])
def test_a_database_of_others_is_left_to_its_own_tools(
    renkei: Command, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setenv("RENKEI_DATABASE_URL", "postgresql://a:hunter2@127.0.0.1:1/p")
    monkeypatch.setenv("RENKEI_SECRET_KEY", KEY)
    said = renkei(what, "b").refusal
    assert "RENKEI_DATABASE_URL names a database that is not the hub's own" in said
    assert "hunter2" not in said


def test_a_file_that_is_no_backup_is_refused(renkei: Command, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("no backup")
    assert "is no backup of Renkei" in renkei("restore", "b").refusal
    assert "nowhere cannot be read" in renkei("restore", "nowhere").refusal


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A backup made with a key of its own."""
    ring = KeyRing({"1": bytes(32)}, "1")
    manifest = Manifest(
        made_at=datetime(2026, 11, 27, tzinfo=UTC),
        renkei="1",
        postgres="18.6",
        revision="0001",
        key_trial=base64.b64encode(ring.seal(b"", TRIAL)).decode(),
        holds=Holds(members=0, transactions=0, orders=0, deliveries=0, feed_end=0),
    )
    with zipfile.ZipFile(tmp_path / "b", "w") as archive:
        archive.writestr(DUMP, b"")
        archive.writestr(MANIFEST, manifest.model_dump_json())
    return tmp_path / "b"


def test_no_key_is_made_for_a_backup_that_has_one(
    renkei: Command, tmp_path: Path, kept: Path
) -> None:
    said = renkei("restore", str(kept)).refusal
    assert f"{tmp_path / 'data' / 'secret.key'} is missing" in said
    assert list((tmp_path / "data").iterdir()) == []


def test_a_wrong_key_is_named_before_anything_is_brought_back(
    renkei: Command, tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret.key").write_bytes(bytes(range(32)))
    said = renkei("restore", str(kept)).refusal
    assert f"{tmp_path / 'data' / 'secret.key'} is not the secret key of this backup" in said
    monkeypatch.setenv("RENKEI_SECRET_KEY", KEY)
    said = renkei("restore", str(kept)).refusal
    assert "RENKEI_SECRET_KEY is not the secret key of this backup" in said
    assert not (tmp_path / "data" / "postgres").exists()
