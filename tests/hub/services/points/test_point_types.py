"""Limited-time and store-only points: given by campaigns and activities, spent where they count."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from renkei.ledger.verify import verify
from renkei.loyalty.program import Program
from renkei.services.booking import Booking
from renkei.services.members.activity import BookActivity
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.point import ActivitySeen

NOW = datetime.now(UTC) - timedelta(hours=1)

RULES: dict[str, Any] = {
    "point_types": [
        {"name": "week", "expiry": {"months": 0, "days": 7}},
        {"name": "store-only", "only_at": ["pos"]},
    ],
    "campaigns": [
        {"name": "double", "percent": 200, "point_type": "week"},
        {"name": "visit", "fixed": 5, "point_type": "store-only"},
    ],
    "activities": [{"name": "check-in", "points": 3, "point_type": "store-only"}],
}

LOTS = """
SELECT point_type, sum(available), max(expires_at) FROM lot
WHERE available > 0 GROUP BY 1 ORDER BY 1"""


@pytest.fixture
async def member(booking: Booking) -> str:
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', 2, '1970-01-02Z', :d)"),
            {"d": json.dumps(RULES)},
        )
    seen = Member(ref=ExternalRef(connection="cart", id="a"), changed_at=NOW)
    return (await booking.enrol(seen)).member


async def buys(booking: Booking, yen: int, tick: int = 0, **more: Any) -> int:
    line = LineItem(id="1", quantity=1, amount=yen, tax_rate=1000)
    fields: dict[str, Any] = {
        "ref": ExternalRef(connection="cart", id="o1"),
        "changed_at": NOW + timedelta(seconds=tick),
        "placed_at": NOW,
        "state": OrderState.PAID,
        "customer": ExternalRef(connection="cart", id="a"),
        "lines": (line,),
    }
    order = Order(**(fields | more))
    return (await booking.settle(order, read_at=None, delivery_key=None)).earned


async def lots(booking: Booking) -> dict[str, int]:
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()
        return {row[0]: int(row[1]) for row in (await conn.execute(text(LOTS))).all()}


async def test_an_orders_points_are_of_the_types_its_campaigns_say(
    booking: Booking, till: TillService, terminal: Terminal, member: str
) -> None:
    assert await buys(booking, 11_000) == 205
    assert await lots(booking) == {"base": 100, "week": 100, "store-only": 5}
    assert (await till.balance(terminal, member)).spendable == 205
    online = Terminal("trm_9", "cart", "none", "1")
    assert (await till.balance(online, member)).spendable == 200


async def test_an_order_that_shrinks_or_is_cancelled_takes_back_of_each_type(
    booking: Booking, member: str
) -> None:
    await buys(booking, 11_000)
    assert await buys(booking, 5_500, 1) == 105
    assert await lots(booking) == {"base": 50, "week": 50, "store-only": 5}
    assert await buys(booking, 5_500, 2, state=OrderState.CANCELLED) == 0
    assert await lots(booking) == {}
    assert await buys(booking, 11_000, 3) == 205
    assert await lots(booking) == {"base": 100, "week": 100, "store-only": 5}


async def test_an_activity_gives_points_of_its_type(
    booking: Booking, till: TillService, terminal: Terminal, member: str
) -> None:
    ask = ActivitySeen(key="k", source="app", member=member, kind="check-in", occurred_at=NOW)
    await booking.committer.submit(BookActivity(ask))
    assert await lots(booking) == {"store-only": 3}
    assert (await till.balance(terminal, member)).spendable == 3


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"campaigns": [{"name": "c", "fixed": 1, "point_type": "x"}]}, "which is not there"),
        ({"activities": [{"name": "c", "points": 1, "point_type": "x"}]}, "which is not there"),
        ({"point_types": [{"name": "base"}]}, "ordinary points"),
        ({"point_types": [{"name": "x"}] * 2}, "two point types share a name"),
        (
            {
                "coupons": [{"name": "c", "yen": 1}],
                "campaigns": [{"name": "v", "coupon": "c", "point_type": "x"}],
            },
            "a coupon has no point type",
        ),
    ],
)
def test_a_point_type_that_makes_no_sense_is_refused_when_saved(
    parts: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        Program.model_validate(parts)
