"""Running one command in this process."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from renkei.cli import run


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def refusal(self) -> str:
        """The one line of a refusal."""
        assert self.code == 2, self
        (line,) = self.err.splitlines()
        assert line.startswith("renkei: ")
        return line

    @property
    def document(self) -> Any:
        """The JSON it wrote."""
        return json.loads(self.out)


Command = Callable[..., Ran]


@pytest.fixture
def renkei(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Run ``renkei`` with these arguments in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RENKEI_DATA_DIR", str(tmp_path / "data"))

    def command(*arguments: str) -> Ran:
        capsys.readouterr()
        code = run(arguments)
        written = capsys.readouterr()
        return Ran(code, written.out, written.err)

    return command
