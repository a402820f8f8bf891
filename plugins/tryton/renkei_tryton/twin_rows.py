"""Searching rows as Tryton does: domains, order, and dotted fields that nest. Pure."""

import operator
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from renkei_tryton.twin_goods import Row

Domain = Sequence[Any]

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
"""The operators that compare two values; ``in`` and ``not in`` take a list."""


class NoSuchName(Exception):
    """A model or a field that is not there: Tryton answers the bare text of a KeyError."""

    def __init__(self, name: str) -> None:
        super().__init__(repr(name))


def matches(row: Row, domain: Domain) -> bool:
    """Whether the row is within the domain: a clause, or a list of them with AND or OR before."""
    match domain:
        case ["OR", *clauses]:
            return any(matches(row, clause) for clause in clauses)
        case ["AND", *clauses]:
            return all(matches(row, clause) for clause in clauses)
        case [str(name), str(how), wanted]:
            return _compares(_value(name, row), how, wanted)
    return all(matches(row, clause) for clause in domain)


def ordered(rows: Iterable[Row], order: Sequence[Sequence[str]] | None) -> list[Row]:
    """The rows in order; what is not told apart stays as it is."""
    found = list(rows)
    for name, direction in reversed(order or [("id", "ASC")]):
        found.sort(key=partial(_value, name), reverse=direction == "DESC")
    return found


def picked(row: Row, fields: Sequence[str]) -> Row:
    """The fields of a row and its id. ``point.name`` comes as ``{"point.": {"name": …}}``."""
    out: Row = {"id": row["id"]}
    deeper: dict[str, list[str]] = {}
    for field in fields:
        name, dot, rest = field.partition(".")
        value = _value(name, row)
        if dot:
            deeper.setdefault(name, []).append(rest)
        else:
            out[name] = _referred(value)
    for name, rests in deeper.items():
        out[f"{name}."] = _nested(row[name], rests)
    return out


def _nested(value: Any, fields: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [picked(one, fields) for one in value]
    return None if value is None else picked(value, fields)


def _referred(value: Any) -> Any:
    """A row that another one refers to is its id."""
    if isinstance(value, list):
        return [one["id"] for one in value]
    return value["id"] if isinstance(value, dict) else value


def _value(name: str, row: Row) -> Any:
    if name not in row:
        raise NoSuchName(name)
    return row[name]


def _compares(value: Any, how: str, wanted: Any) -> bool:
    if how in ("in", "not in"):
        return (value in wanted) == (how == "in")
    if how not in OPERATORS:
        raise NoSuchName(how)
    # A database compares nothing with null, except whether it is one.
    if (value is None or wanted is None) and how not in ("=", "!="):
        return False
    return OPERATORS[how](value, wanted)
