"""Facts: dated, named as conditions name them, and each with its source."""

import re
from datetime import timedelta

from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import Suite, must

suite = Suite("facts", "facts")

SLUG = r"[a-z0-9][a-z0-9-]{0,62}"
FEW_CALLS = 5


@suite.check()
async def facts_are_of_the_day_asked_for(bench: Bench) -> None:
    """Whatever zone the vendor thinks in."""
    for days in (0, 1):
        day = (bench.clock() + timedelta(days=days)).date()
        for fact in await bench.facts().facts(day):
            must(fact.day == day, "facts() must give what holds on the day asked for")


@suite.check()
async def facts_are_named_by_slugs(bench: Bench) -> None:
    """Conditions and stores name them so."""
    for fact in await bench.facts().facts(bench.clock().date()):
        right = re.fullmatch(SLUG, fact.name) and re.fullmatch(f"({SLUG})?", fact.area)
        must(right is not None, "Fact.name and Fact.area must be slugs; an empty area: everywhere")


@suite.check()
async def every_fact_names_its_source(bench: Bench) -> None:
    """A merchant is asked why points were given that day."""
    for fact in await bench.facts().facts(bench.clock().date()):
        must(bool(fact.source.strip()), "Fact.source must say who states it")


@suite.check()
async def facts_asked_for_again_are_the_same(bench: Bench) -> None:
    """What is not certain yet is left out instead."""
    day = bench.clock().date()
    first = list(await bench.facts().facts(day))
    must(list(await bench.facts().facts(day)) == first, "facts() must tell the same again")
    names = [(fact.name, fact.area) for fact in first]
    must(len(names) == len(set(names)), "facts() must state each fact of an area once")


@suite.check()
async def facts_take_few_calls(bench: Bench) -> None:
    """All areas at once, once a day."""
    await bench.facts().facts(bench.clock().date())
    calls = len(bench.exchanges)
    told = f"facts() must ask for all areas at once: {calls} calls are more than {FEW_CALLS}"
    must(calls <= FEW_CALLS, told)
