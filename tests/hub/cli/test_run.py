"""How every command ends: an exit code, and one line where it is refused."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from renkei import __version__
from renkei.cli import plugins as plugins_command
from renkei.cli import run
from renkei.errors import ConfigInvalid

Command = Callable[..., Any]


def test_without_a_command_the_commands_are_listed(renkei: Command) -> None:
    ran = renkei()
    assert ran.code == 0
    for command in ("serve", "demo", "plugins", "connect", "balance", "explain", "doctor"):
        assert command in ran.out


def test_the_version_is_told(renkei: Command) -> None:
    assert renkei("--version").out == f"renkei {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--bogus",), "No such option: --bogus"),
        (("srve",), "No such command 'srve'"),
        (("serve", "--port", "many"), "Invalid value for '--port'"),
        (("balance",), "Missing argument 'MEMBER'"),
        (("ledger",), "Missing command"),
    ],
)
def test_a_misspelt_command_is_one_line(
    renkei: Command, arguments: tuple[str, ...], said: str
) -> None:
    refusal = renkei(*arguments).refusal
    assert said in refusal
    assert "--help" in refusal


@pytest.mark.parametrize(
    ("arguments", "helps"),
    [
        (("srve",), "`renkei --help`"),
        (("serve", "--port", "many"), "`renkei serve --help`"),
        (("terminal", "add"), "`renkei terminal add --help`"),
        (("adjust", "1", "--reason", "r", "--by", "b"), "`renkei adjust --help`"),
    ],
)
def test_the_help_it_points_to_is_that_of_the_command(
    renkei: Command, arguments: tuple[str, ...], helps: str
) -> None:
    assert renkei(*arguments).refusal.endswith(f"see {helps}")


def test_a_bad_settings_file_is_one_line(renkei: Command) -> None:
    Path("renkei.toml").write_text("prot = 1")
    assert "'prot' is not a setting" in renkei("plugins").refusal


def test_an_unknown_plugin_is_one_line(renkei: Command) -> None:
    assert "no plugin 'nobody' is installed" in renkei("connect", "nobody").refusal


def test_a_data_folder_that_cannot_be_made_is_one_line(renkei: Command) -> None:
    Path("file").touch()
    assert "--data-dir" in renkei("--data-dir", "file/data", "members").refusal


def test_a_fault_of_ours_is_one_line_and_no_refusal(
    renkei: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise KeyError("nothing\nhere")

    monkeypatch.setattr(plugins_command, "load_registry", broken)
    ran = renkei("plugins")
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert "--debug" in ran.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no disk that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_no_fault_of_ours(tmp_path: Path, unbuffered: str) -> None:
    """Whether it shows with the first line, or as the process ends."""
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "renkei", "plugins"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ran.returncode == 2
    assert "renkei: a disk that it writes to is full: make room" in ran.stderr


def test_with_debug_a_refusal_keeps_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigInvalid):
        run(["--config", "gone.toml", "plugins"], debug=True)


def test_plugins_are_listed_for_a_program(renkei: Command) -> None:
    document = renkei("plugins", "--json").document
    assert set(document) == {"plugins", "broken", "disabled"}


def test_plugins_are_listed_with_what_they_have_in_words(renkei: Command) -> None:
    assert "webhooks, orders, members, balances, stock" in " ".join(renkei("plugins").out.split())


def test_a_disabled_plugin_is_listed_as_such(renkei: Command, monkeypatch: Any) -> None:
    names = [one["name"] for one in renkei("plugins", "--json").document["plugins"]]
    monkeypatch.setenv("RENKEI_DISABLED_PLUGINS", ",".join(names))
    document = renkei("plugins", "--json").document
    assert document["plugins"] == []
    assert document["disabled"] == sorted(names)
