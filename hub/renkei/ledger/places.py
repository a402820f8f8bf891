"""Where and when sales were made, and what was stated about it by then: stores, facts, products.

All of it is only ever added to. A sale is judged by what was stated when it was placed, so that its
till, a cart and a refund a year later give the same answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple


class Place(NamedTuple):
    """Where a sale was made (``store`` is empty online), and when it was placed."""

    connection: str
    store: str
    at: datetime


class Code(NamedTuple):
    """A JAN or SKU that was sold, and when."""

    code: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Stated:
    """A fact as it was stated first for its place and day."""

    name: str
    day: date
    value: bool
    source: str
    stated_at: datetime


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """A store's area, how long after midnight its day ends, and facts of the days around a sale.

    Of facts with one name and day the last is the one for the smallest place. ``is_set``: somebody
    has said when its day ends.
    """

    area: str = ""
    day_ends: timedelta = timedelta()
    facts: tuple[Stated, ...] = ()
    is_set: bool = False

    def on(self, day: date) -> Mapping[str, Stated]:
        """The facts that hold there on that day."""
        return {fact.name: fact for fact in self.facts if fact.day == day}


@dataclass(frozen=True, slots=True)
class KnownProduct:
    """A canonical product: its JAN (empty where it has none) and its classes."""

    jan: str
    classes: tuple[str, ...]


def places_of(rows: Iterable[Any]) -> dict[Place, KnownPlace]:
    """Places with what is known of them, from the rows of ``queries.PLACES``."""
    found: dict[Place, KnownPlace] = {}
    for row in rows:
        place = Place(row[0], row[1], row[2])
        before = found.get(place)
        facts = before.facts if before else ()
        if row[5] is not None:
            facts = (*facts, Stated(*row[5:10]))
        found[place] = KnownPlace(row[3], timedelta(minutes=row[4]), facts, row[10])
    return found


def products_of(rows: Iterable[Any]) -> dict[Code, KnownProduct]:
    """Products by the codes they were sold under, from the rows of ``queries.PRODUCTS``."""
    return {Code(row[0], row[1]): KnownProduct(row[2], tuple(row[3])) for row in rows}
