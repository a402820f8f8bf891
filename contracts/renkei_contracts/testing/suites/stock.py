"""Stock: what was written is read, and an old count never replaces a new one."""

import contextlib
from dataclasses import replace
from datetime import timedelta

from renkei_contracts.capability import StockLevel
from renkei_contracts.errors import RenkeiError
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import NotApplicable, Suite, must, succeeds

suite = Suite("stock", "stock")


async def _levels(bench: Bench, sku: str) -> list[StockLevel]:
    return [one for one in await bench.stock().read([sku]) if one.sku == sku]


async def _first(bench: Bench) -> StockLevel:
    """A level of something the vendor sells."""
    for item in await bench.twin.catalogue():
        for level in await _levels(bench, item.sku):
            return level
    raise NotApplicable("the twin has no stock of anything it sells")


async def _now(bench: Bench, level: StockLevel) -> StockLevel:
    """The level as it is read again."""
    found = [one for one in await _levels(bench, level.sku) if one.location == level.location]
    must(len(found) == 1, "read() must give one level for each product and location")
    return found[0]


def _counted(bench: Bench, level: StockLevel, quantity: int) -> StockLevel:
    bench.clock.forward(timedelta(minutes=1))
    return replace(level, quantity=quantity, at=bench.clock())


@suite.check()
async def a_written_level_is_read_again(bench: Bench) -> None:
    """At its own location."""
    level = _counted(bench, await _first(bench), 7)
    await bench.stock().write(level)
    must((await _now(bench, level)).quantity == 7, "write() must set the level")


@suite.check()
async def writing_a_level_twice_is_the_same_as_once(bench: Bench) -> None:
    """The answer to the first may have been lost."""
    level = _counted(bench, await _first(bench), 7)
    for _ in range(2):
        await bench.stock().write(level)
    must((await _now(bench, level)).quantity == 7, "write() must set the level and add nothing")


@suite.check()
async def only_what_was_asked_for_is_read(bench: Bench) -> None:
    """The hub asks for a few of a hundred thousand."""
    level = await _first(bench)
    skus = {one.sku for one in await bench.stock().read([level.sku])}
    must(skus == {level.sku}, "read() must give the levels of the products asked for, no others")


@suite.check()
async def a_product_that_is_not_known_has_no_level(bench: Bench) -> None:
    """Shops do not all sell the same."""
    first = await _first(bench)
    told = "read() must leave out what the vendor does not know, and give the others"
    with succeeds(told):
        found = await bench.stock().read(["RENKEI-UNKNOWN", first.sku])
    must({one.sku for one in found} == {first.sku}, told)


@suite.check()
async def an_older_count_never_replaces_a_newer_one(bench: Bench) -> None:
    """Where the vendor keeps the moment of a count."""
    old = _counted(bench, await _first(bench), 9)
    new = _counted(bench, old, 5)
    await bench.stock().write(new)
    if (await _now(bench, new)).at != new.at:
        raise NotApplicable("the vendor does not keep when a level was counted")
    with contextlib.suppress(RenkeiError):
        await bench.stock().write(old)
    told = "write() must not put an older count over a newer one: send the moment of the count"
    must((await _now(bench, new)).quantity == 5, told)
