"""What a plugin can read is polled, whichever plugin it is, each kind with an overlap."""

from datetime import timedelta
from importlib.metadata import entry_points

import pytest
from acme import NOW, Scene
from sqlalchemy import text

from renkei.connections.opened import OpenConnection
from renkei.connections.store import NewConnection, insert, load
from renkei.messaging import polls
from renkei.registry import load_registry
from renkei_contracts.hookspecs import ENTRY_POINT_GROUP
from renkei_contracts.vendor import Vendor

VENDORS = sorted(one.name for one in entry_points(group=ENTRY_POINT_GROUP))

POLLED = "SELECT kind FROM poll WHERE connection_id = 'plugged' ORDER BY kind"


def readable(vendor: Vendor) -> set[str]:
    can = {
        "order": vendor.orders,
        "member": vendor.members,
        "fact": vendor.facts,
        "check": vendor.check,
        "reconcile": vendor.orders or vendor.balances,
    }
    return {kind for kind, factory in can.items() if factory is not None}


async def plugged(scene: Scene, vendor: Vendor) -> OpenConnection:
    """A connection of this vendor, of which nothing is called."""
    async with scene.hub.database.begin() as conn:
        new = NewConnection("plugged", vendor.name, {}, NOW - timedelta(days=3))
        await insert(conn, scene.hub.ring, new, NOW)
        row = await load(conn, "plugged")
    return OpenConnection(row, vendor, connection=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", VENDORS)
async def test_everything_that_a_plugin_can_read_is_polled(scene: Scene, name: str) -> None:
    vendor = load_registry().vendor(name)
    await scene.worker.polls.begin(await plugged(scene, vendor))
    async with scene.hub.database.begin() as conn:
        kinds = set((await conn.execute(text(POLLED))).scalars())
    assert kinds == readable(vendor)
    assert kinds & {"order", "member", "fact"}


async def test_each_window_reaches_back_over_the_last_one(scene: Scene) -> None:
    opened = await scene.hub.connections.get("cart")
    await scene.worker.polls.begin(opened)
    await scene.poll()
    async with scene.hub.database.begin() as conn:
        await conn.execute(text("UPDATE poll SET due = now() WHERE kind <> 'reconcile'"))
        for _ in ("order", "member"):
            now = scene.hub.clock()
            (found,) = (await polls.claim(conn, "cart", "me", now)).claimed
            assert found.until - found.since >= polls.OVERLAP
            assert found.since > NOW - timedelta(hours=1), "it is not read from the start again"
