"""What waits and how late it is, whatever trouble the vendor is in; counted by index."""

from collections.abc import Iterator
from typing import Any

import pytest
from acme import Scene, body, bought, hanako, shown_after
from sqlalchemy import text

from renkei.messaging import queues
from renkei.messaging.queues import EVERY, MOST, Queues, Waiting, told
from renkei.services import booking
from renkei_contracts.errors import RateLimited, Rejected

MANY = 5_000
FEW = 50


async def counted(scene: Scene) -> Queues:
    async with scene.hub.database.begin() as conn:
        return told([(await conn.execute(text(one))).all() for one in EVERY])


async def waiting(scene: Scene, queue: str, connection: str) -> Waiting | None:
    every = (await counted(scene)).waiting
    found = [one for one in every if (one.queue, one.connection) == (queue, connection)]
    return found[0] if found else None


async def ago(scene: Scene, statement: str) -> None:
    async with scene.hub.database.begin() as conn:
        await conn.execute(text(statement))


async def test_a_balance_that_a_vendor_throttles_grows_older_with_every_try(scene: Scene) -> None:
    await shown_after(scene, RateLimited("slow", 30))
    await ago(scene, "UPDATE mirror SET wanted_since = wanted_since - interval '90 s'")
    found = await waiting(scene, "mirror", "cart")
    assert found is not None
    assert found.number == 1
    assert found.seconds >= 90, "its next try is in the future, and it is late all the same"
    shops = {one.connection: one for one in (await counted(scene)).shops}
    assert shops["cart"].failures == 1
    assert 0 < shops["cart"].rests <= 30
    assert shops["shop"].rests == 0


async def test_a_balance_that_was_shown_waits_anew_from_the_next_purchase(scene: Scene) -> None:
    await shown_after(scene, RateLimited("slow", 30))
    await ago(scene, "UPDATE mirror SET wanted_since = wanted_since - interval '90 s'")
    await scene.due_now("mirror")
    await scene.work("mirror")
    assert await waiting(scene, "mirror", "cart") is None
    await scene.deliver(body(bought("o2")), "d2")
    await scene.work("deliveries")
    found = await waiting(scene, "mirror", "cart")
    assert found is not None
    assert found.seconds < 90


async def test_a_purchase_during_the_write_waits_from_then_on(scene: Scene) -> None:
    await shown_after(scene, RateLimited("slow", 30))
    await ago(scene, "UPDATE mirror SET wanted_since = wanted_since - interval '90 s'")
    balances: Any = (await scene.hub.connections.get("cart")).balances
    write = balances.write

    async def meanwhile(id: str, one: Any) -> Any:
        await scene.deliver(body(bought("o2")), "d2")
        await scene.work("deliveries")
        return await write(id, one)

    balances.write = meanwhile
    await scene.due_now("mirror")
    await scene.work("mirror")
    found = await waiting(scene, "mirror", "cart")
    assert found is not None
    assert found.seconds < 90


async def test_a_purchase_makes_no_younger_what_time_has_changed_before(scene: Scene) -> None:
    await shown_after(scene, RateLimited("slow", 30))
    await scene.due_now("mirror")
    await scene.work("mirror")
    await ago(scene, "UPDATE mirror SET next_change_at = now() - interval '90 s', due = now()")
    await scene.deliver(body(bought("o2")), "d2")
    await scene.work("deliveries")
    found = await waiting(scene, "mirror", "cart")
    assert found is not None
    assert found.seconds >= 90


async def test_deliveries_wait_from_when_they_came(scene: Scene) -> None:
    await scene.deliver(body(bought()), "d1")
    found = await waiting(scene, "delivery", "cart")
    assert found is not None
    assert found.number == 1
    await scene.work("deliveries")
    assert await waiting(scene, "delivery", "cart") is None


async def test_a_reading_waits_from_when_the_vendor_can_show_it(scene: Scene) -> None:
    await ago(
        scene,
        "INSERT INTO changed_object (connection_id, kind, object_id, changed_at, due)"
        " SELECT 'cart', 'order', n::text, now() + at, now() + at"
        " FROM unnest(ARRAY[interval '1 h', interval '-1 h']) WITH ORDINALITY AS x(at, n)",
    )
    found = await waiting(scene, "changed_object", "cart")
    assert found is not None
    assert found.number == 1


async def test_a_vendor_that_leads_is_shown_nothing_and_nothing_waits_for_it(scene: Scene) -> None:
    await shown_after(scene, RateLimited("slow", 30))
    assert await waiting(scene, "mirror", "cart") is not None
    await ago(scene, "UPDATE connection SET leads = 'vendor'")
    assert await waiting(scene, "mirror", "cart") is None


async def test_one_shops_flood_hides_no_others_deliveries(scene: Scene, owner_engine: Any) -> None:
    async with owner_engine.begin() as conn:
        await conn.execute(
            text(
                "INSERT INTO delivery (connection_id, delivery_key, received_at, headers, body,"
                " due) SELECT 'shop', n::text, now(), '', '', now() - interval '1 h'"
                f" FROM generate_series(1, {MOST + 1}) AS n"
            )
        )
    await scene.deliver(body(bought()), "d1")
    flood, one = await waiting(scene, "delivery", "shop"), await waiting(scene, "delivery", "cart")
    assert flood is not None
    assert one is not None
    assert (flood.number, one.number) == (MOST, 1)


async def test_what_was_given_up_is_counted_by_connection(scene: Scene) -> None:
    await scene.deliver(b"no order", "d0")
    await scene.work("deliveries")
    await shown_after(scene, Rejected("no such customer"))
    assert {tuple(one) for one in (await counted(scene)).dead} == {
        ("delivery", "cart", 1),
        ("mirror", "cart", 1),
    }


async def test_polls_say_how_far_they_are_behind(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    await scene.poll()
    behind = {(one.connection, one.kind): one.behind for one in (await counted(scene)).polls}
    assert set(behind) >= {("cart", "order"), ("cart", "member"), ("shop", "order")}
    await ago(scene, "UPDATE poll SET since = since - interval '5 h' WHERE kind = 'order'")
    later = {(one.connection, one.kind): one.behind for one in (await counted(scene)).polls}
    assert later["cart", "order"] >= behind["cart", "order"] + 5 * 3600
    assert later["cart", "member"] < behind["cart", "member"] + 3600


FILL = f"""
SET session_replication_role = replica;
INSERT INTO delivery (connection_id, delivery_key, received_at, headers, body, due, state)
  SELECT 'cart', n::text, now(), '', '', now(), 'done' FROM generate_series(1, {MANY}) n;
INSERT INTO mirror (connection_id, member_id, wanted_version, written_version, due)
  SELECT 'cart', n::text, 1, 1, now() FROM generate_series(1, {MANY}) n;
INSERT INTO hold (member_id, version, scope, key, connection_id, amount, lapses_at, lead_member,
                  lead_version, for_member)
  SELECT n::text, 1, 's', 'k', 'pos', 1, now() - interval '2 h', n::text, 1, n::text
  FROM generate_series(1, {MANY}) n;
INSERT INTO hold_end SELECT n::text, 1, 2, 'captured', 1 FROM generate_series(1, {MANY}) n;
INSERT INTO hold_code (code, connection_id, member_id, version, for_member, points, yen_per_point,
                       usable_until, recorded_at, state, due)
  SELECT n::text, 'cart', n::text, 1, n::text, 1, 1, now(), now(), 'used', now()
  FROM generate_series(1, {MANY}) n;
INSERT INTO lot (member_id, lot, version, origin, granted, granted_at, grant_year, expires_at,
                 pending, available, held, open)
  SELECT n::text, 1, 1, 'earn', 1, now(), 2026, now() + interval '1 year', 0, 1, 0, true
  FROM generate_series(1, {MANY}) n;
INSERT INTO tier_due SELECT n::text, now() + interval '1 year' FROM generate_series(1, {MANY}) n"""

LARGE = {"delivery", "mirror", "hold", "hold_end", "hold_code", "lot", "tier_due"}


@pytest.fixture
async def full(scene: Scene, owner_engine: Any) -> Any:
    """A database in which much is done and nothing waits."""
    async with owner_engine.begin() as conn:
        for statement in FILL.split(";"):
            await conn.execute(text(statement))
    async with owner_engine.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(text("VACUUM ANALYZE"))
    return scene.hub.database


ASKED = {name: getattr(queues, name) for name in ("WAITING", "DEAD", "HOLDS", "SHOPS", "POLLS")}
JOBS = {"EXPIRED": booking.EXPIRED, "TIERS_DUE": booking.TIERS_DUE}


@pytest.mark.parametrize("name", [*ASKED, *JOBS])
async def test_of_what_is_done_or_is_not_due_nothing_is_read(full: Any, name: str) -> None:
    asked = (ASKED | JOBS)[name]
    async with full.begin_often() if name in JOBS else full.begin() as conn:
        explained = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {asked}")
        (plan,) = (await conn.execute(explained)).scalar_one()
    looked = {node["Relation Name"]: read(node) for node in nodes(plan["Plan"]) if of_large(node)}
    assert {table: rows for table, rows in looked.items() if rows > FEW} == {}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for one in plan.get("Plans", ()):
        yield from nodes(one)


def of_large(node: dict[str, Any]) -> bool:
    return node.get("Relation Name") in LARGE


def read(node: dict[str, Any]) -> int:
    """Rows that were looked at, whether or not they were what was asked for."""
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])
