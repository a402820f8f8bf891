"""Comparing the scene's connections with their vendors, without waiting for the night."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from acme import Scene
from sqlalchemy import text

from renkei.ledger.books import Channel
from renkei.messaging import polls, reconciliations
from renkei.messaging.reconciliations import Outcome
from renkei.services.points.rewards import ExchangeReward
from renkei_contracts.point import RewardExchange


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
    passes(scene, timedelta(hours=1))


def passes(scene: Scene, time: timedelta) -> None:
    clock = scene.worker.tools.clock
    ahead = replace(scene.worker.tools, clock=lambda: clock() + time)
    scene.worker.polls = replace(scene.worker.polls, tools=ahead)


async def published(scene: Scene, rules: dict[str, Any]) -> None:
    """From now on the program says this."""
    async with scene.hub.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', 2, '1970-01-02Z', :d)"),
            {"d": json.dumps(rules)},
        )


async def exchanged(scene: Scene) -> None:
    """Hanako's app, a channel of the cart's, has exchanged 40 points for a coupon."""
    rules = {
        "coupons": [{"name": "gift", "yen": 50}],
        "rewards": [{"name": "gift", "points": 40, "coupon": "gift"}],
    }
    await published(scene, rules)
    ask = RewardExchange(key="k1", source="cart", member=await scene.member(), reward="gift")
    await scene.hub.booking.committer.submit(ExchangeReward(ask, "seed", Channel("cart")))
    await scene.settle_down()
    await rested(scene)
