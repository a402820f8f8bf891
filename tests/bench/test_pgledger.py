"""The rows that take somebody else's SQL: without it they are refused, or said to be left out."""

from pathlib import Path

import pytest
from bench.command import main


def test_without_a_checkout_its_rows_are_refused_by_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["--rows", "pgledger"])
    assert refused.value.code == 2
    assert "--pgledger FOLDER" in capsys.readouterr().err


def test_a_folder_that_is_none_is_refused_with_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--rows", "pgledger", "--pgledger", str(tmp_path)])
    assert "pgledger.sql" in capsys.readouterr().err


def test_a_whole_run_without_a_checkout_says_that_they_are_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--rounds", "1"])
    assert "left out: the row pgledger" in capsys.readouterr().err
