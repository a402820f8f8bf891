"""Every command of ours that a page names is there, with the options that it is given."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from renkei.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("plugins/*/**/*.md"))
    if not {"node_modules", ".venv"} & set(page.parts)
]
NAMED = re.compile(r"(?:`|^ {4}(?:[A-Z_]+=\S+ )*)renkei ([^`#\n]+)", re.MULTILINE)
NAMES_OF_OTHERS = {"batch"}  # what the database calls our batches


def resolved(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words begin with, and the words after its name."""
    command: Any = get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def faults(line: str) -> list[str]:
    words = line.split()
    command, rest = resolved(words[2:] if words[0] == "--data-dir" else words)
    opts = (one.opts + one.secondary_opts for one in command.params)
    known = {option for some in opts for option in some} | {"--help"}
    wrong = [w for w in rest if w.startswith("--") and w.split("=")[0].strip("[]") not in known]
    if (
        rest
        and hasattr(command, "commands")
        and rest[0][0].islower()
        and rest[0] not in NAMES_OF_OTHERS
    ):
        wrong.append(rest[0])
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_commands_and_options_that_there_are(page: Path) -> None:
    named = NAMED.findall(page.read_text("utf-8"))
    assert [(line, wrong) for line in named if (wrong := faults(line))] == []
