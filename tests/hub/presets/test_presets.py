"""Every preset is a program, and is named where people look for it."""

from pathlib import Path

import pytest

from renkei.cli.program import PRESETS
from renkei.services.setup import programs
from renkei.services.setup.programs import preset, read

NAMES = sorted(one.name.removesuffix(".toml") for one in programs.PRESETS.iterdir())
DOCS = Path(__file__).parents[3] / "docs" / "programs.md"


def test_help_and_documents_name_every_preset() -> None:
    assert sorted(PRESETS.split(", ")) == NAMES
    text = DOCS.read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_a_program_that_continues_the_first_one(name: str) -> None:
    program = read(preset(name))
    assert (program.id, program.zone) == ("default", "Asia/Tokyo")
