"""The command: what it prints, how it ends, and what it does not touch."""

import json
import re
from pathlib import Path

import pytest

from renkei.cli import FAULT, REFUSED, run
from renkei.storage.embedded import EmbeddedServer

SMALL = ["simulate", "--seed", "5", "--events", "40", "--members", "4"]


def test_it_prints_seed_events_violations_and_the_state_hash(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert run([*SMALL, "--faults"]) == 0
    said = capfd.readouterr().out
    assert "seed: 5\n" in said
    assert re.search(r"^events: \d+, told \d+ times$", said, re.MULTILINE)
    assert "violations: 0\n" in said
    assert re.search(r"^state hash: [0-9a-f]{64}$", said, re.MULTILINE)


def test_it_runs_on_an_empty_database_and_refuses_one_with_members(
    server: EmbeddedServer, database_name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    given = ["--database-url", server.url(database=database_name)]
    assert run([*SMALL, *given]) == 0
    assert run([*SMALL, *given]) == REFUSED
    assert "has members" in capfd.readouterr().err


def test_order_by_the_clock_is_for_facts_only(capfd: pytest.CaptureFixture[str]) -> None:
    assert run([*SMALL, "--order", "clean"]) == REFUSED
    assert "--traffic facts" in capfd.readouterr().err


def test_a_record_that_is_not_there_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--replay", "/nowhere/record.jsonl"]) == REFUSED
    assert "/nowhere/record.jsonl" in capfd.readouterr().err


HEADER = {"seed": 1, "events": 1, "members": 1, "traffic": "all", "state_hash": "", "rows": {}}


@pytest.mark.parametrize("url", ["nonsense", "postgresql://nobody@127.0.0.1:1/nothing"])
def test_a_database_that_cannot_be_reached_is_refused(
    url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run([*SMALL, "--database-url", url]) == REFUSED
    assert "--database-url" in capfd.readouterr().err


def test_a_record_that_cannot_be_written_is_refused_before_anything_is_played(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run([*SMALL, "--record", str(tmp_path)]) == REFUSED
    said = capfd.readouterr()
    assert (str(tmp_path) in said.err, said.out) == (True, "")


@pytest.mark.parametrize(
    "line",
    [
        [],
        {"now": "2026-06-01T00:00:00Z", "do": "Forgive", "command": {}, "known": [], "outcome": {}},
        {"now": "2026-06-01T00:00:00Z", "do": "Enrol", "command": {}, "known": [], "outcome": {}},
        {"now": "yesterday", "do": "Enrol", "command": {}, "known": [], "outcome": {}},
    ],
    ids=["no act", "no command of ours", "half a command", "no instant"],
)
def test_a_line_of_a_record_that_is_no_act_is_named(
    line: object, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "record.jsonl"
    file.write_text(f"{json.dumps(HEADER)}\n{json.dumps(line)}\n")
    assert run(["simulate", "--replay", str(file)]) == REFUSED
    assert "line 2" in capfd.readouterr().err


def test_a_record_that_ends_early_is_compared_and_differs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "record.jsonl"
    file.write_text(json.dumps(HEADER) + "\n")
    assert run(["simulate", "--replay", str(file)]) == FAULT
    assert "state hash" in capfd.readouterr().out


@pytest.mark.parametrize("rubbish", ["", "[1, 2]\n", '{"seed": 1}\n'])
def test_a_file_that_is_no_record_is_refused(
    rubbish: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "record.jsonl"
    file.write_text(rubbish)
    assert run(["simulate", "--replay", str(file)]) == REFUSED
    assert "record" in capfd.readouterr().err
