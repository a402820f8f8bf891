"""What the twin's store keeps: customers, orders with their lines, and refunds."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypeVar

from renkei_contracts.stage import Item

BASIS_POINTS = 10_000


class Dated(Protocol):
    """What has an id and changes."""

    id: int
    updated_at: datetime


D = TypeVar("D", bound=Dated)


@dataclass
class TwinCustomer:
    """A customer; ``metafields`` by namespace and key."""

    id: int
    email: str | None
    family_name: str
    given_name: str
    created_at: datetime
    updated_at: datetime
    verified_email: bool = True
    phone: str | None = None
    metafields: dict[tuple[str, str], str] = field(default_factory=dict)


@dataclass
class TwinLine:
    """A line; ``price`` each, with or without tax as the store has it.

    ``by_code`` is what discount codes took off, ``by_title`` discounts that somebody named.
    """

    id: int
    item: Item
    price: int
    quantity: int
    discounts: tuple[int, ...] = ()
    by_code: dict[str, int] = field(default_factory=dict)
    by_title: dict[str, int] = field(default_factory=dict)
    removed: int = 0
    gift_card: bool = False

    @property
    def amount(self) -> int:
        """After discounts, for the pieces ordered."""
        named = sum(self.by_code.values()) + sum(self.by_title.values())
        return self.price * self.quantity - sum(self.discounts) - named


@dataclass(frozen=True)
class TwinRefundLine:
    """Pieces refunded, what they cost and the tax of it."""

    line_id: int
    quantity: int
    subtotal: int
    tax: int


@dataclass(frozen=True)
class TwinRefund:
    """One refund; ``money`` is what went back, of it ``shipping`` with tax."""

    id: int
    at: datetime
    lines: tuple[TwinRefundLine, ...]
    money: int
    shipping: int = 0


@dataclass(frozen=True)
class TwinDiscount:
    """A discount code for an amount."""

    id: int
    code: str
    yen: Decimal
    ends_at: datetime | None
    usage_limit: int | None


@dataclass
class TwinOrder:
    """An order."""

    id: int
    number: int
    customer: TwinCustomer | None
    created_at: datetime
    updated_at: datetime
    taxes_included: bool
    lines: list[TwinLine]
    shipping: int = 500
    financial_status: str = "pending"
    fulfillment_status: str | None = None
    cancelled_at: datetime | None = None
    location_id: int | None = None
    source_name: str = "web"
    source_identifier: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    test: bool = False
    refunds: list[TwinRefund] = field(default_factory=list)

    @property
    def items_total(self) -> int:
        """What the lines cost together."""
        return sum(line.amount for line in self.lines)

    @property
    def codes(self) -> list[str]:
        """The discount codes that the shopper gave, each once."""
        return list(dict.fromkeys(code for line in self.lines for code in line.by_code))

    def refunded(self, line_id: int) -> int:
        """Pieces of a line refunded so far."""
        return sum(
            one.quantity
            for refund in self.refunds
            for one in refund.lines
            if one.line_id == line_id
        )

    def current(self, line: TwinLine) -> int:
        """Pieces of a line neither refunded nor removed."""
        return line.quantity - self.refunded(line.id) - line.removed

    def owed(self, line: TwinLine) -> int:
        """What the buyer owes now for a line, tax included."""
        gone = line.quantity - self.current(line)
        kept = line.amount - line.amount * gone // line.quantity
        if self.taxes_included:
            return kept
        return kept + tax_within(kept, line.item.tax_rate, included=False)


def tax_within(amount: int, rate: int, *, included: bool) -> int:
    """The tax of an amount, floored."""
    return amount * rate // (BASIS_POINTS + rate if included else BASIS_POINTS)
