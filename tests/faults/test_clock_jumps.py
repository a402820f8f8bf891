"""The clocks of the nodes jump by an hour, ahead and back, while shops sell."""

from typing import Any

import pytest
from fault_nodes import Node, Where
from fault_story import open_story

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

HOUR = 3600.0


@pytest.mark.parametrize("hour", [HOUR, -HOUR], ids=["ahead", "back"])
async def test_nodes_whose_clocks_jump_by_an_hour_and_are_set_right_book_as_ever(
    where: Where, clean: Any, runs: int, hour: float
) -> None:
    """What they took while ahead is due in an hour: it waits, and is not lost."""
    web, worker = Node("web", where, works=False), Node("worker", where, works=True)
    async with open_story(where, web, worker) as story:

        async def jump(_round: int) -> None:
            for node in (web, worker):
                node.set_ahead(hour)
                await story.acknowledgements(20)
            for node in (web, worker):
                node.set_ahead(0)
            await story.acknowledgements(5)

        def an_hour_passes() -> None:
            for node in (web, worker):
                node.set_ahead(HOUR + 60)

        story.let_leases_end = an_hour_passes
        assert await story.play(runs, jump) == clean
