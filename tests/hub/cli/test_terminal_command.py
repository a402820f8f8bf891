"""``renkei terminal``: gateways, rotation, disabling, and tills by the file."""

import csv
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE

Command = Callable[..., Any]

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
IMPORT = ("terminal", "import", "tills.csv", "--connection", "pos", "--credentials", "out.csv")
TILL = ("--connection", "pos", "--store", "渋谷", "--till", "1", "--json")


@pytest.fixture
def owner(
    server: EmbeddedServer, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connection]:
    """The database that the command will use, as its owner sees it."""
    monkeypatch.setenv("RENKEI_DATABASE_URL", server.url(APP_ROLE, database_name))
    monkeypatch.setenv("RENKEI_MIGRATION_URL", server.url(database=database_name))
    monkeypatch.setenv("RENKEI_SECRET_KEY", KEY)
    engine = create_engine(server.url(database=database_name), isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def shown(renkei: Command) -> dict[str, Any]:
    found = renkei("terminal", "list", "--json").document["terminals"]
    return {one["terminal"]: one for one in found}


def test_a_terminal_is_rotated_disabled_and_enabled(renkei: Command, owner: Connection) -> None:
    first = renkei("terminal", "add", *TILL, "--allow", "192.168.7.0/24").document
    terminal = first["terminal"]
    second = renkei("terminal", "rotate", terminal, "--json").document
    assert (second["terminal"], second["key_id"] != first["key_id"]) == (terminal, True)
    assert shown(renkei)[terminal]["credentials"] == 2
    networks = owner.execute(text("SELECT DISTINCT static_from::text FROM terminal_credential"))
    assert networks.scalars().all() == ["{192.168.7.0/24}"]
    renkei("terminal", "rotate", terminal, "--overlap", "0")
    assert shown(renkei)[terminal]["credentials"] == 1
    assert renkei("terminal", "disable", terminal).code == 0
    assert shown(renkei)[terminal]["disabled_at"]
    assert terminal in renkei("terminal", "list", "--connection", "pos").out
    assert renkei("terminal", "enable", terminal).code == 0
    assert shown(renkei)[terminal]["disabled_at"] is None


def test_bytes_that_are_no_text_are_a_refusal_and_no_fault_of_ours(
    renkei: Command, owner: Connection
) -> None:
    assert "no UTF-8" in renkei("terminal", "disable", "\udcff").refusal


def test_a_gateway_gets_a_credential_that_is_no_tills(renkei: Command, owner: Connection) -> None:
    made = renkei("terminal", "gateway", "--connection", "pos", "--name", "hq", "--json").document
    one = shown(renkei)[made["terminal"]]
    assert (one["gateway"], one["store"], one["till"]) == (True, "", "hq")


@pytest.mark.parametrize(
    "arguments",
    [
        ("rotate", "trm_none"),
        ("disable", "trm_none"),
        ("enable", "trm_none"),
    ],
)
def test_an_unknown_terminal_is_refused(
    renkei: Command, owner: Connection, arguments: tuple[str, ...]
) -> None:
    assert "no terminal 'trm_none'" in renkei("terminal", *arguments).refusal


def test_what_is_no_network_or_time_is_refused(renkei: Command) -> None:
    assert renkei("terminal", "add", *TILL, "--allow", "shop").code == 2
    assert renkei("terminal", "rotate", "trm_1", "--overlap", "a week").code == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp932"])
def test_a_file_of_tills_gets_credentials_in_a_file_of_its_owner(
    renkei: Command, owner: Connection, encoding: str
) -> None:
    Path("tills.csv").write_text("店舗,レジ番号,名称\n渋谷,1,入口\n渋谷,2,\n", encoding=encoding)
    ran = renkei(*IMPORT, "--json")
    assert ran.document == {"terminals": 2, "credentials": "out.csv"}
    assert stat.S_IMODE(Path("out.csv").stat().st_mode) == 0o600
    with Path("out.csv").open(encoding="utf-8") as written:
        rows = list(csv.DictReader(written))
    assert [(row["store"], row["till"], row["label"]) for row in rows] == [
        ("渋谷", "1", "入口"),
        ("渋谷", "2", ""),
    ]
    keys = owner.execute(text("SELECT key_id FROM terminal_credential ORDER BY 1")).scalars().all()
    assert sorted(row["key_id"] for row in rows) == keys
    assert rows[0]["secret"] not in ran.out + ran.err


def test_every_fault_is_named_by_its_line_and_nothing_is_taken(
    renkei: Command, owner: Connection
) -> None:
    known = renkei("terminal", "add", *TILL).document["terminal"]
    Path("tills.csv").write_text("store,till\na,1\n渋谷,1\na,1\n,3\n", encoding="utf-8")
    assert "line 5: store: Field required" in renkei(*IMPORT).refusal
    Path("tills.csv").write_text("store,till\na,1\n渋谷,1\na,1\n", encoding="utf-8")
    refusal = renkei(*IMPORT).refusal
    assert "line 3: 渋谷/1 is registered already" in refusal
    assert "line 4: a/1 stands in line 2 already" in refusal
    assert list(shown(renkei)) == [known]
    assert not Path("out.csv").exists()
    Path("out.csv").write_text("of somebody else")
    Path("tills.csv").write_text("store,till\na,1\n", encoding="utf-8")
    assert "is there already" in renkei(*IMPORT).refusal
    assert Path("out.csv").read_text() == "of somebody else"
