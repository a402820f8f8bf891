"""What a person gets wrong is said in one line that says what to do, with exit code 2."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., "CompletedProcess[str]"]

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
NOBODY = "postgresql://app:hunter2@127.0.0.1:1/points"


def the_line(ran: "CompletedProcess[str]") -> str:
    assert ran.returncode == 2, ran
    assert ran.stdout == ""
    (line,) = ran.stderr.splitlines()
    assert "Traceback" not in line
    return line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "renkei.toml: 'prot' is not a setting"),
        ("port = ", "renkei.toml is not TOML"),
        ("port = 99999", "renkei.toml: port"),
    ],
)
def test_a_bad_settings_file(renkei: Run, place: Path, text: str, said: str) -> None:
    (place / "renkei.toml").write_text(text)
    assert said in the_line(renkei("serve"))


def test_a_settings_file_that_is_not_there(renkei: Run) -> None:
    assert "gone.toml does not exist" in the_line(renkei("--config", "gone.toml", "serve"))


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("members",)])
def test_an_unreachable_database(renkei: Run, command: tuple[str, ...]) -> None:
    ran = renkei(*command, RENKEI_DATABASE_URL=NOBODY, RENKEI_SECRET_KEY=KEY)
    line = the_line(ran)
    assert "the database cannot be reached" in line
    assert "RENKEI_DATABASE_URL" in line
    assert "hunter2" not in line


def test_an_unknown_plugin(renkei: Run) -> None:
    line = the_line(renkei("connect", "nobody"))
    assert "no plugin 'nobody' is installed" in line
    assert "pip install" in line


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port(renkei: Run, place: Path, taken_port: int) -> None:
    line = the_line(renkei("serve", "--port", str(taken_port)))
    assert f"port {taken_port} on 127.0.0.1 is taken" in line
    assert "--port" in line
    assert not (place / "data").exists()


def test_a_missing_secret(renkei: Run) -> None:
    line = the_line(renkei("serve", RENKEI_DATABASE_URL=NOBODY))
    assert "RENKEI_SECRET_KEY" in line
    assert "openssl rand" in line


def test_a_secret_that_is_none(renkei: Run) -> None:
    ran = renkei("serve", RENKEI_DATABASE_URL=NOBODY, RENKEI_SECRET_KEY="c2hvcnQ=")
    line = the_line(ran)
    assert line.startswith("renkei: RENKEI_SECRET_KEY: ")
    assert "c2hvcnQ" not in line


def test_a_data_folder_that_cannot_be_used(renkei: Run, place: Path) -> None:
    (place / "file").touch()
    line = the_line(renkei("serve", "--port", "0", RENKEI_DATA_DIR=str(place / "file" / "data")))
    assert "the data folder" in line
    assert "--data-dir" in line


def test_a_misspelt_command(renkei: Run) -> None:
    assert "--help" in the_line(renkei("srve"))
