"""The twin's store: customers, orders and refunds as Shopify keeps them, with its clock."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from renkei_contracts.stage import Item, Shopper

CATALOGUE = (
    # The first two together are 13,200 yen without tax.
    Item("KYUSU-01", "急須", 1, 11_220, 1000),
    Item("CHA-03", "緑茶 3缶セット", 1, 3_240, 800),
    Item("YUNOMI-01", "湯呑み", 1, 4_400, 1000),
    Item("CHA-01", "緑茶", 1, 1_080, 800),
    Item("YOKAN-05", "羊羹 5本入", 1, 2_700, 800),
    Item("BIN-02", "贈答用の瓶", 1, 770, 1000),
)

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
    email: str
    family_name: str
    given_name: str
    created_at: datetime
    updated_at: datetime
    verified_email: bool = True
    phone: str | None = None
    metafields: dict[tuple[str, str], str] = field(default_factory=dict)


@dataclass
class TwinLine:
    """A line; ``price`` each, with or without tax as the store has it."""

    id: int
    item: Item
    price: int
    quantity: int
    discounts: tuple[int, ...] = ()
    removed: int = 0
    gift_card: bool = False

    @property
    def amount(self) -> int:
        """After discounts, for the pieces ordered."""
        return self.price * self.quantity - sum(self.discounts)


@dataclass(frozen=True)
class TwinRefundLine:
    """Pieces refunded, what they cost and the tax of it."""

    line_id: int
    quantity: int
    subtotal: int
    tax: int


@dataclass(frozen=True)
class TwinRefund:
    """One refund."""

    id: int
    at: datetime
    lines: tuple[TwinRefundLine, ...]


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
    test: bool = False
    refunds: list[TwinRefund] = field(default_factory=list)

    @property
    def items_total(self) -> int:
        """What the lines cost together."""
        return sum(line.amount for line in self.lines)

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


def tax_within(amount: int, rate: int, *, included: bool) -> int:
    """The tax of an amount, floored."""
    return amount * rate // (BASIS_POINTS + rate if included else BASIS_POINTS)


class TwinShop:
    """One store. Times have whole seconds, as Shopify's, and never repeat within one object."""

    def __init__(
        self, *, seed: int = 1, taxes_included: bool = True, now: Callable[[], datetime] | None
    ) -> None:
        self.currency = "JPY"
        self.taxes_included = taxes_included
        self.customers: dict[int, TwinCustomer] = {}
        self.orders: dict[int, TwinOrder] = {}
        self._now = now or (lambda: datetime.now(UTC))
        self._ids = self._numbers(5_000_000_000_000 + seed * 1_000_000)

    @staticmethod
    def _numbers(first: int) -> Iterator[int]:
        while True:
            yield first
            first += 1

    def clock(self) -> datetime:
        """This second."""
        return self._now().astimezone(UTC).replace(microsecond=0)

    def touch(self, thing: Dated) -> None:
        """Something changed: a later second than the one before, even within the same second."""
        thing.updated_at = max(self.clock(), thing.updated_at + timedelta(seconds=1))

    def register(self, shopper: Shopper, *, verified: bool = True) -> TwinCustomer:
        """A new customer."""
        now = self.clock()
        customer = TwinCustomer(
            id=next(self._ids),
            email=shopper.email,
            family_name=shopper.family_name,
            given_name=shopper.given_name,
            created_at=now,
            updated_at=now,
            verified_email=verified,
        )
        self.customers[customer.id] = customer
        return customer

    def place(
        self,
        customer: TwinCustomer | None,
        items: Sequence[Item],
        *,
        discounts: Sequence[tuple[int, ...]] = (),
        test: bool = False,
    ) -> TwinOrder:
        """An unpaid order; ``discounts`` are the allocations of each line."""
        now = self.clock()
        each = [*discounts, *[()] * (len(items) - len(discounts))]
        order = TwinOrder(
            id=next(self._ids),
            number=1001 + len(self.orders),
            customer=customer,
            created_at=now,
            updated_at=now,
            taxes_included=self.taxes_included,
            lines=[self._line(item, less) for item, less in zip(items, each, strict=True)],
            test=test,
        )
        self.orders[order.id] = order
        return order

    def _line(self, item: Item, discounts: tuple[int, ...]) -> TwinLine:
        tax = tax_within(item.yen, item.tax_rate, included=True)
        price = item.yen if self.taxes_included else item.yen - tax
        return TwinLine(next(self._ids), item, price, item.quantity, discounts)

    def pay(self, order: TwinOrder) -> None:
        """The money arrives."""
        order.financial_status = "paid"
        self.touch(order)

    def fulfil(self, order: TwinOrder) -> None:
        """Everything is shipped."""
        order.fulfillment_status = "fulfilled"
        self.touch(order)

    def cancel(self, order: TwinOrder) -> None:
        """The order is called off."""
        order.cancelled_at = self.clock()
        self.touch(order)

    def remove(self, order: TwinOrder, sku: str, quantity: int) -> None:
        """An edit takes pieces out, without a refund."""
        line = self._line_of(order, sku, quantity)
        line.removed += quantity
        self.touch(order)

    def refund(self, order: TwinOrder, sku: str, quantity: int) -> TwinRefund:
        """Pieces come back and their money goes."""
        line = self._line_of(order, sku, quantity)
        before = order.refunded(line.id)
        # Cumulative, so that the parts of an uneven amount add up to it.
        subtotal = (
            line.amount * (before + quantity) // line.quantity
            - line.amount * before // line.quantity
        )
        tax = tax_within(subtotal, line.item.tax_rate, included=order.taxes_included)
        part = TwinRefundLine(line.id, quantity, subtotal, tax)
        refund = TwinRefund(next(self._ids), self.clock(), (part,))
        order.refunds.append(refund)
        whole = all(order.current(one) == 0 for one in order.lines)
        order.financial_status = "refunded" if whole else "partially_refunded"
        self.touch(order)
        return refund

    @staticmethod
    def _line_of(order: TwinOrder, sku: str, quantity: int) -> TwinLine:
        for line in order.lines:
            if line.item.sku == sku and order.current(line) >= quantity:
                return line
        raise ValueError(f"order {order.id} has no {quantity} pieces of {sku} left")

    def set_metafield(self, customer: TwinCustomer, name: tuple[str, str], value: str) -> None:
        """Write a metafield."""
        customer.metafields[name] = value
        self.touch(customer)
