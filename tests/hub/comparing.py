"""Comparing the scene's connections with their vendors, without waiting for the night."""

from dataclasses import replace
from datetime import timedelta

from acme import Scene

from renkei.messaging import polls, reconciliations
from renkei.messaging.reconciliations import Outcome


async def rested(scene: Scene) -> None:
    """What was written has had its time."""
    await scene.due_now("mirror")


async def turn(scene: Scene, connection: str = "cart") -> None:
    """As far as it goes before another poll has its turn, or before it fails."""
    async with scene.hub.database.begin() as conn:
        await polls.hurry(conn, connection, "reconcile", scene.hub.clock())
    assert await scene.worker.polls.work(connection, "reconcile") == 1


async def newest(scene: Scene, connection: str = "cart") -> list[Outcome]:
    async with scene.hub.database.begin() as conn:
        return await reconciliations.newest(conn, connection)


async def compared(scene: Scene, connection: str = "cart") -> Outcome:
    await turn(scene, connection)
    (found,) = await newest(scene, connection)
    return found


async def an_hour_passes(scene: Scene) -> None:
    clock = scene.worker.tools.clock
    ahead = replace(scene.worker.tools, clock=lambda: clock() + timedelta(hours=1))
    scene.worker.polls = replace(scene.worker.polls, tools=ahead)
