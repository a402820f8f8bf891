"""Orders: a long past, where the vendor hands it out by other means than page after page."""

from collections.abc import AsyncIterator
from datetime import timedelta

from renkei_contracts.capability import OrderHistory, Orders
from renkei_contracts.errors import TryLater
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import NotApplicable, must
from renkei_contracts.testing.lists import later, walk, whole_window
from renkei_contracts.testing.shop import enrolled, sale, some_items
from renkei_contracts.testing.suites.orders import change, suite

MOST = 200
"""Pages and waits after which a past has no end."""

PATIENCE = timedelta(minutes=1)
SALES = 6


def _history(orders: Orders) -> OrderHistory:
    if not isinstance(orders, OrderHistory):
        raise NotApplicable("the plugin has no other way to read a long past")
    return orders


async def _past(
    bench: Bench, history: OrderHistory, window: Window, cursor: str | None = None
) -> AsyncIterator[Page[Order]]:
    """Page after page, as patient as it takes."""
    for _ in range(MOST):
        try:
            page = await history.past(window, cursor)
        except TryLater:
            bench.clock.forward(PATIENCE)
            continue
        yield page
        if page.cursor is None:
            return
        cursor = page.cursor
    must(False, "past() must come to an end: the last page has no cursor")


async def _business(bench: Bench) -> set[str]:
    """Some sales, each of which has changed since: what is read again for that may end a page."""
    buyer, items = await enrolled(bench.twin), await some_items(bench.twin)
    made = []
    for _ in range(SALES):
        made.append(await sale(bench.twin, buyer, items))
        later(bench)
    for id in made:
        await _came_back(bench, id, items[0].sku)
    return set(made)


async def _came_back(bench: Bench, id: str, sku: str) -> None:
    """A piece comes back; at a vendor without refunds something else happens."""
    if "refund" in bench.twin.can:
        await bench.twin.refund(id, sku, 1)
    else:
        await change(bench, id)


@suite.check()
async def the_past_is_what_its_pages_tell(bench: Bench) -> None:
    """The same orders, each in the same state."""
    orders = bench.orders()
    history, made = _history(orders), await _business(bench)
    window = whole_window(bench)
    told = {
        order.ref.id: order async for page in _past(bench, history, window) for order in page.items
    }
    paged = await walk(orders, window)
    must(made <= set(told), "past() must give every order that changed within the window")
    must(
        all(told[id] == paged.last(id) for id in made),
        "past() and changed() must tell the same state of an order",
    )


@suite.check()
async def the_past_goes_on_behind_a_page(bench: Bench) -> None:
    """Whoever reads it may be stopped after any page, and another goes on."""
    history, made = _history(bench.orders()), await _business(bench)
    window = whole_window(bench)
    pages = [page async for page in _past(bench, history, window)]
    for at, page in enumerate(pages[:-1]):
        rest = _past(bench, _history(bench.orders()), window, page.cursor)
        behind = [order.ref.id async for one in rest for order in one.items]
        before = [order.ref.id for one in pages[: at + 1] for order in one.items]
        told = "past() must go on behind the page that a cursor came with, and read none twice"
        must(sorted(before + behind) == sorted(set(before + behind)), told)
        must(made <= {*before, *behind}, told)
    if sum(bool(page.items) for page in pages) == 1:
        raise NotApplicable("all orders came on one page, so that none was left behind it")
