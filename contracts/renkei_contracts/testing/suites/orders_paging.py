"""Orders: read in pages without losing one."""

from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.paged import Paged
from renkei_contracts.testing.shop import enrolled, sale, some_items
from renkei_contracts.testing.suites.orders import change, suite


async def _orders(bench: Bench) -> Paged:
    buyer, items = await enrolled(bench.twin), (await some_items(bench.twin))[:1]
    return Paged(
        bench,
        bench.orders(),
        make=lambda: sale(bench.twin, buyer, items),
        change=lambda id: change(bench, id),
    )


@suite.check(must_apply=True)
async def paging_ends_and_loses_nothing(bench: Bench) -> None:
    """The plain way."""
    await (await _orders(bench)).ends_and_loses_nothing()


@suite.check()
async def orders_of_one_second_are_all_given(bench: Bench) -> None:
    """More than a page of them."""
    await (await _orders(bench)).keeps_ties_apart()


@suite.check()
async def no_order_is_lost_when_others_change_between_two_pages(bench: Bench) -> None:
    """Old ones move to the end."""
    await (await _orders(bench)).loses_nothing_that_changes()


@suite.check()
async def an_order_that_changes_between_two_pages_comes_again(bench: Bench) -> None:
    """In its newer state."""
    await (await _orders(bench)).gives_the_newest_of_what_changes()


@suite.check()
async def paging_ends_although_new_orders_come(bench: Bench) -> None:
    """The window has an end."""
    await (await _orders(bench)).ends_though_more_comes()


@suite.check()
async def a_window_begins_with_its_since(bench: Bench) -> None:
    """Included."""
    await (await _orders(bench)).begins_with_since()


@suite.check()
async def a_window_leaves_out_what_is_before_it(bench: Bench) -> None:
    """Only what changed is read."""
    await (await _orders(bench)).leaves_out_what_is_before()


@suite.check()
async def a_window_ends_before_its_until(bench: Bench) -> None:
    """Excluded."""
    await (await _orders(bench)).ends_before_until()


@suite.check()
async def the_oldest_change_comes_first(bench: Bench) -> None:
    """So that a poll can be broken off."""
    await (await _orders(bench)).goes_by_the_oldest_change()
