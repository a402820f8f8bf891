"""Facts: dated, named as conditions name them, and each with its source."""

import re
from collections.abc import Sequence
from datetime import date, timedelta

from renkei_contracts.capability import Fact
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import NotApplicable, Suite, must

suite = Suite("facts", "facts")

SLUG = r"[a-z0-9][a-z0-9-]{0,62}"
FEW_CALLS = 5
DAYS = 31
"""Within so many days there is something to state, if only a holiday."""


async def _first(bench: Bench) -> tuple[date, Sequence[Fact]] | None:
    """The first day of which anything is stated, and what."""
    for days in range(DAYS):
        day = (bench.clock() + timedelta(days=days)).date()
        if found := await bench.facts().facts(day):
            return day, found
    return None


async def stated(bench: Bench) -> tuple[date, Sequence[Fact]]:
    """The same; where nothing is stated there is nothing to look at."""
    first = await _first(bench)
    if first is None:
        raise NotApplicable("nothing is stated of any day")
    return first


@suite.check()
async def something_is_stated_within_a_month(bench: Bench) -> None:
    """A condition on what nobody states never holds, and nobody notices."""
    twin = type(bench.twin).__name__
    must(
        await _first(bench) is not None,
        f"facts() must state something of one of the next {DAYS} days: read what the vendor "
        f"answers, and let {twin} answer as the vendor does",
    )


@suite.check()
async def facts_are_of_the_day_asked_for(bench: Bench) -> None:
    """Whatever zone the vendor thinks in."""
    first, told = await stated(bench)
    second = first + timedelta(days=1)
    for day, found in ((first, told), (second, await bench.facts().facts(second))):
        right = all(fact.day == day for fact in found)
        must(right, "facts() must give what holds on the day asked for")


@suite.check()
async def facts_are_named_by_slugs(bench: Bench) -> None:
    """Conditions and stores name them so."""
    for fact in (await stated(bench))[1]:
        right = re.fullmatch(SLUG, fact.name) and re.fullmatch(f"({SLUG})?", fact.area)
        must(right is not None, "Fact.name and Fact.area must be slugs; an empty area: everywhere")


@suite.check()
async def every_fact_names_its_source(bench: Bench) -> None:
    """A merchant is asked why points were given that day."""
    for fact in (await stated(bench))[1]:
        must(bool(fact.source.strip()), "Fact.source must say who states it")


@suite.check()
async def facts_asked_for_again_are_the_same(bench: Bench) -> None:
    """What is not certain yet is left out instead."""
    day, first = await stated(bench)
    must(list(await bench.facts().facts(day)) == list(first), "facts() must tell the same again")
    names = [(fact.name, fact.area) for fact in first]
    must(len(names) == len(set(names)), "facts() must state each fact of an area once")


@suite.check()
async def facts_take_few_calls(bench: Bench) -> None:
    """All areas at once, once a day."""
    await bench.facts().facts(bench.clock().date())
    calls = len(bench.exchanges)
    told = f"facts() must ask for all areas at once: {calls} calls are more than {FEW_CALLS}"
    must(calls <= FEW_CALLS, told)
