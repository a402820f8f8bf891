"""A server for all simulations of a worker, and the ledgers that are broken on purpose."""

from pathlib import Path

import pytest

from renkei.storage.embedded import EmbeddedServer
from renkei.storage.scratch import Scratch

TEMPLATE = "renkei_template"
"""The migrated database that the fixture ``server`` makes."""


@pytest.fixture
def playground(server: EmbeddedServer) -> Scratch:
    """Makes stages: fresh databases, dropped afterwards."""
    return Scratch(server, TEMPLATE)


@pytest.fixture
def broken_ledgers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes can import ``broken_ledgers`` from beside this file."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
