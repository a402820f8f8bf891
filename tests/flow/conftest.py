"""What the tests of this folder share lies beside them, and node processes find it, too."""

import sys
from pathlib import Path

import pytest

from renkei.storage.embedded import EmbeddedServer
from renkei.storage.scratch import Scratch

for folder in Path(__file__).parents[:2]:
    sys.path.insert(0, str(folder))

TEMPLATE = "renkei_template"
"""The migrated database that the fixture ``server`` makes."""


@pytest.fixture
def playground(server: EmbeddedServer) -> Scratch:
    """Makes fresh databases, dropped afterwards."""
    return Scratch(server, TEMPLATE)
