"""A batch that names its members is loaded at once: it must see what any other batch would see."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from renkei.ledger.loading import load, load_at_once, names_its_members
from renkei.ledger.world import World
from renkei.services.booking import Booking
from renkei.services.command import further_needs
from renkei.services.members.members import balance
from renkei.services.orders.refund import BookRefund
from renkei.services.setup.stores import set_store
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState, Refund, RefundLine

PLACED = datetime(2026, 11, 1, 3, tzinfo=UTC)
RULES = {
    "tiers": {"levels": [{"name": "gold", "at_least": 1_000}]},
    "campaigns": [
        {"name": "rain", "when": "facts['rain']", "percent": 200},
        {"name": "gold", "when": "member.tier == 'gold'", "percent": 200, "per_member": 500},
    ],
}
LINE = LineItem(id="1", sku="T-1", quantity=2, amount=11_000, tax_rate=1000)


def sold(connection: str, id: str, after: int = 0, **more: Any) -> Order:
    at = PLACED + timedelta(seconds=after)
    fields: dict[str, Any] = {
        "ref": ExternalRef(connection=connection, id=id),
        "changed_at": at,
        "placed_at": at,
        "state": OrderState.PAID,
        "customer": ExternalRef(connection=connection, id="c1"),
        "location": "shijo",
        "lines": (LINE,),
    }
    return Order(**(fields | more))


@pytest.fixture
async def member(booking: Booking) -> str:
    """Somebody in two shops with a sale, its copy, its refund, one that looks alike, and no points
    left of any of them."""
    async with booking.database.begin() as conn:
        await conn.execute(text("INSERT INTO sale_pair VALUES ('cart', 'shop', '2 minutes')"))
        version = text("INSERT INTO program_version VALUES ('default', 2, '1970-01-02Z', :d)")
        await conn.execute(version, {"d": json.dumps(RULES)})
    await set_store(booking.database, "shop", "shijo", "kyoto", 120)
    mail = Identity(kind=IdentityKind.EMAIL, value="h@example.jp", grade=Grade.VERIFIED)
    for connection in ("cart", "shop"):
        ref = ExternalRef(connection=connection, id="c1")
        found = await booking.enrol(Member(ref=ref, changed_at=PLACED, identities=(mail,)))
    for one in (sold("cart", "o1"), sold("shop", "p1", after=2), sold("cart", "o2", after=4)):
        await booking.settle(one, read_at=None, delivery_key=None)
    back = Refund(
        ref=ExternalRef(connection="cart", id="r1"),
        order=ExternalRef(connection="cart", id="o1"),
        occurred_at=PLACED + timedelta(days=1),
        lines=(RefundLine(id="1", quantity=1, amount=5_500),),
    )
    await booking.committer.submit(BookRefund(back, None, booking.new_id("alr")))
    points = (await balance(booking, found.member)).spendable
    spent = sold("cart", "o3", after=600, points_used=points, points_value=points)
    await booking.settle(spent, read_at=None, delivery_key=None)
    return found.member


@pytest.mark.parametrize(
    ("order", "loaded"),
    [
        (sold("shop", "p1", after=2), "orders settled refunds lookalikes places pasts windows"),
        (sold("cart", "o2", after=4), "orders settled claims quotas windows"),
    ],
    ids=["a copy", "a sale"],
)
async def test_at_once_a_batch_sees_what_it_would_see_step_by_step(
    booking: Booking, member: str, order: Order, loaded: str
) -> None:
    later = order.changed_at + timedelta(hours=1)
    newer = order.model_copy(update={"changed_at": later, "customer": None})
    command = await booking.settling(newer, member=member)
    needs, further = command.needs(), partial(further_needs, command)
    assert names_its_members(needs)
    async with booking.database.begin_batch() as conn:
        steps = seen_in(await load(conn, needs, further))
    async with booking.database.begin_batch() as conn:
        at_once = await load_at_once(conn, needs, further)
    assert at_once is not None
    assert seen_in(at_once) == steps
    assert {name for name in loaded.split() if not steps[name]} == set()


def seen_in(world: World) -> dict[str, Any]:
    """All of it but the clock."""
    return {name: value for name, value in vars(world).items() if name != "now"}
