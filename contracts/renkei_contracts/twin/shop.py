"""What an invented shop knows: customers and sales, their ids and times, and lists in pages.

The part of a twin that is the same for most vendors; shapes, addresses and signatures are theirs.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Literal, TypeVar

from renkei_contracts.stage import Item, Shopper

CATALOGUE = (
    # The first two together are 13,200 yen without tax.
    Item("KYUSU-01", "急須", 1, 11_220, 1000),
    Item("CHA-03", "緑茶 3缶セット", 1, 3_240, 800),
    Item("YUNOMI-01", "湯呑み", 1, 4_400, 1000),
    Item("CHA-01", "緑茶", 1, 1_080, 800),
)

MOST_ROWS = 100
"""Rows of a page, where the stage does not say."""

TICK = timedelta(milliseconds=1)

SaleState = Literal["placed", "paid", "fulfilled", "cancelled"]


@dataclass
class Customer:
    """A customer's record; ``points`` are what the shop shows."""

    id: str
    shopper: Shopper
    changed_at: datetime
    points: int = 0
    state: Literal["active", "left", "merged"] = "active"
    merged_into: str = ""


@dataclass
class Line:
    """Pieces of one item: how many are in the sale now, and how many of them came back.

    ``id`` names the line within its sale, where several lines may be of one item.
    """

    item: Item
    quantity: int
    returned: int = 0
    id: str = ""


@dataclass
class Sale:
    """A sale as it is now; ``customer`` is empty for a guest."""

    id: str
    customer: str
    card: str
    placed_at: datetime
    changed_at: datetime
    lines: list[Line]
    points_used: int = 0
    state: SaleState = "placed"

    def line(self, sku: str) -> Line:
        """The line of a product."""
        return next(line for line in self.lines if line.item.sku == sku)

    def charged(self) -> Mapping[int, int]:
        """Yen owed for the goods now, by tax rate."""
        owed: dict[int, int] = defaultdict(int)
        for line in self.lines if self.state != "cancelled" else ():
            owed[line.item.tax_rate] += (line.quantity - line.returned) * line.item.yen
        return {rate: yen for rate, yen in owed.items() if yen}


Thing = TypeVar("Thing", Customer, Sale)


@dataclass
class Shop:
    """Several things may change in one moment, but each of them never twice in the same."""

    now: Callable[[], datetime]
    customers: dict[str, Customer] = field(default_factory=dict)
    sales: dict[str, Sale] = field(default_factory=dict)
    _ids: "count[int]" = field(default_factory=lambda: count(1001))

    def touch(self, thing: Customer | Sale) -> None:
        """It changes now: later than before, even within the same moment."""
        thing.changed_at = max(self.now(), thing.changed_at + TICK)

    def register(self, shopper: Shopper) -> Customer:
        """A new customer, or the one who has the card already."""
        known = self.by_card(shopper.card)
        if known is not None:
            return known
        customer = Customer(f"c{next(self._ids)}", shopper, self.now())
        self.customers[customer.id] = customer
        return customer

    def by_card(self, card: str) -> Customer | None:
        """Who has the card now."""
        holders = (one for one in self.customers.values() if one.state == "active")
        return next((one for one in holders if card and one.shopper.card == card), None)

    def sell(self, customer: str, card: str, items: Sequence[Item], points: int = 0) -> Sale:
        """A new sale; points paid with are taken from what the shop shows."""
        lines = [Line(item, item.quantity, id=f"{place}") for place, item in enumerate(items, 1)]
        if points:
            self.customers[customer].points -= points
        at = self.now()
        sale = Sale(f"o{next(self._ids)}", customer, card, at, at, lines, points)
        self.sales[sale.id] = sale
        return sale

    def refund(self, sale: Sale, sku: str, quantity: int) -> None:
        """Pieces come back."""
        sale.line(sku).returned += quantity
        self.touch(sale)

    def edit(self, sale: Sale, sku: str, quantity: int) -> None:
        """Pieces are taken out, as if they had never been in it."""
        line = sale.line(sku)
        line.quantity -= quantity
        if not line.quantity:
            sale.lines.remove(line)
        self.touch(sale)

    def move(self, sale: Sale, state: SaleState) -> None:
        """The sale is sent, or called off."""
        sale.state = state
        self.touch(sale)


def page(
    things: Iterable[Thing],
    since: datetime,
    until: datetime,
    cursor: str | None,
    size: int | None,
) -> tuple[list[Thing], str | None]:
    """Things changed from ``since`` to before ``until``, oldest change first, after the cursor."""
    found = sorted((one for one in things if since <= one.changed_at < until), key=_place)
    if cursor:
        found = [one for one in found if _place(one) > cursor]
    rows = found[: size or MOST_ROWS]
    return rows, _place(rows[-1]) if len(found) > len(rows) else None


def _place(thing: Customer | Sale) -> str:
    """Where it stands in a list; the time has the same length always, so that texts compare."""
    return f"{thing.changed_at.isoformat(timespec='microseconds')}|{thing.id}"
