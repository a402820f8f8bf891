"""Orders, postings and a vendor's balances are compared; what differs is mended on command."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from acme import Scene, body, bought, hanako
from comparing import an_hour_passes, compared, exchanged, newest, passes, rested, turn
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei.messaging import compared as ours
from renkei.messaging import polls, reconciliations, retry
from renkei.messaging.compared import Row
from renkei.messaging.reconciliations import Outcome
from renkei.services.flow.reconcile import Reconcile, at_rest, next_night
from renkei.services.flow.reconcile_now import TRIES, ReconcileNow, Repaired
from renkei.services.flow.replay import Replay
from renkei.worker import tools_of
from renkei_contracts.errors import AuthenticationFailed, NotFound, Rejected, Unavailable
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member

TWO_HOURS = 7_200
"""Seconds: long enough that it is on its way no more."""


def on_command(scene: Scene) -> ReconcileNow:
    return ReconcileNow(tools_of(scene.hub))


async def many(scene: Scene, count: int) -> None:
    """So many more members, each with a customer of the cart."""
    for number in range(count):
        ref = ExternalRef(connection="cart", id=f"more{number}")
        member = Member(ref=ref, changed_at=hanako().changed_at)
        await scene.deliver(b"member" + member.model_dump_json().encode(), f"more{number}")
    await scene.settle_down()
    await rested(scene)


async def given_up(sold: Scene) -> None:
    """An order of the shop that was missing days ago was deleted there, and cannot be read."""
    sold.cart.orders["o2"] = bought("o2", tick=-TWO_HOURS)
    await compared(sold)
    passes(sold, timedelta(days=3))
    await compared(sold)
    del sold.cart.orders["o2"]
    await on_command(sold).repair("cart")
    for _ in range(retry.TRIES):
        await sold.due_now("changed_object")
        await sold.work("changed")


def differing(found: Outcome) -> dict[str, int]:
    return {kind: count for kind, count in found.drift.items() if count}


@pytest.mark.parametrize("connection", ["cart", "shop"])
async def test_where_nothing_differs_every_point_is_explained(sold: Scene, connection: str) -> None:
    found = await compared(sold, connection)
    assert (found.explained, found.agrees, found.oldest) == ("100.00", True, None)
    assert (found.tally.members, found.tally.explained, found.tally.unexplained) == (1, 100, 0)


async def test_an_exchange_for_a_reward_is_no_order_that_is_missing(sold: Scene) -> None:
    await exchanged(sold)
    assert (await compared(sold)).agrees
    assert (await on_command(sold).repair("cart")).orders == 0


async def test_points_that_were_given_at_the_vendor_were_changed_elsewhere(sold: Scene) -> None:
    sold.cart.points["c1"] = 150
    first = await compared(sold)
    assert differing(first) == {"changed_elsewhere": 1}
    assert (first.tally.explained, first.tally.unexplained, first.explained) == (100, 50, "66.66")
    again = await compared(sold)
    assert again.oldest == first.oldest, "it has differed since it was found first"
    sold.cart.points["c1"] = 100
    assert (await compared(sold)).agrees


async def test_comparing_changes_neither_the_books_nor_the_vendor(sold: Scene) -> None:
    sold.cart.points["c1"] = 150
    before = await sold.one("SELECT sum(version), sum(available) FROM member")
    await compared(sold)
    assert await sold.one("SELECT sum(version), sum(available) FROM member") == before
    assert sold.cart.points == {"c1": 150}


async def test_a_balance_that_was_given_up_is_stale_since_it_changed(
    sold: Scene,
) -> None:
    sold.cart.failures.append(Rejected("the shop is closed"))
    await sold.deliver(body(bought("o2")), "d2")
    await sold.work("deliveries")
    await sold.work("mirror")
    assert differing(await compared(sold)) == {}, "it changed a moment ago"
    await an_hour_passes(sold)
    found = await compared(sold)
    assert differing(found) == {"stale": 1}
    assert (found.tally.explained, found.tally.unexplained) == (100, 100)
    (booked,) = await sold.one("SELECT recorded_at FROM txn WHERE order_ref = 'o2'")
    assert found.oldest == booked


async def test_a_customer_who_is_gone_at_the_vendor_is_missing(
    sold: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart = await sold.hub.connections.get("cart")

    async def gone(id: str) -> int:
        raise NotFound(f"no customer {id}")

    monkeypatch.setattr(cart.balances, "read", gone)
    found = await compared(sold)
    assert differing(found) == {"missing": 1}
    assert (found.explained, found.tally.unexplained) == ("0.00", 100)


async def test_a_customer_whose_balance_was_left_for_good_is_not_compared(sold: Scene) -> None:
    sold.cart.points["c1"] = 7
    assert differing(await compared(sold)) == {"changed_elsewhere": 1}
    async with sold.hub.database.begin() as conn:
        await conn.execute(text("UPDATE mirror SET parked = true WHERE connection_id = 'cart'"))
    dead = Replay(sold.hub.connections, sold.hub.database, sold.hub.clock)
    await dead.dismiss([f"cart/{await sold.member()}"], "佐藤", "退会済み")
    assert tuple(await sold.one("SELECT count(*) FROM drift")) == (0,)
    assert (await compared(sold)).agrees


async def test_an_order_that_only_the_vendor_has_is_read_on_command_and_settled(
    sold: Scene,
) -> None:
    sold.cart.orders["o2"] = bought("o2", tick=-TWO_HOURS)
    found = await compared(sold)
    assert (differing(found), found.explained) == ({"missing": 1}, "99.99")
    repaired = await on_command(sold).repair("cart")
    assert (repaired.balances, repaired.orders, repaired.left) == (0, 1, 0)
    await sold.settle_down()
    await rested(sold)
    assert sold.cart.points == {"c1": 200}
    assert (await compared(sold)).agrees


async def test_an_order_is_missing_until_it_is_here_however_long_ago_it_was_listed(
    sold: Scene,
) -> None:
    old = sold.cart.orders["o2"] = bought("o2", tick=-TWO_HOURS)
    await compared(sold)
    passes(sold, timedelta(days=3))
    assert differing(await compared(sold)) == {"missing": 1}
    del sold.cart.orders["o2"]  # the vendor lists what has changed in the last two days
    assert differing(await compared(sold)) == {"missing": 1}
    sold.cart.orders["o2"] = old
    assert (await on_command(sold).repair("cart")).orders == 1
    await sold.settle_down()
    await rested(sold)
    assert (await compared(sold)).agrees


async def test_an_order_that_cannot_be_read_is_a_dead_letter_and_not_missing_for_ever(
    sold: Scene,
) -> None:
    await given_up(sold)
    assert (await sold.one("SELECT object_id, dead FROM changed_object")) == ("o2", True)
    assert (await compared(sold)).agrees


async def test_an_order_that_is_left_for_good_is_not_missing(sold: Scene) -> None:
    await given_up(sold)
    hub = sold.hub
    left = Replay(hub.connections, hub.database, hub.clock)
    assert await left.dismiss(["cart/order/o2"], "佐藤", "deleted there") == 1
    assert (await compared(sold)).agrees


async def test_an_order_of_the_list_that_nobody_understands_leaves_the_books_unproven(
    sold: Scene,
) -> None:
    sold.cart.unreadable = [("o1", "no total"), ("o9\x00", "no total")]
    found = await compared(sold)
    assert (differing(found), found.explained) == ({"missing": 1, "stale": 1}, "99.99")
    sold.cart.unreadable = []
    assert (await compared(sold)).agrees


@pytest.mark.parametrize("points", [10**20, -(10**20)])
async def test_a_balance_that_cannot_be_is_that_customers_trouble_alone(
    sold: Scene, points: int
) -> None:
    sold.cart.points["c1"] = points
    found = await compared(sold)
    assert (differing(found), found.tally.unexplained) == ({"missing": 1}, 100)


async def test_an_order_that_the_vendor_lists_no_more_is_not_missing(sold: Scene) -> None:
    sold.cart.orders["o2"] = bought("o2", tick=-TWO_HOURS)
    await compared(sold)
    del sold.cart.orders["o2"]
    assert (await compared(sold)).agrees


async def test_an_order_that_the_vendor_has_in_a_newer_state_is_stale_here(sold: Scene) -> None:
    old = bought("o2", tick=-2 * TWO_HOURS)
    await sold.deliver(body(old), "d2")
    await sold.settle_down()
    sold.cart.orders["o2"] = bought("o2", yen=22_000, tick=-TWO_HOURS)
    assert differing(await compared(sold)) == {"stale": 1}


async def test_points_for_which_no_order_was_settled_are_left_to_a_person(
    sold: Scene, owner_engine: AsyncEngine
) -> None:
    async with owner_engine.begin() as conn:
        await conn.execute(text("UPDATE settled SET earned = earned - 30"))
    found = await compared(sold)
    assert differing(found) == {"unbacked": 1}
    assert (found.tally.explained, found.tally.unexplained) == (100, 30)
    before = await sold.one("SELECT count(*) FROM posting")
    repaired = await on_command(sold).repair("cart")
    await sold.settle_down()
    assert (repaired.balances, repaired.orders, repaired.left) == (0, 0, 1)
    assert await sold.one("SELECT count(*) FROM posting") == before


@pytest.mark.parametrize("connection", ["cart", "shop"])
async def test_a_balance_that_was_changed_elsewhere_is_written_again_on_command(
    sold: Scene, connection: str
) -> None:
    cloud = sold.cart if connection == "cart" else sold.shop
    (customer,) = cloud.points
    cloud.points[customer] = 70
    await compared(sold, connection)
    assert (await on_command(sold).repair(connection)).balances == 1
    before = await sold.one("SELECT count(*) FROM posting")
    await sold.settle_down()
    assert cloud.points == {customer: 100}
    assert await sold.one("SELECT count(*) FROM posting") == before
    await rested(sold)
    assert (await compared(sold, connection)).agrees


async def test_however_much_differs_is_ordered_page_by_page(
    sold: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await many(sold, 4)
    for customer in sold.cart.points:
        sold.cart.points[customer] += 1
    for id in ("o5", "o6", "o7"):
        sold.cart.orders[id] = bought(id, tick=-TWO_HOURS)
    await compared(sold)
    monkeypatch.setattr("renkei.messaging.compared.REPAIRED_A_PAGE", 2)
    assert (await on_command(sold).repair("cart")) == Repaired(balances=5, orders=3, left=0)
    await sold.settle_down()
    await rested(sold)
    assert (await compared(sold)).agrees


async def test_a_balance_that_was_given_up_is_written_again_on_command(sold: Scene) -> None:
    sold.cart.failures.append(Rejected("the shop is closed"))
    await sold.deliver(body(bought("o2")), "d2")
    await sold.work("deliveries")
    await sold.work("mirror")
    await an_hour_passes(sold)
    assert differing(await compared(sold)) == {"stale": 1}
    assert (await on_command(sold).repair("cart")).balances == 1
    await sold.settle_down()
    assert sold.cart.points == {"c1": 200}


async def test_points_of_an_order_that_is_not_kept_are_explained_by_nothing(
    sold: Scene, owner_engine: AsyncEngine
) -> None:
    async with owner_engine.begin() as conn:
        await conn.execute(text("SET LOCAL session_replication_role = replica"))
        await conn.execute(text("DELETE FROM orders"))
    await compared(sold)
    found = await on_command(sold).differing("cart", 10)
    assert [(one.subject, one.kind, one.hub, one.vendor) for one in found] == [
        ("o1", "missing", 100, None)
    ]


async def test_a_comparison_is_kept_for_so_long_and_no_longer(sold: Scene) -> None:
    ages = f"ARRAY[interval '{reconciliations.KEPT.days - 1} d', '{reconciliations.KEPT.days} d']"
    async with sold.hub.database.begin() as conn:
        await conn.execute(
            text(
                "INSERT INTO reconciliation (connection_id, began_at, finished_at)"
                f" SELECT 'cart', now() - age - interval '1 h', now() FROM unnest({ages}) AS age"
            )
        )
    await compared(sold)
    assert await sold.one("SELECT count(*) FROM reconciliation") == (2,)


async def test_a_long_comparison_lets_the_other_polls_have_their_turn(
    sold: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reconcile, "TURN", timedelta())
    await turn(sold)
    assert await newest(sold) == []
    assert await sold.one(
        "SELECT owner, due > now() - interval '1 min' FROM poll"
        " WHERE connection_id = 'cart' AND kind = 'reconcile'"
    ) == (None, True)
    for _ in range(2):
        await turn(sold)
    assert len(await newest(sold)) == 1


async def test_a_vendor_that_fails_in_the_middle_is_gone_on_with_at_that_page(
    sold: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await many(sold, 2 * ours.MEMBERS_A_PAGE)
    balances = (await sold.hub.connections.get("cart")).balances
    assert balances is not None
    read, asked = balances.read, []

    async def once_down(id: str) -> int:
        asked.append(id)
        if len(asked) == ours.MEMBERS_A_PAGE + 1:
            raise Unavailable("down")
        return await read(id)

    monkeypatch.setattr(balances, "read", once_down)
    sold.cart.calls.clear()
    await turn(sold)
    assert await newest(sold) == []
    found = await compared(sold)
    assert found.tally.members == 2 * ours.MEMBERS_A_PAGE + 1
    first, later = asked[: ours.MEMBERS_A_PAGE], asked[ours.MEMBERS_A_PAGE :]
    assert not set(first) & set(later)
    assert [call for call in sold.cart.calls if "order" in call] == ["changed order None"]


async def test_whoever_lost_the_lease_counts_nothing(sold: Scene) -> None:
    """The one that took it over counts each member once."""
    late = sold.worker.tools
    async with sold.hub.database.begin() as conn:
        await polls.hurry(conn, "cart", "reconcile", late.clock())
        taken = await polls.claim(conn, "cart", late.owner, late.clock(), kind="reconcile")
    (claimed,) = taken.claimed
    await an_hour_passes(sold)
    other = replace(sold.worker.polls, tools=replace(sold.worker.polls.tools, owner="other"))
    assert await other.work("cart", "reconcile") == 1
    await Reconcile(late).read(await sold.hub.connections.get("cart"), claimed.at("members:"))
    (found,) = await newest(sold)
    assert found.tally.members == 1


async def test_on_command_it_is_compared_to_the_end(sold: Scene) -> None:
    await many(sold, ours.MEMBERS_A_PAGE)
    sold.cart.points["c1"] = 150
    service = on_command(sold)
    found = await service.compare("cart")
    assert (differing(found), found.tally.members) == (
        {"changed_elsewhere": 1},
        ours.MEMBERS_A_PAGE + 1,
    )
    (one,) = await service.differing("cart", 10)
    assert (one.what, one.subject, one.hub, one.vendor) == ("member", await buyer(sold), 100, 150)


async def buyer(scene: Scene) -> str:
    (member,) = await scene.one("SELECT member_id FROM orders WHERE order_ref = 'o1'")
    return str(member)


async def test_a_connection_that_was_not_let_in_is_not_compared_and_says_why(sold: Scene) -> None:
    async with sold.hub.database.begin() as conn:
        await conn.execute(text("UPDATE connection SET state = 'needs_authorization'"))
    sold.hub.connections.forget()
    with pytest.raises(AuthenticationFailed, match="renkei connect acme --id cart --replace"):
        await on_command(sold).compare("cart")


async def test_a_vendor_that_rests_for_long_is_not_waited_for(sold: Scene) -> None:
    async with sold.hub.database.begin() as conn:
        await conn.execute(text("UPDATE connection SET open_until = now() + interval '1 hour'"))
    sold.hub.connections.forget()
    sold.cart.calls.clear()
    with pytest.raises(Unavailable, match="goes on by itself"):
        await on_command(sold).compare("cart")
    assert sold.cart.calls == []


async def test_a_vendor_that_fails_again_and_again_is_asked_no_more(sold: Scene) -> None:
    async with sold.hub.database.begin() as conn:
        await conn.execute(text(f"UPDATE poll SET failures = {TRIES} WHERE kind = 'reconcile'"))
    sold.cart.calls.clear()
    with pytest.raises(Unavailable, match="goes on by itself"):
        await on_command(sold).compare("cart")
    assert sold.cart.calls == []


QUIET = Row("mem_1", 100, 100, datetime(2026, 11, 26, tzinfo=UTC), False, None)


@pytest.mark.parametrize(
    ("before", "after", "quiet"),
    [
        (QUIET, QUIET, True),
        (QUIET, QUIET._replace(written_at=datetime(2026, 11, 27, tzinfo=UTC)), False),
        (QUIET, QUIET._replace(balance=120), False),
        (QUIET._replace(leased=True), QUIET, False),
        (QUIET, QUIET._replace(leased=True), False),
        (QUIET, None, False),
    ],
)
def test_a_balance_that_is_written_while_it_is_read_is_not_judged(
    before: Row, after: Row | None, quiet: bool
) -> None:
    assert at_rest(before, after) is quiet


@pytest.mark.parametrize("hour", [0, 3, 12, 23])
def test_each_connection_is_compared_once_a_night_in_japan(hour: int) -> None:
    now = datetime(2026, 11, 26, hour, tzinfo=UTC)
    first = next_night(now, "cart")
    assert now < first <= now + timedelta(days=1)
    assert 17 <= first.astimezone(UTC).hour < 20, "2 to 5 o'clock in Japan"
    assert next_night(first, "cart") == first + timedelta(days=1)
    assert next_night(now, "cart") != next_night(now, "shop")


async def test_it_waits_for_the_night_by_itself(sold: Scene) -> None:
    assert await sold.worker.polls.work("cart", "reconcile") == 0
    await compared(sold)
    assert await sold.worker.polls.work("cart", "reconcile") == 0
