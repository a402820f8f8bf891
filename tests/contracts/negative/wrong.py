"""How a plugin is made wrong: one capability of a right one, wrapped."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from renkei_contracts.connection import Connection
from renkei_contracts.paging import Page, Window
from renkei_contracts.testing import CHECKS, run_check
from renkei_contracts.vendor import Vendor

CRASHES = ("AttributeError", "NameError", "TypeError", "KeyError", "AssertionError", "IndexError")
"""What a wrong plugin raises when it is badly made, and not when it is wrong."""


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


async def must_fail(table: Mapping[str, Vendor], id: str, *, crashes: bool = False) -> None:
    """The wrong plugin of the table fails this check, and by what it does.

    ``crashes``: that it raises what is no canonical error is what is wrong with it.
    """
    outcome = await run_check(table[id], CHECKS[id])
    assert outcome.status == "failed", f"{outcome.status}: {outcome.text}"
    crashed = any(crash in outcome.text for crash in CRASHES)
    assert crashed == crashes, outcome.text


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
