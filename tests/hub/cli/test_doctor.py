"""The doctor: what is found, and how it is to be mended."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from renkei.cli import doctor_database as looks
from renkei.cli.doctor_checks import data_folder, environment, fast_parts, secret_key
from renkei.cli.doctor_queues import watched
from renkei.config import Settings
from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE

Command = Callable[..., Any]


@pytest.fixture
def owner(server: EmbeddedServer, database_name: str) -> Iterator[Connection]:
    yield from connected(server.url(database=database_name))


@pytest.fixture
def running(server: EmbeddedServer, database_name: str) -> Iterator[Connection]:
    yield from connected(server.url(APP_ROLE, database_name))


def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def test_a_new_database_has_nothing_to_mend(running: Connection) -> None:
    checks = (
        looks.version,
        looks.migrations,
        looks.roles,
        looks.guards,
        looks.authorizations,
        looks.alerts,
    )
    findings = [*(check(running) for check in checks), *watched(running)]
    assert [finding for finding in findings if not finding.ok] == []


def test_a_setting_whose_name_is_written_wrongly_is_found() -> None:
    finding = environment(["RENKEI_KEEPDAYS", "RENKEI_PORT", "HOME"])
    assert not finding.ok
    assert finding.said == "RENKEI_KEEPDAYS sets nothing: perhaps RENKEI_KEEP_DAYS is meant"
    ours = ["RENKEI_CONFIG", "RENKEI_DEBUG", "RENKEI_CONNECT_SECRET", "RENKEI_TILL_SECRET"]
    assert environment([*ours, "RENKEI_TEST_PROCESSES", "RENKEI_FAULT_RUNS"]).ok


def test_running_as_the_owner_is_found(owner: Connection) -> None:
    finding = looks.roles(owner)
    assert not finding.ok
    assert APP_ROLE in finding.mend


@pytest.mark.parametrize(
    ("given", "table"),
    [
        ("DELETE ON chain TO renkei_app", "chain"),
        ("UPDATE ON feed TO PUBLIC", "feed"),
        ("UPDATE (granted) ON lot TO renkei_app", "lot"),
    ],
)
def test_rights_that_the_running_role_was_given_besides_are_found(
    owner: Connection, given: str, table: str
) -> None:
    owner.execute(text(f"GRANT {given}"))
    owner.execute(text(f"SET ROLE {APP_ROLE}"))
    finding = looks.roles(owner)
    assert (finding.ok, finding.said.endswith(f" {table}")) == (False, True)
    assert "PUBLIC" in finding.mend


@pytest.mark.parametrize("change", ["ENABLE", "DISABLE"])
def test_a_guard_that_does_not_always_fire_is_found(owner: Connection, change: str) -> None:
    owner.execute(text(f"ALTER TABLE posting {change} TRIGGER frozen"))
    finding = looks.guards(owner)
    assert not finding.ok
    assert "posting" in finding.said


def test_a_schema_of_another_program_is_found(owner: Connection) -> None:
    owner.execute(text("UPDATE alembic_version SET version_num = 'r0000'"))
    finding = looks.migrations(owner)
    assert "r0000" in finding.said
    assert not finding.ok
    assert "upgrade this one" in finding.mend


def test_an_older_schema_is_brought_up_by_the_hub(owner: Connection) -> None:
    owner.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert "renkei serve" in looks.migrations(owner).mend


def test_an_open_alert_is_found(owner: Connection) -> None:
    owner.execute(text("INSERT INTO alert VALUES ('a', 'drift', NULL, NULL, NULL, 'x', now())"))
    assert looks.alerts(owner).said == "1 drift"


COMPARED = """
INSERT INTO program VALUES ('default', 'p', 'Asia/Tokyo');
INSERT INTO company VALUES ('default', 'c');
INSERT INTO connection (connection_id, vendor, program_id, company_id, settings, settles_from,
                        leads, binds_holds, state, created_at)
VALUES ('cart', 'acme', 'default', 'default', '', now(), 'hub', false, 'active', now());
INSERT INTO reconciliation (connection_id, began_at, finished_at) VALUES ('cart', now(), now())"""


def differ(conn: Connection, rows: int) -> None:
    conn.execute(
        text(
            "INSERT INTO drift (connection_id, what, subject, kind, hub, vendor, since, found_at) "
            "SELECT 'cart', 'member', n, CASE WHEN n <= 10 THEN 'stale' ELSE 'missing' END, 1, 0, "
            "'2026-11-01Z', now() FROM generate_series(1, :rows) n"
        ),
        {"rows": rows},
    )


def test_what_a_comparison_found_is_counted(owner: Connection) -> None:
    for statement in COMPARED.split(";"):
        owner.execute(text(statement))
    differ(owner, 12)
    assert "% explained, 2 missing, 10 stale, since" in looks.reconciliation(owner).said


def test_of_very_many_differences_no_more_are_counted_than_it_takes_to_say_so(
    owner: Connection,
) -> None:
    for statement in COMPARED.split(";"):
        owner.execute(text(statement))
    differ(owner, 10_010)
    assert "% explained, at least 9990 missing, 10 stale, since" in looks.reconciliation(owner).said


def test_of_very_many_alerts_no_more_are_counted_than_it_takes_to_say_so(
    owner: Connection,
) -> None:
    owner.execute(
        text(
            "INSERT INTO alert SELECT n, 'drift', NULL, NULL, NULL, 'x', now() "
            "FROM generate_series(1, 10001) n"
        )
    )
    assert looks.alerts(owner).said == "at least 10000 drift"


def test_an_unreachable_database_is_found(tmp_path: Path) -> None:
    url = "postgresql://app:hunter2@127.0.0.1:1/points"
    findings = list(looks.database(Settings(database_url=url, secret_key=KEY)))
    assert [finding.check for finding in findings if not finding.ok] == ["database"]
    assert "hunter2" not in str(findings)


KEY: Any = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def test_a_database_that_was_never_made_is_nothing_to_mend(tmp_path: Path) -> None:
    (finding,) = looks.database(Settings(data_dir=tmp_path))
    assert finding.ok
    assert "renkei serve" in finding.said


def test_a_key_file_that_others_can_read_is_found(tmp_path: Path) -> None:
    file = tmp_path / "secret.key"
    file.touch(0o600)
    file.write_bytes(bytes(32))
    assert secret_key(Settings(data_dir=tmp_path)).ok
    file.chmod(0o644)
    finding = secret_key(Settings(data_dir=tmp_path))
    assert not finding.ok
    assert finding.mend == f"chmod 600 {file}"


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_file_that_holds_no_key_is_found(tmp_path: Path, size: int) -> None:
    file = tmp_path / "secret.key"
    file.touch(0o600)
    file.write_bytes(bytes(size))
    finding = secret_key(Settings(data_dir=tmp_path))
    assert not finding.ok
    assert f"{file} has {size} bytes and is no secret key" in finding.said


def test_a_file_in_the_place_of_the_data_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    assert not data_folder(tmp_path / "data").ok


def test_a_data_folder_whose_name_is_too_long_is_found(tmp_path: Path) -> None:
    finding = data_folder(tmp_path / ("a" * 300))
    assert not finding.ok
    assert "File name too long" in finding.said


def test_the_own_server_is_looked_at_with_the_programs_it_is_run_from(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    (tmp_path / "postgres").symlink_to(server.home)
    (finding,) = looks.database(Settings(data_dir=tmp_path, postgres_bin=tmp_path / "older"))
    assert f"no PostgreSQL programs in {tmp_path}/older" in finding.said


def test_a_data_folder_that_is_not_there_yet_is_nothing_to_mend(tmp_path: Path) -> None:
    assert data_folder(tmp_path / "a" / "b").ok
    assert not (tmp_path / "a").exists()


def test_a_missing_part_of_the_web_server_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renkei.cli.doctor_checks.missing_fast_parts", lambda: ["uvloop"])
    assert fast_parts().mend == "pip install uvloop"


def test_bad_settings_are_the_only_finding(renkei: Command) -> None:
    Path("renkei.toml").write_text("prot = 1")
    ran = renkei("doctor", "--json")
    assert ran.code == 1
    (finding,) = ran.document["checks"]
    assert finding["check"] == "settings"


def test_findings_are_listed_for_a_person(renkei: Command) -> None:
    ran = renkei("doctor")
    assert "✔ settings: complete" in ran.out
