"""What is said of a plugin that raises or hangs: where, and what to do about it."""

import asyncio
import logging
from dataclasses import replace

import pytest

from renkei_contracts.errors import Unavailable
from renkei_contracts.reference.cart import VENDOR
from renkei_contracts.reference.cart.settings import ReferenceSettings
from renkei_contracts.reference.cart.sync import ReferenceOrders
from renkei_contracts.testing import CHECKS, Bench, running
from renkei_contracts.testing.bench import OTHERS
from renkei_contracts.testing.lists import whole_window
from renkei_contracts.testing.running import Outcome, run_check

CHECK = CHECKS["orders: reading twice gives the same"]


class Settings(ReferenceSettings):
    """Those of a plugin that stands in this module."""


async def told_of(error: Exception) -> Outcome:
    """What is said when the plugin raises this."""

    class Raises(ReferenceOrders):
        async def fetch(self, id: str) -> object:  # type: ignore[override] # it gives nothing
            raise error

    return await run_check(replace(VENDOR, settings=Settings, orders=Raises), CHECK)


async def test_a_crash_is_told_with_its_place_and_the_errors_there_are() -> None:
    outcome = await told_of(ZeroDivisionError("yen by pieces"))
    assert outcome.status == "failed"
    assert outcome.text.startswith(f"it raised ZeroDivisionError in {__name__}, line ")
    assert outcome.text.endswith(": yen by pieces; raise one of renkei_contracts.errors instead")


async def test_a_canonical_error_is_no_crash_but_the_call_should_have_succeeded() -> None:
    outcome = await told_of(Unavailable("GET /orders: 500"))
    assert "it raised Unavailable in " in outcome.text
    assert outcome.text.endswith("the vendor is well in this check: the call must succeed")


async def test_a_time_out_of_the_plugins_own_is_told_as_such() -> None:
    outcome = await told_of(TimeoutError("of mine"))
    assert outcome.text.startswith("it raised TimeoutError in ")


async def test_a_plugin_that_hangs_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hangs(ReferenceOrders):
        async def fetch(self, id: str) -> object:  # type: ignore[override] # it gives nothing
            return await asyncio.Event().wait()

    monkeypatch.setattr(running, "DEADLINE", 0.3)
    outcome = await run_check(replace(VENDOR, orders=Hangs), CHECK)
    assert (outcome.status, outcome.text) == ("failed", running.SLOW)
    assert "raises Unavailable" in outcome.text


async def test_an_exemption_that_is_not_needed_says_where_it_stands() -> None:
    outcome = await run_check(VENDOR, CHECK, "Acme cannot")
    assert outcome.status == "failed"
    assert "take out of quality.toml the exemption that says 'Acme cannot'" in outcome.text


async def test_the_bench_hears_all_that_the_plugin_logs_and_no_chatter_of_its_libraries() -> None:
    loggers = [logging.getLogger(name) for name in ("", *OTHERS)]
    before = [one.level for one in loggers]
    async with Bench(VENDOR) as bench:
        logging.getLogger("renkei_acme").debug("asked")
        await bench.orders().changed(whole_window(bench), None)
    assert bench.exchanges
    assert [one.getMessage() for one in bench.records] == ["asked"]
    assert [one.level for one in loggers] == before
