"""Orders: found by a poll, read again, and restated as what they are now."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from renkei_contracts.capability import Orders
from renkei_contracts.errors import NotFound, RenkeiError
from renkei_contracts.event import OrderSeen
from renkei_contracts.order import Order, OrderState
from renkei_contracts.paging import Window
from renkei_contracts.stage import STRAIGHT, Action, TillStage
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import NotApplicable, Suite, must
from renkei_contracts.testing.lists import DAY, later, walk, whole_window
from renkei_contracts.testing.paged import finds_nothing_strange, sets_one_aside
from renkei_contracts.testing.shop import NOBODY, enrolled, sale, some_items
from renkei_contracts.testing.spoiling import with_unknown
from renkei_contracts.testing.trying import patiently, words_of

suite = Suite("orders", "orders")

NEAR = timedelta(minutes=5)
"""How far the vendor's times may be from the clock: what it adds between two states."""

OTHER = "north"
"""A connection of another name, to the same shop."""


@suite.check()
async def a_sale_is_found_by_a_poll(bench: Bench) -> None:
    """Polling is what is left when no webhook comes."""
    id = await sale(bench.twin)
    walked = await walk(bench.orders(), whole_window(bench))
    must(id in walked.ids(), "changed() must give an order that was placed within the window")


@suite.check()
async def what_a_poll_gives_is_what_fetching_gives(bench: Bench) -> None:
    """Lists of a vendor often hold less than a single object."""
    await sale(bench.twin)
    walked = await walk(bench.orders(), whole_window(bench))
    must(bool(walked.items), "changed() must give an order that was placed within the window")
    for order in walked.items:
        again = await bench.orders().fetch(order.ref.id)
        _same(order, again, "fetch() and changed() must give the same order: read what lists lack")


@suite.check()
async def reading_twice_gives_the_same(bench: Bench) -> None:
    """A restated order that is not equal to the one before is booked again."""
    id = await sale(bench.twin)
    first = await bench.orders().fetch(id)
    later(bench)
    again = await bench.orders().fetch(id)
    _same(first, again, "fetch() must give an equal order while nothing changed at the vendor")


@suite.check()
async def every_reference_is_of_the_connection(bench: Bench) -> None:
    """Two shops of one vendor use the same numbers."""
    id = await sale(bench.twin)
    assert bench.vendor.orders is not None
    order = await bench.vendor.orders(bench.connection(id=OTHER)).fetch(id)
    must(order.ref.id == id, "fetch(id) must give the order whose ref.id is that id")
    refs = [order.ref, *([order.customer] if order.customer else [])]
    must(
        all(ref.connection == OTHER for ref in refs),
        "every ExternalRef must name the connection it was read by: Connection.id",
    )


@suite.check()
async def an_order_that_is_not_there_is_not_found(bench: Bench) -> None:
    """NotFound lets the hub give up; anything else is tried again, or is another order."""
    id = await sale(bench.twin)
    await finds_nothing_strange(bench.orders(), id)


@suite.check()
async def an_order_that_cannot_be_understood_is_set_aside(bench: Bench) -> None:
    """One bad row must not stop the shop."""
    buyer = NOBODY if "guest" in bench.twin.can else await enrolled(bench.twin)
    made = [await sale(bench.twin, buyer) for _ in range(8)]
    await sets_one_aside(bench, bench.orders(), made)


@suite.check()
async def the_clock_of_the_vendor_is_read_with_its_zone(bench: Bench) -> None:
    """Nine hours off, every order of Japan is older than what was seen before."""
    order = await bench.orders().fetch(await sale(bench.twin))
    for name in ("changed_at", "placed_at"):
        must(
            abs(getattr(order, name) - bench.clock()) <= NEAR,
            f"{name} must be the vendor's time in its own zone: a time without one is local",
        )


@suite.check()
async def a_till_sale_has_its_natural_key(bench: Bench) -> None:
    """By it a sale that a poll finds and a register tells are one."""
    twin = bench.twin
    if not isinstance(twin, TillStage):
        raise NotApplicable("the vendor is no till")
    buyer = await enrolled(twin)
    orders = [await bench.orders().fetch(await sale(twin, buyer)) for _ in range(2)]
    keys = [order.till for order in orders if order.till is not None]
    must(len(keys) == len(orders), "an order of a till must carry its natural key: Order.till")
    must(keys[0] != keys[1], "two sales must not share a natural key")
    must(
        all((key.store, key.till) == twin.place for key in keys),
        "the natural key must name store and till as the stage's `place` does",
    )


@suite.check("register")
async def an_order_names_its_customer(bench: Bench) -> None:
    """Without it nobody earns."""
    buyer = await enrolled(bench.twin)
    order = await bench.orders().fetch(await sale(bench.twin, buyer))
    named = {buyer.id, *([buyer.card] if bench.twin.kind == "till" else [])}
    given = {one.value for one in order.identities}
    given |= {order.customer.id} if order.customer else set()
    must(
        bool(named & given),
        "an order must name its customer: customer is the vendor's id, identities a card scanned",
    )


@suite.check("guest")
async def an_order_of_nobody_names_nobody(bench: Bench) -> None:
    """A guest must not become a member called None, 0 or empty."""
    order = await bench.orders().fetch(await sale(bench.twin, NOBODY))
    if order.customer is None:
        return
    try:
        await bench.members().fetch(order.customer.id)
    except NotFound:
        must(False, "a guest's order has no customer: the vendor's empty id, 0 or null is none")


@suite.check("cancel")
async def a_cancelled_order_is_cancelled(bench: Bench) -> None:
    """Whatever it earned is taken back."""
    id = await sale(bench.twin)
    later(bench)
    await bench.twin.cancel(id)
    order = await bench.orders().fetch(id)
    must(
        order.state is OrderState.CANCELLED,
        "an order that is cancelled or voided must have the state CANCELLED",
    )


@suite.check("cancel")
async def a_word_that_nobody_knows_calls_no_sale_off_and_none_back(bench: Bench) -> None:
    """Each word of the answers in turn: a vendor's new state must not be taken for another."""
    buyer = await enrolled(bench.twin)
    stays, goes = await sale(bench.twin, buyer), await sale(bench.twin, buyer)
    later(bench)
    await bench.twin.cancel(goes)
    orders = bench.orders()
    for id, gone in ((stays, False), (goes, True)):
        before = len(bench.exchanges)
        await patiently(partial(orders.fetch, id))
        for key in words_of(bench.exchanges[before:]):
            later(bench)
            order = await _with_unknown(bench, orders, id, key)
            told = f"fetch() must raise PayloadInvalid where {key} is a word that is not known"
            must(order is None or (order.state is OrderState.CANCELLED) is gone, told)


async def _with_unknown(bench: Bench, orders: Orders, id: str, key: str) -> Order | None:
    """What is read while every text under this key is unknown; None where it is not taken."""
    bench.on_the_way = with_unknown(key)
    try:
        return await patiently(partial(orders.fetch, id))
    except RenkeiError:
        return None
    finally:
        bench.on_the_way = None


@suite.check("adjust", needs=("balances",))
async def points_paid_with_are_told(bench: Bench) -> None:
    """A register that spends its own copy tells us by its sales only."""
    twin = bench.twin
    if not isinstance(twin, TillStage) or twin.asks_hub:
        raise NotApplicable("the vendor is no till that spends its own copy")
    buyer = await enrolled(twin)
    await twin.adjust(buyer.id, 500)
    plain = await bench.orders().fetch(await sale(twin, buyer))
    paid = await twin.sell(buyer.card, await some_items(twin), 100, STRAIGHT)
    order = await bench.orders().fetch(paid)
    must(
        (order.points_used, order.points_value) == (100, 100),
        "points_used are the points paid with, points_value their worth in yen",
    )
    must(
        [line.amount for line in order.lines] == [line.amount for line in plain.lines],
        "points must not be taken off the lines: their amounts are before points",
    )


@suite.check(needs=("webhooks",))
async def a_delivered_order_is_what_fetching_gives(bench: Bench) -> None:
    """Two ways to one state must not look like two states."""
    made: list[str] = []

    async def act() -> None:
        made.append(await sale(bench.twin))

    sent = await bench.deliveries(act)
    told = [one for delivery in sent for one in bench.webhooks().read(delivery)]
    seen = [one.order for one in told if isinstance(one, OrderSeen)]
    if not seen:
        raise NotApplicable("the vendor's deliveries hold no orders, but hints")
    newest = max(seen, key=lambda order: order.changed_at)
    again = await bench.orders().fetch(made[0])
    _same(newest, again, "read() of a delivery and fetch() must give the same order")


@suite.check()
async def an_order_says_when_it_was_placed_whatever_comes_later(bench: Bench) -> None:
    """By it the rules of that day are found."""
    id = await sale(bench.twin)
    first = await bench.orders().fetch(id)
    for order in await _states(bench, id):
        must(
            order.placed_at == first.placed_at,
            "placed_at is when the sale was made: no later change of the order moves it",
        )


@suite.check()
async def a_newer_state_has_a_newer_time(bench: Bench) -> None:
    """An older time would be taken for old news."""
    id = await sale(bench.twin)
    last = await bench.orders().fetch(id)
    for order in await _states(bench, id):
        must(
            order.changed_at > last.changed_at or not _differing(order, last),
            "changed_at must be later after every change: take when it was updated, not placed",
        )
        last = order


@suite.check()
async def a_changed_order_is_found_by_a_poll_from_then_on(bench: Bench) -> None:
    """The window is over changes, not over when orders were placed."""
    id = await sale(bench.twin)
    bench.clock.forward(2 * DAY)
    before = bench.clock()
    await change(bench, id)
    walked = await walk(bench.orders(), Window(before, before + DAY))
    must(
        id in walked.ids(),
        "changed() must give orders by when they changed, however old they are",
    )


async def change(bench: Bench, id: str) -> None:
    """Something happens to the order: whatever the vendor's twin can do first."""
    twin, (first, *_) = bench.twin, await some_items(bench.twin)
    if "edit" in twin.can:
        await twin.edit(id, first.sku, 1)
    elif "refund" in twin.can:
        await twin.refund(id, first.sku, 1)
    elif "fulfil" in twin.can:
        await twin.fulfil(id)
    elif "cancel" in twin.can:
        await twin.cancel(id)
    else:
        raise NotApplicable("the vendor's orders do not change: refund, edit, cancel or fulfil")


async def _states(bench: Bench, id: str) -> list[Order]:
    """The order after each thing that the twin can do to it, a minute apart."""
    twin, (first, *_) = bench.twin, await some_items(bench.twin)
    acts: dict[Action, Callable[[], Awaitable[None]]] = {
        "fulfil": lambda: twin.fulfil(id),
        "edit": lambda: twin.edit(id, first.sku, 1),
        "refund": lambda: twin.refund(id, first.sku, 1),
        "cancel": lambda: twin.cancel(id),
    }
    known = [act for name, act in acts.items() if name in twin.can]
    if not known:
        raise NotApplicable("the vendor's orders do not change: refund, edit, cancel or fulfil")
    states = []
    for act in known:
        later(bench)
        await act()
        states.append(await bench.orders().fetch(id))
    return states


def _same(one: Order, other: Order, what: str) -> None:
    differing = _differing(one, other)
    must(not differing, f"{what}; they differ in {', '.join(differing)}")


def _differing(one: Order, other: Order) -> list[str]:
    return [name for name in Order.model_fields if getattr(one, name) != getattr(other, name)]
