"""Fixtures of the ledger's tests."""

import importlib.util
import sys
from pathlib import Path

import pytest

# The tests have no packages: what they share is loaded from beside this file.
for _name in ("books_in_memory", "booked_history", "example_shop", "tamperings"):
    _spec = importlib.util.spec_from_file_location(_name, Path(__file__).with_name(f"{_name}.py"))
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules[_name] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[_name])

books_in_memory = sys.modules["books_in_memory"]
moved_clock = sys.modules["example_shop"].moved_clock
shop = sys.modules["example_shop"].shop


@pytest.fixture
def ledger() -> "books_in_memory.Ledger":
    """An empty ledger at noon."""
    return books_in_memory.Ledger()
