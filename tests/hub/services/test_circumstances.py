"""Facts, stores' days and products count alike at a register, in a cart, in a refund, in a try."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import RequestInvalid, UnknownConnection
from renkei.ledger import loading
from renkei.ledger.verify import verify
from renkei.loyalty.program import Program
from renkei.services.booking import Booking
from renkei.services.members.members import explain
from renkei.services.setup.backtest import back_test
from renkei.services.setup.facts import NewFact
from renkei.services.setup.facts import state as state_facts
from renkei.services.setup.products import Product, listed
from renkei.services.setup.products import state as state_products
from renkei.services.setup.stores import minutes_after_midnight, set_store
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei.storage.trip import Answer, Statement, travel
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState, TillKey
from renkei_contracts.till import CommitRequest, QuoteRequest

LONG_AGO = datetime(2026, 11, 1, 3, tzinfo=UTC)
RAIN = {"name": "rain", "when": "facts['rain']", "percent": 200}
GREEN_TEA = "4901234567894"


def now() -> datetime:
    return datetime.now(UTC)


def today() -> date:
    """The day in Japan, where the program's zone is."""
    return (now() + timedelta(hours=9)).date()


async def publish(booking: Booking, **document: Any) -> Program:
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', 2, '1970-01-02Z', :d)"),
            {"d": json.dumps(document)},
        )
    return Program.model_validate(document)


async def enrolled(booking: Booking) -> str:
    seen = Member(ref=ExternalRef(connection="cart", id="a"), changed_at=LONG_AGO)
    return (await booking.enrol(seen)).member


def fact(value: bool = True, **fields: Any) -> NewFact:
    defaults = {"name": "rain", "area": "kyoto", "day": today(), "source": "forecast of 05:00"}
    return NewFact.model_validate(defaults | {"value": value} | fields)


def tea(amount: int = 11_000, **fields: Any) -> LineItem:
    return LineItem.model_validate(
        {"id": "1", "quantity": 1, "amount": amount, "tax_rate": 1000} | fields
    )


def sold(id: str, placed_at: datetime, **fields: Any) -> Order:
    values: dict[str, Any] = {
        "ref": ExternalRef(connection="cart", id=id),
        "changed_at": placed_at,
        "placed_at": placed_at,
        "state": OrderState.PAID,
        "customer": ExternalRef(connection="cart", id="a"),
        "lines": (tea(),),
        "location": "shijo",
    }
    return Order(**(values | fields))


async def earned(booking: Booking, order: Order) -> int:
    return (await booking.settle(order, read_at=None, delivery_key=None)).earned


async def test_rain_in_a_stores_area_doubles_points_there_and_nowhere_else(
    booking: Booking,
) -> None:
    await publish(booking, campaigns=[RAIN])
    member = await enrolled(booking)
    await set_store(booking.database, "cart", "shijo", "kyoto", None)
    await state_facts(booking.database, [fact()])
    assert await earned(booking, sold("here", now())) == 200
    assert await earned(booking, sold("elsewhere", now(), location="ginza")) == 100
    here, elsewhere = await explain(booking, member)
    assert any("rain: forecast of 05:00" in reason for reason in here.reasons)
    assert 'rain: 1:8: Key not found in map : "rain"' in elsewhere.reasons


async def test_a_fact_counts_for_no_sale_that_was_made_before_it_was_stated(
    booking: Booking,
) -> None:
    await publish(booking, campaigns=[RAIN])
    await enrolled(booking)
    await set_store(booking.database, "cart", "shijo", "kyoto", None)
    early = now()
    await state_facts(booking.database, [fact()])
    assert await earned(booking, sold("early", early)) == 100


async def test_what_was_stated_first_stays_and_a_refund_is_judged_by_it(booking: Booking) -> None:
    await publish(booking, campaigns=[RAIN])
    await enrolled(booking)
    await set_store(booking.database, "cart", "shijo", "kyoto", None)
    assert (await state_facts(booking.database, [fact()])).new == 1
    order = sold("o", now())
    assert await earned(booking, order) == 200
    again = await state_facts(booking.database, [fact(False, source="a look outside")])
    assert (again.new, [one.source for one in again.differ]) == (0, ["forecast of 05:00"])
    await set_store(booking.database, "cart", "shijo", "osaka", None)
    returned = (tea(returned_amount=5_500),)
    later = order.model_copy(update={"lines": returned, "changed_at": now()})
    assert await earned(booking, later) == 100
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()


async def test_the_fact_of_a_store_counts_before_its_areas_and_that_before_everywheres(
    booking: Booking,
) -> None:
    await publish(booking, campaigns=[RAIN])
    await enrolled(booking)
    await set_store(booking.database, "cart", "shijo", "kyoto", None)
    await set_store(booking.database, "cart", "kawaramachi", "kyoto", None)
    stated = [fact(area=""), fact(False), fact(area="", store="cart/shijo")]
    await state_facts(booking.database, stated)
    points = [
        await earned(booking, sold(store, now(), location=store))
        for store in ("shijo", "kawaramachi", "ginza")
    ]
    assert points == [200, 100, 200]


async def test_a_register_is_told_what_its_sale_will_earn_in_the_rain(
    booking: Booking, till: TillService
) -> None:
    await publish(booking, campaigns=[RAIN])
    member = await enrolled(booking)
    terminal = Terminal("trm_1", "shop", "shijo", "1")
    await set_store(booking.database, "shop", "shijo", "kyoto", None)
    await state_facts(booking.database, [fact()])
    quoted = await till.quote(terminal, QuoteRequest(member=member, lines=(tea(),)))
    key = TillKey(store="shijo", till="1", business_date=today(), receipt_number="1")
    ask = CommitRequest(sale=key, sold_at=now(), member=member, lines=(tea(),))
    assert (quoted.earns, (await till.commit(terminal, ask)).earned) == (200, 200)


async def test_a_shop_without_stores_may_lie_in_an_area(booking: Booking) -> None:
    await publish(booking, campaigns=[RAIN])
    await enrolled(booking)
    await set_store(booking.database, "cart", "", "kyoto", None)
    await state_facts(booking.database, [fact()])
    assert await earned(booking, sold("online", now(), location="")) == 200
    assert await earned(booking, sold("in a store", now(), location="ginza")) == 100


async def test_a_late_store_counts_its_sales_to_the_day_before(booking: Booking) -> None:
    await publish(booking, campaigns=[{"name": "c", "when": "today.day == 10", "percent": 200}])
    await enrolled(booking)
    stated = datetime(2026, 11, 1, tzinfo=UTC)
    async with booking.database.begin() as conn:
        values = {"at": stated, "ends": minutes_after_midnight("26:00")}
        await conn.execute(
            text("INSERT INTO store_setting VALUES ('cart', 'shijo', :at, '', :ends)"), values
        )
    last = datetime(2026, 11, 10, 16, 59, 59, tzinfo=UTC)  # 01:59:59 on the 11th in Japan
    assert await earned(booking, sold("late", last)) == 200
    assert await earned(booking, sold("after", last + timedelta(seconds=1))) == 100
    assert await earned(booking, sold("other", last, location="ginza")) == 100


async def test_one_product_has_its_classes_in_every_channel(booking: Booking) -> None:
    member_day = {"name": "tea", "when": "true", "lines": "'tea' in line.classes", "percent": 200}
    jan = {"name": "jan", "when": f"'{GREEN_TEA}' in order.jans", "fixed": 7}
    await publish(booking, campaigns=[member_day, jan])
    await enrolled(booking)
    rows = [
        Product(jan=GREEN_TEA, sku="T-1", classes="tea"),
        Product(sku="C-1", classes=("tobacco",)),
    ]
    await state_products(booking.database, rows)
    by_jan = sold("jan", now(), lines=(tea(jan="４９０１２３４５６７８９４"),))
    by_sku = sold("sku", now(), lines=(tea(sku="T-1"),))
    other = sold("other", now(), lines=(tea(sku="T-2"),))
    smoke = sold("smoke", now(), lines=(tea(sku="C-1"),))
    points = [await earned(booking, one) for one in (by_jan, by_sku, other, smoke)]
    assert points == [207, 207, 100, 0]


async def test_a_sku_is_the_product_whose_jan_it_was_stated_with(booking: Booking) -> None:
    await publish(booking, title="plain")
    await enrolled(booking)
    await state_products(booking.database, [Product(jan=GREEN_TEA, sku="T-1")])
    await state_products(booking.database, [Product(jan=GREEN_TEA, classes=("tobacco",))])
    assert await earned(booking, sold("o", now(), lines=(tea(sku="T-1"),))) == 0


async def test_a_product_that_changes_its_class_changes_no_sale_of_before(
    booking: Booking,
) -> None:
    program = await publish(booking, title="plain")
    await enrolled(booking)
    order = sold("o", now(), lines=(tea(sku="A"),))
    assert await earned(booking, order) == 100
    await state_products(booking.database, [Product(sku="A", classes=("tobacco",))])
    again = order.model_copy(update={"state": OrderState.FULFILLED, "changed_at": now()})
    assert await earned(booking, again) == 100
    tried = await back_test(booking.database, program, LONG_AGO)
    assert (tried.booked, tried.draft) == (100, 100)
    tried = await back_test(booking.database, program, LONG_AGO, by_now=True)
    assert (tried.booked, tried.draft) == (100, 0)


async def test_a_try_gives_order_by_order_what_was_booked(booking: Booking) -> None:
    program = await publish(booking, campaigns=[RAIN])
    await enrolled(booking)
    await set_store(booking.database, "cart", "shijo", "kyoto", None)
    await earned(booking, sold("before", now()))
    await state_facts(booking.database, [fact()])
    await state_products(booking.database, [Product(sku="A", classes=("stamps",))])
    for n, store in enumerate(("shijo", "ginza", "shijo")):
        lines = (tea(sku="A" if n == 2 else "B"), tea(id="2"))
        await earned(booking, sold(f"o{n}", now(), location=store, lines=lines))
    tried = await back_test(booking.database, program, LONG_AGO)
    assert (tried.orders, tried.more, tried.fewer) == (4, 0, 0)
    assert tried.booked == tried.draft == 100 + 400 + 200 + 200


async def test_only_what_differs_from_before_is_stated_again(booking: Booking) -> None:
    tea_1 = Product(jan=GREEN_TEA, sku="T-1", title="お茶", classes=("tea",))
    assert await state_products(booking.database, [tea_1]) == 1
    assert await state_products(booking.database, [tea_1]) == 0
    changed = tea_1.model_copy(update={"classes": ("drinks", "tea")})
    assert await state_products(booking.database, [changed]) == 1
    (found,) = await listed(booking.database, GREEN_TEA, 10)
    assert found.classes == ("drinks", "tea")
    with pytest.raises(RequestInvalid, match="different classes"):
        await state_products(booking.database, [tea_1, Product(jan=GREEN_TEA, sku="T-2")])


async def test_a_place_that_is_misspelt_is_refused(booking: Booking) -> None:
    with pytest.raises(UnknownConnection):
        await state_facts(booking.database, [fact(area="", store="crat/shijo")])
    with pytest.raises(UnknownConnection):
        await set_store(booking.database, "crat", "shijo", "kyoto", None)
    with pytest.raises(RequestInvalid, match="area"):
        await set_store(booking.database, "cart", "shijo", "Kyoto City", None)


async def test_a_setting_that_is_not_given_stays(booking: Booking) -> None:
    await set_store(booking.database, "cart", "shijo", "kyoto", 120)
    found = await set_store(booking.database, "cart", "shijo", None, None)
    assert (found.area, found.day_ends_at) == ("kyoto", "26:00")
    found = await set_store(booking.database, "cart", "shijo", "", 0)
    assert (found.area, found.day_ends_at) == ("", "24:00")


@pytest.mark.parametrize("text", ["26", "26:60", "37:00", "x:00", "13:00", "26:0"])
def test_a_day_that_cannot_end_so_is_refused(text: str) -> None:
    with pytest.raises(RequestInvalid, match="day_ends"):
        minutes_after_midnight(text)


@pytest.mark.parametrize(("text", "minutes"), [("24:00", 0), ("02:30", 150), ("29:00", 300)])
def test_the_end_of_a_day_is_read_as_shops_write_it(text: str, minutes: int) -> None:
    assert minutes_after_midnight(text) == minutes


@pytest.mark.parametrize(
    ("document", "more"),
    [
        ({}, set()),
        ({"campaigns": [RAIN]}, {"places"}),
        ({"campaigns": [{"name": "c", "when": "order.total > 1", "percent": 200}]}, set()),
    ],
)
async def test_rules_that_speak_of_nothing_else_cost_no_statement(
    booking: Booking, monkeypatch: pytest.MonkeyPatch, document: dict[str, Any], more: set[str]
) -> None:
    await publish(booking, **document)
    await enrolled(booking)
    asked: list[str] = []
    trips: list[int] = []

    async def counted(
        conn: AsyncConnection, statements: Sequence[Statement], **how: bool
    ) -> list[Answer]:
        asked.extend(one.sql for one in statements)
        trips.append(len(statements))
        return await travel(conn, statements, **how)

    monkeypatch.setattr(loading, "travel", counted)
    await earned(booking, sold("o", now(), lines=(tea(sku="A"),)))
    tables = {"places": "store_setting n", "products": "JOIN LATERAL product"}
    found = {name for name, table in tables.items() if any(table in one for one in asked)}
    assert found == more
    assert not any("FROM product n" in one for one in asked)
    assert len(trips) == 3
