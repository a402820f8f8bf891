"""What commands write for a person: tables that stay readable where there is little room."""

import pytest

from renkei.cli.screen import table

MEMBER = "mem_01a22264096277bbb5a2c78d1cb43140"


def test_an_id_and_a_title_stand_in_one_line_however_wide_the_rest_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    title = f"{MEMBER} at 2026-10-31 23:59:00 JST, as known at 2026-11-28 22:42:16 JST"
    table(title, ("member", *"abc"), [(MEMBER, *["word " * 20] * 3)])
    table(title, ("account", "points"), [("held", 0)])
    said = capsys.readouterr().out
    assert said.count(f"{title}\n") == 2
    assert f" {MEMBER} " in said
