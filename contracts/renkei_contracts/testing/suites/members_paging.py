"""Members: read in pages without losing one."""

from dataclasses import replace
from itertools import count

from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.paged import Paged
from renkei_contracts.testing.suites.members import shopper, suite


def _members(bench: Bench) -> Paged:
    number = count(1)
    other = replace(shopper(0), card="", given_name="改")
    return Paged(
        bench,
        bench.members(),
        make=lambda: bench.twin.register(shopper(next(number))),
        change=lambda id: bench.twin.rename(id, other),
    )


@suite.check("register", must_apply=True)
async def paging_of_members_ends_and_loses_nobody(bench: Bench) -> None:
    """The plain way."""
    await _members(bench).ends_and_loses_nothing()


@suite.check("register")
async def members_of_one_second_are_all_given(bench: Bench) -> None:
    """More than a page of them: an import."""
    await _members(bench).keeps_ties_apart()


@suite.check("register", "rename")
async def no_member_is_lost_when_others_change_between_two_pages(bench: Bench) -> None:
    """Old ones move to the end."""
    await _members(bench).loses_nothing_that_changes()


@suite.check("register")
async def paging_ends_although_new_members_come(bench: Bench) -> None:
    """The window has an end."""
    await _members(bench).ends_though_more_comes()


@suite.check("register")
async def a_window_of_members_begins_with_its_since(bench: Bench) -> None:
    """Included."""
    await _members(bench).begins_with_since()


@suite.check("register")
async def a_window_of_members_leaves_out_what_is_before_it(bench: Bench) -> None:
    """Only what changed is read."""
    await _members(bench).leaves_out_what_is_before()


@suite.check("register")
async def a_window_of_members_ends_before_its_until(bench: Bench) -> None:
    """Excluded."""
    await _members(bench).ends_before_until()


@suite.check("register", "rename")
async def the_oldest_change_of_members_comes_first(bench: Bench) -> None:
    """So that a poll can be broken off."""
    await _members(bench).goes_by_the_oldest_change()
