"""Where a call is cut off: on its way, at each named place in the hub, and on the way back."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from cut_calls import Call, Shop

from renkei import failpoints
from renkei.services.points.hold import LapseHolds


class Died(BaseException):
    """The process is gone: nothing of it is caught, answered or rolled back by itself."""


Cut = Callable[[Shop, Call], Awaitable[None]]


async def never_arrives(shop: Shop, call: Call) -> None:
    """The line breaks on the way there."""


def dies(name: str, time: int = 1) -> Cut:
    """The hub's process ends there, the ``time``-th time, and another one is started."""

    async def cut(shop: Shop, call: Call) -> None:
        here, left = asyncio.Event(), iter(range(time - 1, -1, -1))

        def reached(place: str) -> None:
            if place == name and not next(left):
                shop.reached = lambda _: None
                here.set()
                raise Died

        shop.reached = reached
        calling = asyncio.create_task(shop.till.post(call.path, call.said))
        await here.wait()
        await shop.restart()
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)

    cut.__name__ = f"the hub dies {name}"
    return cut


def leaves(name: str) -> Cut:
    """The till hangs up while the hub is there, and the hub goes on."""

    async def cut(shop: Shop, call: Call) -> None:
        def reached(place: str) -> None:
            if place == name:
                shop.reached = lambda _: None
                calling.cancel()

        shop.reached = reached
        calling = asyncio.create_task(shop.till.post(call.path, call.said))
        await asyncio.gather(calling, return_exceptions=True)
        assert calling.cancelled()

    cut.__name__ = f"the till leaves {name}"
    return cut


async def the_answer_breaks_off(shop: Shop, call: Call) -> None:
    """It has begun, and its body does not arrive."""
    honest = shop.till.http
    shop.till.http = httpx.AsyncClient(transport=BreaksOff(honest), base_url="http://hub")
    with pytest.raises(httpx.ReadError):
        await shop.till.post(call.path, call.said)
    shop.till.http = honest


class BreaksOff(httpx.AsyncBaseTransport):
    """Sends on, and loses what comes back."""

    def __init__(self, honest: httpx.AsyncClient) -> None:
        self._honest = honest

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        headers = {name: request.headers[name] for name in ("authorization", "content-type")}
        await self._honest.post(request.url.path, content=body, headers=headers)
        raise httpx.ReadError("the connection was reset")


async def asked_while_it_waits(shop: Shop, call: Call) -> bool:
    """What the query says of a call that waits still: the hub is busy, and the till has left."""
    assert call.ask is not None
    hub = shop.stage.hub
    async with hub.database.begin() as conn:
        await conn.exec_driver_sql("SELECT FROM member FOR UPDATE")
        lanes = hub.ledger._every
        busy = [asyncio.create_task(lane.submit(LapseHolds(shop.member))) for lane in lanes]
        await shop.stage.until_waiting(len(lanes))
        calling = asyncio.create_task(shop.till.post(call.path, call.said))
        await shop.stage.until_waiting(len(lanes) + 1)
        calling.cancel()
        asking = asyncio.create_task(call.ask())
        await asyncio.gather(calling, return_exceptions=True)
    await asyncio.gather(*busy)
    return await asking


BEFORE = failpoints.NAMES[:-1]

NOT_DONE: list[Cut] = [never_arrives, *(dies(name) for name in BEFORE)]

DONE: list[Cut] = [
    dies("after_commit"),
    *(leaves(name) for name in failpoints.NAMES),
    the_answer_breaks_off,
]
