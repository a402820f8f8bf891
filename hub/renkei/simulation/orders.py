"""The life of one order at a cart: placed, paid, edited, returned, cancelled, moved. Pure."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from renkei.simulation.people import customer
from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import LineItem, Order, OrderState, Refund, RefundLine

MOST_STATES = 7
ANOTHER_STATE = 0.68
"""The chance that an order changes once more."""

GAP = timedelta(days=9)
"""Between two states, on average."""

RATES = (1000, 1000, 800)


class OrderHistory:
    """One order's states in the order of the cart's clock."""

    def __init__(
        self, chance: random.Random, ref: str, cart: str, members: int, redeems: bool
    ) -> None:
        self._redeems = redeems
        self._chance = chance
        self._cart = cart
        self._members = members
        self._changes = (
            self._pay,
            self._pay,
            self._edit,
            self._return,
            self._return,
            self._cancel,
            self._revive,
            self._move,
            self._use,
        )
        self._ref = ExternalRef(connection=cart, id=ref)

    def states(self, begin: datetime, end: datetime) -> Iterator[Order]:
        """Each state; clocks lie between the two instants and never twice the same."""
        at = begin + self._chance.random() * (end - begin - timedelta(seconds=1))
        order = self._first(at)
        yield order
        for _ in range(MOST_STATES - 1):
            at += timedelta(seconds=1) + self._chance.expovariate(1) * GAP
            if at >= end or self._chance.random() > ANOTHER_STATE:
                return
            changed = self._chance.choice(self._changes)(order)
            order = order.model_copy(update={**changed, "changed_at": at})
            yield order

    def refunds(self, first: Order, end: datetime) -> Iterator[Refund]:
        """Refunds that the cart tells apart from the order, and perhaps before it."""
        for number in range(self._chance.choice((0, 0, 0, 0, 1, 1, 2))):
            at = first.placed_at + self._chance.random() * (end - first.placed_at)
            line = self._chance.choice(first.lines)
            points = self._chance.randint(0, first.points_used)
            yield Refund(
                ref=ExternalRef(connection=self._cart, id=f"{self._ref.id}r{number}"),
                order=self._ref,
                occurred_at=at,
                lines=(RefundLine(id=line.id, amount=self._chance.randint(1, line.amount)),),
                points_returned=points,
                value_returned=points,
                whole=self._chance.random() < 0.1,
            )

    def _first(self, at: datetime) -> Order:
        lines = tuple(self._line(n) for n in range(self._chance.randint(1, 3)))
        used = self._points(lines)
        state = self._chance.choice((OrderState.PLACED, OrderState.PAID, OrderState.FULFILLED))
        return Order(
            ref=self._ref,
            changed_at=at,
            placed_at=at,
            state=state,
            customer=self._somebody() if self._chance.random() > 0.08 else None,
            lines=lines,
            points_used=used,
            points_value=used,
        )

    def _line(self, number: int) -> LineItem:
        return LineItem(
            id=f"l{number}",
            quantity=1,
            amount=self._chance.randint(1, 60) * 97,
            tax_rate=self._chance.choice(RATES),
            earns=self._chance.random() > 0.1,
        )

    def _points(self, lines: tuple[LineItem, ...]) -> int:
        if not self._redeems or self._chance.random() < 0.55:
            return 0
        return self._chance.randint(1, min(120, sum(line.amount for line in lines)))

    def _somebody(self) -> ExternalRef:
        return customer(self._cart, self._chance.randrange(self._members))

    def _pay(self, order: Order) -> dict[str, Any]:
        if order.state is OrderState.CANCELLED:
            return {}
        later = OrderState.PAID if order.state is OrderState.PLACED else OrderState.FULFILLED
        return {"state": later}

    def _edit(self, order: Order) -> dict[str, Any]:
        """A line changes; what was given back of it stays given back."""
        at = self._chance.randrange(len(order.lines))
        old = order.lines[at]
        fresh = self._line(at).model_copy(update={"id": old.id, "earns": old.earns})
        back = min(old.returned_amount, fresh.amount)
        line = fresh.model_copy(update={"returned_amount": back})
        return {"lines": (*order.lines[:at], line, *order.lines[at + 1 :])}

    def _return(self, order: Order) -> dict[str, Any]:
        """A part of a line goes back, and perhaps points with it."""
        at = self._chance.randrange(len(order.lines))
        old = order.lines[at]
        back = self._chance.randint(old.returned_amount, old.amount)
        line = old.model_copy(update={"returned_amount": back})
        points = self._chance.randint(0, order.points_used)
        return {
            "lines": (*order.lines[:at], line, *order.lines[at + 1 :]),
            "points_used": points,
            "points_value": points,
        }

    def _cancel(self, order: Order) -> dict[str, Any]:
        return {"state": OrderState.CANCELLED}

    def _revive(self, order: Order) -> dict[str, Any]:
        """A cancellation is taken back."""
        return {"state": OrderState.PAID} if order.state is OrderState.CANCELLED else {}

    def _move(self, order: Order) -> dict[str, Any]:
        """The order is somebody else's, or becomes somebody's."""
        return {"customer": self._somebody()}

    def _use(self, order: Order) -> dict[str, Any]:
        points = self._points(order.lines)
        return {"points_used": points, "points_value": points}
