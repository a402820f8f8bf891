"""Fixtures of the ledger's tests."""

import importlib.util
import sys
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "books_in_memory", Path(__file__).with_name("books_in_memory.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
books_in_memory = importlib.util.module_from_spec(_SPEC)
sys.modules["books_in_memory"] = books_in_memory
_SPEC.loader.exec_module(books_in_memory)


@pytest.fixture
def ledger() -> "books_in_memory.Ledger":
    """An empty ledger at noon."""
    return books_in_memory.Ledger()
