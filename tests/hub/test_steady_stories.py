"""Derandomized stories are the same in every process, whatever that has loaded."""

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def drawn() -> list[int]:
    found: list[int] = []

    @settings(derandomize=True, database=None, max_examples=300)
    @given(st.integers(0, 10**6))
    def draw(number: int) -> None:
        found.append(number)

    draw()
    return found


@pytest.mark.usefixtures("steady_stories")
def test_what_is_drawn_does_not_depend_on_the_modules_that_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = drawn()
    file = tmp_path / "numbers_of_a_module.py"
    file.write_text("NUMBERS = [271_828, 314_159, 577_215, 662_607]\n")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    monkeypatch.setitem(sys.modules, file.stem, importlib.util.module_from_spec(spec))
    assert drawn() == before
