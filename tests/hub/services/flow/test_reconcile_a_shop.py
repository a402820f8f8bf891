"""A shop over HTTP: what differs there is found, and put right by a worker that runs beside."""

from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from renkei.bootstrap import Hub
from renkei.cli.demo_watch import watch
from renkei.messaging.reconciliations import Outcome
from renkei.services.flow.reconcile_now import ReconcileNow
from renkei.worker import tools_of
from renkei_contracts.reference.cart.twin import ReferenceTwin
from renkei_contracts.reference.cart.twin_shop import iso

PATIENCE = 60.0
MEMBERS = 40
ALL = 70 * MEMBERS

Start = Callable[[], Awaitable[Process]]


UNDER_WAY = """
SELECT count(*) FROM mirror
WHERE written_version < wanted_version OR leased_until IS NOT NULL OR next_change_at <= now()"""


async def shows(hub: Hub, twin: ReferenceTwin, points: int) -> bool:
    """Wait until the shop shows so many points in all, and nothing is on its way any more."""

    async def total() -> int:
        async with hub.database.begin() as conn:
            if (await conn.execute(text(UNDER_WAY))).scalar_one():
                return -1
        return sum(int(row["points"]) for row in twin.shop.customers.values())

    return (await watch(total, expected=points, deadline=PATIENCE)).shown == points


def kinds(found: Outcome) -> dict[str, int]:
    return {kind: count for kind, count in found.drift.items() if count}


@pytest.mark.timeout(240)
async def test_what_a_shop_got_wrong_is_found_and_put_right_on_command(
    cart_hub: Hub, cart_twin: ReferenceTwin, start_worker: Start
) -> None:
    service = ReconcileNow(tools_of(cart_hub))
    worker = await start_worker()
    assert await shows(cart_hub, cart_twin, ALL)
    found = await service.compare("cart")
    assert (found.explained, found.tally.explained, found.tally.members) == ("100.00", ALL, MEMBERS)
    worker.kill()
    await worker.wait()
    somebody, another, *_ = cart_twin.shop.customers
    cart_twin.shop.show_points(somebody, 100)
    order = cart_twin.shop.place(another, list(cart_twin.shop.items)[:1])
    hours_ago = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
    order |= {"state": "paid", "placed_at": iso(hours_ago), "updated_at": iso(hours_ago)}
    found = await service.compare("cart")
    assert kinds(found) == {"changed_elsewhere": 1, "missing": 1}
    assert (found.tally.explained, found.tally.unexplained) == (ALL, 30)
    assert found.oldest == hours_ago
    repaired = await service.repair("cart")
    assert (repaired.balances, repaired.orders) == (1, 1)
    await start_worker()
    earned = await _earned(cart_hub)
    assert earned > 0
    assert await shows(cart_hub, cart_twin, ALL + earned)
    found = await service.compare("cart")
    assert (kinds(found), found.tally.explained) == ({}, ALL + earned)


async def _earned(hub: Hub) -> int:
    """Wait until the order is settled; gives what it earned."""
    earned = 0

    async def orders() -> int:
        nonlocal earned
        async with hub.database.begin() as conn:
            statement = "SELECT count(*), coalesce(sum(earned), 0) FROM settled"
            count, earned = (await conn.execute(text(statement))).one()
        return int(count)

    assert (await watch(orders, expected=1, deadline=PATIENCE)).shown == 1
    return int(earned)
