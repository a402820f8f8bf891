"""kill -9 of a web process, of a worker, and of PostgreSQL, while shops sell."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from fault_nodes import Node, Where
from fault_story import open_story

from renkei.storage.embedded import EmbeddedServer

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]


async def test_a_killed_web_process_loses_nothing(where: Where, clean: Any, runs: int) -> None:
    web, worker = Node("web", where, works=False), Node("worker", where, works=True)
    async with open_story(where, web, worker) as story:

        async def kill(_round: int) -> None:
            await web.kill()
            await story.refusals(3)
            await web.start()

        assert await story.play(runs, kill) == clean


async def test_a_killed_worker_loses_nothing(where: Where, clean: Any, runs: int) -> None:
    web, worker = Node("web", where, works=False), Node("worker", where, works=True)
    async with open_story(where, web, worker) as story:

        async def kill(_round: int) -> None:
            await worker.kill()
            await story.refusals(3)
            await worker.start()

        assert await story.play(runs, kill) == clean


def descendants(pid: int) -> list[int]:
    """The processes that this one has started, and theirs, nearest first."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [one for child in map(int, children) for one in (child, *descendants(child))]


def kill_all(postmaster: int) -> None:
    """kill -9 of the server and of all its processes, as the kernel does when memory is out."""
    for pid in (postmaster, *descendants(postmaster)):
        os.kill(pid, signal.SIGKILL)


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
