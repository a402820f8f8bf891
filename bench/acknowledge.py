"""Deliveries of 2 kB, signed, over 64 kept connections: stored before each is acknowledged.

Beside it the same application that stores nothing, and with a transaction for each request. No
worker runs: what is measured is the way in.
"""

import itertools
import json
import sys

from sqlalchemy import text

from bench.events import BODY
from bench.ground import Ground
from bench.sender import Sent, request, send
from bench.served import SECRET, Served, give_settings, start
from bench.statistics import p99_ms
from bench.vendor import signed

NAME, SHOP = "intake", "shop"
MEMBERS = 1
CONNECTIONS = 64
REQUESTS = {"own": 4_000, "none": 4_000, "each": 1_500}
"""About two seconds of each intake."""

WARM_UP = 500
JSON = {"Content-Type": "application/json"}
DELIVERY = json.dumps({"padding": BODY.decode()})[:2_000].encode()

_numbers = itertools.count(1)


async def prepare(ground: Ground, intake: str) -> None:
    """The hub with that intake, and what its tables hold after a while."""
    hub = await _served(ground, intake)

    async def act() -> None:
        await _sent(hub, WARM_UP)
        await ground.analyze(NAME)

    await ground.once(f"warm {NAME} {intake}", act)


async def rate(ground: Ground, intake: str) -> float:
    """Acknowledged deliveries per second; notes the p99 and the CPU of the same ones."""
    hub, count = await _served(ground, intake), REQUESTS[intake]
    stored, before = await _stored(hub), await hub.cpu()
    sent = await _sent(hub, count)
    used = (await hub.cpu()).since(before)
    assert await _stored(hub) - stored == (0 if intake == "none" else count)
    cpu_ms = (used.hub + used.postgres) * 1000 / len(sent.seconds)
    ground.noted[f"{NAME} {intake}"] = (p99_ms(sent.seconds), cpu_ms)
    sys.stderr.write(
        f"  CPU of a delivery ({intake}): {used.of(len(sent.seconds))}, "
        f"{sent.cpu_us / 1000:.2f} ms to send it\n"
    )
    return sent.rate


async def p99(ground: Ground, intake: str) -> float:
    """The 99th percentile from request to acknowledgement, in milliseconds."""
    return (await _noted(ground, intake))[0]


async def cpu(ground: Ground, intake: str) -> float:
    """CPU of an acknowledgement, the hub's and PostgreSQL's, in milliseconds."""
    return (await _noted(ground, intake))[1]


async def _noted(ground: Ground, intake: str) -> tuple[float, float]:
    """Of this round's run, which is made now where its rate was not asked for."""
    name = f"{NAME} {intake}"
    if name not in ground.noted:
        await rate(ground, intake)
    p99_of, cpu_of = ground.noted[name]
    return p99_of, cpu_of


async def _served(ground: Ground, intake: str) -> Served:
    database = await ground.database(NAME, {SHOP: MEMBERS})

    async def make() -> Served:
        await give_settings(database, SHOP, {"secret": SECRET})
        return await start(ground, database, NAME, intake, workers=False)

    return await ground.kept(f"{NAME} {intake}", make)


async def _stored(hub: Served) -> int:
    async with hub.database.begin() as conn:
        return int((await conn.execute(text("SELECT count(*) FROM delivery"))).scalar_one())


async def _sent(hub: Served, count: int) -> Sent:
    return await send(hub.url, [_delivery() for _ in range(count)], CONNECTIONS)


def _delivery() -> bytes:
    headers = JSON | signed(SECRET, f"dlv-{next(_numbers):012}", DELIVERY)
    return request(f"/webhooks/{SHOP}", headers, DELIVERY)
