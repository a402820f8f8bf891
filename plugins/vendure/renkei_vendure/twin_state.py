"""What the twin's shop keeps: customers, orders, and what happened."""

from dataclasses import dataclass, field
from datetime import datetime

from renkei_vendure.twin_prices import TwinLine


@dataclass(frozen=True)
class Told:
    """Something that happened: what the shop's emitter posts. ``code`` names the thing to people.

    ``before`` and ``to`` are those of a transition, ``change`` is that of a customer.
    """

    event: str
    at: datetime
    kind: str
    id: str
    code: str
    before: str | None = None
    to: str | None = None
    change: str | None = None


@dataclass
class TwinUser:
    """A login."""

    verified: bool
    updated_at: datetime


@dataclass
class TwinCustomer:
    """A customer; a guest has no user. Deleted, it stays in its orders."""

    id: int
    email: str
    family_name: str
    given_name: str
    created_at: datetime
    updated_at: datetime
    user: TwinUser | None = None
    points: int | None = None
    deleted: bool = False


@dataclass(frozen=True)
class TwinRefund:
    """Money given back at once; ``pieces`` by line, where the refund names them."""

    total: int
    at: datetime
    pieces: tuple[tuple[int, int], ...] = ()


@dataclass
class TwinOrder:
    """An order with its one payment, by a card that is charged and paid back at once."""

    id: int
    customer: TwinCustomer
    created_at: datetime
    updated_at: datetime
    placed_at: datetime
    lines: list[TwinLine]
    shipping: int
    coupon: int = 0
    state: str = "PaymentSettled"
    paid: int = 0
    refunds: list[TwinRefund] = field(default_factory=list)
    fulfillments: list[datetime] = field(default_factory=list)
    modifications: list[datetime] = field(default_factory=list)

    @property
    def code(self) -> str:
        """What the buyer is told."""
        return f"TWIN{self.id:012}"

    @property
    def sub_total(self) -> int:
        """What is left of the lines."""
        return sum(line.line_price for line in self.lines)

    @property
    def total(self) -> int:
        """With shipping."""
        return self.sub_total + self.shipping

    @property
    def owed(self) -> int:
        """What was paid and neither given back nor is the price of what is left."""
        return self.paid - sum(one.total for one in self.refunds) - self.total
