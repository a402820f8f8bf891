"""The twin's lists: filtered, sorted and cut into pages as Vendure does it. Pure.

Source: lists asked of a running Vendure 3.7.3 on 2026-11-27 (tests/plugins/vendure).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

MOST = 1000
"""Rows that a list gives at once, unless the shop's settings say otherwise."""

Row = Mapping[str, Any]


class TooMany(Exception):
    """More rows were asked for than a list gives."""


def page(rows: Sequence[Row], options: Mapping[str, Any], size: int | None) -> dict[str, Any]:
    """A page of the rows. ``size``: no page of this shop is longer."""
    take = options.get("take") or 0
    if take > MOST:
        raise TooMany(f"Cannot take more than {MOST} results from a list query")
    found = [row for row in rows if _matches(row, options.get("filter") or {})]
    # The last key first, since sorting is stable. Vendure sorts by several fields in the order of
    # its schema, whatever the order in which they are named: so do the options by now.
    for name, order in reversed((options.get("sort") or {}).items()):
        found.sort(key=partial(_sortable, name), reverse=order == "DESC")
    skip = options.get("skip") or 0
    most = min(take if take > 0 else MOST, size or MOST)
    return {"items": found[skip : skip + most], "totalItems": len(found)}


def _sortable(name: str, row: Row) -> Any:
    return int(row[name]) if name == "id" else row[name]


def _matches(row: Row, wanted: Mapping[str, Any]) -> bool:
    return all(_holds(row, name, value) for name, value in wanted.items())


def _holds(row: Row, name: str, wanted: Any) -> bool:
    if name == "_and":
        return all(_matches(row, one) for one in wanted)
    if name == "_or":
        return any(_matches(row, one) for one in wanted)
    return all(_compares(row[name], operator, other) for operator, other in wanted.items())


def _compares(value: Any, operator: str, other: Any) -> bool:
    if operator == "isNull":
        return (value is None) is other
    if operator == "eq":
        return bool(value == other)
    if operator == "notEq":
        return bool(value != other)
    if operator == "notIn":
        return value not in other
    if value is None:
        return False
    if operator == "after":
        return bool(value > other)
    if operator == "before":
        return bool(value < other)
    return bool(other["start"] <= value <= other["end"])
