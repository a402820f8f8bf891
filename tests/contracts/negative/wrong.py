"""How a plugin is made wrong: one capability of a right one, wrapped."""

import asyncio
import contextlib
import inspect
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.paging import Page, Window
from renkei_contracts.testing import CHECKS, Bench, CheckFailed, checks, paged
from renkei_contracts.testing.running import DEADLINE
from renkei_contracts.vendor import Vendor

CLAIMS = ("accepts",)
"""Functions of many checks by which a plugin fails what they check: to crash is no judgement."""


class Around:
    """A capability that is right, but for what a subclass changes."""

    def __init__(self, right: Any, connection: Connection[Any]) -> None:
        self.right = right
        self.connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self.right, name)


def wrapped(vendor: Vendor, capability: str, wrap: Callable[[Any, Connection[Any]], Any]) -> Vendor:
    """The vendor with one capability wrapped."""
    factory = getattr(vendor, capability)
    return replace(vendor, **{capability: lambda given: wrap(factory(given), given)})


def checks_of(suite: str) -> set[str]:
    """The ids of a suite's checks."""
    return {check.id for check in CHECKS.values() if check.suite == suite}


async def must_fail(vendor: Vendor, id: str) -> str:
    """The vendor fails this check by what the check itself claims; the words.

    Not by a crash, and not by what is only prepared for it, which other checks prepare as well.
    """
    check = CHECKS[id]
    async with asyncio.timeout(DEADLINE), Bench(vendor) as bench:
        assert not check.actions - bench.twin.can
        with pytest.raises(CheckFailed) as caught:
            await check.run(bench)
    place, told = claimed_at(caught.value), str(caught.value)
    allowed = (inspect.getfile(check.run), paged.__file__)
    assert place.filename in allowed or place.name in CLAIMS, f"{place.name}: {told}"
    return told


def claimed_at(failure: CheckFailed) -> traceback.FrameSummary:
    """The function whose claim was not so."""
    frames = traceback.extract_tb(failure.__traceback__)
    return [one for one in frames if one.filename not in (checks.__file__, contextlib.__file__)][-1]


def altered(change: Callable[[Any], Any], *, polled: bool = True, fetched: bool = True) -> Any:
    """A reader of orders or members that changes each of them, when polled, fetched, or both."""

    class Altered(Around):
        async def fetch(self, id: str) -> Any:
            found = await self.right.fetch(id)
            return change(found) if fetched else found

        async def changed(self, window: Window, cursor: str | None) -> Page[Any]:
            page = await self.right.changed(window, cursor)
            return replace(page, items=tuple(map(change, page.items))) if polled else page

    return Altered


def updated(**values: Any) -> Callable[[Any], Any]:
    """Puts these values into a model; a function is given what is there."""

    def change(item: Any) -> Any:
        made = {
            name: value(getattr(item, name)) if callable(value) else value
            for name, value in values.items()
        }
        return item.model_copy(update=made)

    return change
