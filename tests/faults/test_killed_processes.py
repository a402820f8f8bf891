"""kill -9 of a web process, of a worker, and of PostgreSQL, while shops sell."""

import time
from typing import Any

import pytest
from fault_nodes import Node, Where
from fault_postgres import kill_all
from fault_story import open_story

from renkei.storage.embedded import EmbeddedServer
from renkei.storage.embedded_supervisor import SETTLED, TRIES

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


async def has_settled(server: EmbeddedServer) -> bool:
    """Whether it is up for so long that its next end begins a new trouble: a server that ends too
    often in a row is given up, and here nobody but its supervisor starts it again."""
    begun = (server.home / "data" / "postmaster.opts").stat().st_mtime
    return time.time() - begun > SETTLED


async def test_a_killed_postgresql_loses_nothing(
    durable: EmbeddedServer, where: Where, clean: Any, runs: int
) -> None:
    """It is up again before any caller has to be told so: the hub tries again by itself."""
    web, worker = Node("web", where, works=False), Node("worker", where, works=True)
    async with open_story(where, web, worker) as story:

        async def kill(number: int) -> None:
            killed = postmaster(durable)
            kill_all(killed)
            await story.acknowledgements(20)
            assert postmaster(durable) != killed
            if (number + 1) % (TRIES - 1) == 0:
                await story.until(lambda: has_settled(durable))

        assert await story.play(runs, kill) == clean
