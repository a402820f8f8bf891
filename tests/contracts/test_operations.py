"""The one list of a plugin's calls: every method of every capability that calls is on it."""

import inspect
from dataclasses import replace
from typing import Any

import pytest

from renkei_contracts.reference.cart import VENDOR
from renkei_contracts.reference.till.plugin import COPY_VENDOR
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.trying import Ready, ready
from renkei_contracts.vendor import PROTOCOLS, Vendor


class Watched:
    """A capability whose calls are noted."""

    def __init__(self, name: str, right: Any, seen: set[str]) -> None:
        self._name, self._right, self._seen = name, right, seen

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._right, method)
        if inspect.iscoroutinefunction(found):
            self._seen.add(f"{self._name}.{method}")
        return found


def watched(vendor: Vendor, seen: set[str]) -> Vendor:
    def factory(name: str) -> Any:
        right = getattr(vendor, name)
        return lambda connection: Watched(name, right(connection), seen)

    return replace(vendor, **{name: factory(name) for name in vendor.capabilities()})


def calls_of(name: str) -> set[str]:
    """The methods of a capability that talk to the vendor."""
    methods = vars(PROTOCOLS[name]).items()
    return {f"{name}.{one}" for one, made in methods if inspect.iscoroutinefunction(made)}


async def test_every_call_of_every_capability_is_made() -> None:
    seen: set[str] = set()
    for vendor in (VENDOR, COPY_VENDOR):
        async with Bench(watched(vendor, seen)) as bench:
            await ready(bench)
    assert seen == set().union(*map(calls_of, PROTOCOLS))


@pytest.fixture
async def at_work() -> Any:
    async with Bench(VENDOR) as bench:
        yield await ready(bench)


async def test_a_call_is_tried_again_under_the_same_name(at_work: Ready) -> None:
    names = [tried.operation.name for tried in at_work.normal]
    assert len(names) == len(set(names))
    for tried in at_work.normal:
        assert (await at_work.well(tried.operation)).calls == tried.calls, tried.operation.name


async def test_tokens_that_any_connection_ever_had_are_known(at_work: Ready) -> None:
    first = await at_work.connection.tokens.current()
    (operation, *_) = [tried.operation for tried in at_work.normal]
    await at_work.suffer(operation, logged_out=True)
    second = await at_work.connection.tokens.current()
    assert first is not None
    assert second is not None
    assert first != second
    assert {first, second} <= set(at_work.bench.tokens)
