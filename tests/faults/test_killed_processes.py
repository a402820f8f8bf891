"""kill -9 of a web process, of a worker, and of PostgreSQL, while shops sell."""

from typing import Any

import pytest
from fault_nodes import Node, Where
from fault_postgres import kill_all
from fault_story import open_story

from renkei.storage.embedded import EmbeddedServer

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("name", ["web", "worker"])
async def test_a_killed_process_loses_nothing(
    where: Where, clean: Any, runs: int, name: str
) -> None:
    nodes = [Node("web", where, works=False), Node("worker", where, works=True)]
    (victim,) = (one for one in nodes if one.name == name)
    async with open_story(where, *nodes) as story:

        async def kill(_round: int) -> None:
            await victim.kill()
            await story.refusals(3)
            await victim.start()

        assert await story.play(runs, kill) == clean


def postmaster(server: EmbeddedServer) -> int:
    return int((server.home / "data" / "postmaster.pid").read_text().partition("\n")[0])


async def test_a_killed_postgresql_loses_nothing(
    durable: EmbeddedServer, where: Where, clean: Any, runs: int
) -> None:
    """It is up again before any caller has to be told so: the hub tries again by itself."""
    web, worker = Node("web", where, works=False), Node("worker", where, works=True)
    async with open_story(where, web, worker) as story:

        async def kill(_round: int) -> None:
            killed = postmaster(durable)
            kill_all(killed)
            await story.acknowledgements(20)
            assert postmaster(durable) != killed

        assert await story.play(runs, kill) == clean
