"""The plugin on its twin."""

from collections.abc import AsyncIterator

import pytest

from renkei_contracts.testing import Bench
from renkei_square.plugin import VENDOR
from renkei_square.twin import SquareTwin


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A plugin and a twin that say nothing outside Square's schema to each other."""
    async with Bench(VENDOR) as bench:
        yield bench
        assert bench.twin.schema.complaints == []


@pytest.fixture
def stage(bench: Bench) -> SquareTwin:
    assert isinstance(bench.twin, SquareTwin)
    return bench.twin
