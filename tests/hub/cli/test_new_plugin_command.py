"""``renkei new-plugin``: where the project goes, what to do next, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]


def test_the_project_is_written_and_the_next_steps_are_said(
    renkei: Command, tmp_path: Path
) -> None:
    ran = renkei("new-plugin", "acme", "--kind", "facts")
    assert ran.code == 0
    assert (tmp_path / "renkei-acme" / "renkei_acme" / "facts.py").is_file()
    first, *rest = ran.out.splitlines()
    assert first == "renkei-acme is ready. Next:"
    assert rest[-1] == "    renkei check acme"


def test_it_goes_where_it_is_told(renkei: Command, tmp_path: Path) -> None:
    renkei("new-plugin", "acme", "--kind", "cart", "--into", "here")
    assert (tmp_path / "here" / "renkei_acme" / "webhooks.py").is_file()


def test_a_second_time_is_refused(renkei: Command) -> None:
    renkei("new-plugin", "acme", "--kind", "members")
    assert "--into" in renkei("new-plugin", "acme", "--kind", "members").refusal


def test_an_unknown_kind_is_refused(renkei: Command) -> None:
    assert "--kind" in renkei("new-plugin", "acme", "--kind", "loyalty").refusal
