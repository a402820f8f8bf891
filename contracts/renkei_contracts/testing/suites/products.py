"""Products: every one once, under a name by which it is the same everywhere."""

import re
from collections.abc import Sequence
from datetime import timedelta

from renkei_contracts.capability import Product
from renkei_contracts.paging import Window
from renkei_contracts.testing.bench import CONNECTION, Bench
from renkei_contracts.testing.checks import NotApplicable, Suite, must
from renkei_contracts.testing.paged import ONE_PAGE

suite = Suite("products", "products")

MOST_PAGES = 100
DAY = timedelta(days=1)


async def _pages(bench: Bench, window: Window) -> list[Sequence[Product]]:
    products, found, cursor = bench.products(), list[Sequence[Product]](), None
    for _ in range(MOST_PAGES):
        page = await products.changed(window, cursor)
        found.append(page.items)
        cursor = page.cursor
        if cursor is None:
            return found
    must(False, f"changed() must end: {MOST_PAGES} pages of a small catalogue, and a cursor again")
    return found


async def _all(bench: Bench, window: Window) -> list[Product]:
    return [product for page in await _pages(bench, window) for product in page]


async def _listed(bench: Bench) -> list[Product]:
    bench.clock.forward(timedelta(minutes=1))
    return await _all(bench, Window(bench.clock() - DAY, bench.clock()))


@suite.check(must_apply=True)
async def every_product_comes_once_over_all_pages(bench: Bench) -> None:
    """Two on a page, as the twin has it."""
    bench.clock.forward(timedelta(minutes=1))
    pages = await _pages(bench, Window(bench.clock() - DAY, bench.clock()))
    found = [one.sku for page in pages for one in page]
    must(len(found) == len(set(found)), "changed() must give every product once")
    wanted = {item.sku for item in await bench.twin.catalogue()}
    missing = sorted(wanted - set(found))
    must(not missing, f"changed() must give every product over its pages: {missing} did not come")
    if len(pages) == 1:
        raise NotApplicable(ONE_PAGE)


@suite.check()
async def products_are_named_by_this_connection(bench: Bench) -> None:
    """And none by an empty name."""
    for product in await _listed(bench):
        right = product.ref.connection == CONNECTION and bool(product.sku)
        must(right, "a product must have a sku, and a ref of this connection")


@suite.check()
async def a_jan_is_one_or_empty(bench: Bench) -> None:
    """A JAN makes two shops' products one: what is none must not."""
    for product in await _listed(bench):
        right = re.fullmatch(r"([0-9]{8}|[0-9]{13})?", product.jan)
        must(right is not None, "Product.jan must be 8 or 13 digits, or empty where there is none")


@suite.check()
async def only_what_changed_in_the_window_comes(bench: Bench) -> None:
    """The next poll would read the whole catalogue again."""
    await _listed(bench)
    later = Window(bench.clock(), bench.clock() + DAY)
    must(not await _all(bench, later), "changed() must give what changed within the window only")
