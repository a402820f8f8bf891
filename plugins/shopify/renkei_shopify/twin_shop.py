"""The twin's store: what its shoppers and its merchant do, as Shopify books it, with its clock."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from renkei_contracts.stage import Item, Shopper
from renkei_shopify.twin_records import (
    Dated,
    TwinCustomer,
    TwinDiscount,
    TwinLine,
    TwinOrder,
    TwinRefund,
    TwinRefundLine,
    tax_within,
)
from renkei_shopify.twin_stock import TwinStock

CATALOGUE = (
    # The first two together are 13,200 yen without tax.
    Item("KYUSU-01", "急須", 1, 11_220, 1000),
    Item("CHA-03", "緑茶 3缶セット", 1, 3_240, 800),
    Item("YUNOMI-01", "湯呑み", 1, 4_400, 1000),
    Item("CHA-01", "緑茶", 1, 1_080, 800),
    Item("YOKAN-05", "羊羹 5本入", 1, 2_700, 800),
    Item("BIN-02", "贈答用の瓶", 1, 770, 1000),
)


class TwinShop:
    """One store. Times have whole seconds, as Shopify's, and never repeat within one object."""

    def __init__(
        self, *, seed: int = 1, taxes_included: bool = True, now: Callable[[], datetime] | None
    ) -> None:
        self.currency = "JPY"
        self.taxes_included = taxes_included
        self.customers: dict[int, TwinCustomer] = {}
        self.orders: dict[int, TwinOrder] = {}
        self.discounts: dict[str, TwinDiscount] = {}
        self.stock = TwinStock()
        self._now = now or (lambda: datetime.now(UTC))
        self.ids = self._numbers(5_000_000_000_000 + seed * 1_000_000)

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
        """A new customer; without an address one whom staff made."""
        now = self.clock()
        customer = TwinCustomer(
            id=next(self.ids),
            email=shopper.email or None,
            family_name=shopper.family_name,
            given_name=shopper.given_name,
            created_at=now,
            updated_at=now,
            verified_email=verified,
        )
        self.customers[customer.id] = customer
        return customer

    def rename(self, customer: TwinCustomer, shopper: Shopper) -> None:
        """The customer's name and address change."""
        customer.email = shopper.email or None
        customer.family_name, customer.given_name = shopper.family_name, shopper.given_name
        self.touch(customer)

    def delete(self, customer: TwinCustomer) -> None:
        """The customer is gone; raises ValueError for one who has ordered."""
        if any(order.customer is customer for order in self.orders.values()):
            # "A customer can be deleted from a store only if they haven't yet made an order"
            # (schema 2026-07, Customer.canDelete).
            raise ValueError(f"customer {customer.id} has ordered: Shopify deletes no such one")
        del self.customers[customer.id]

    def merge(self, kept: TwinCustomer, gone: TwinCustomer) -> None:
        """The orders of one become the other's, and the one is no more."""
        for order in self.orders.values():
            if order.customer is gone:
                order.customer = kept
        kept.email = kept.email or gone.email
        del self.customers[gone.id]
        self.touch(kept)

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
            id=next(self.ids),
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
        return TwinLine(next(self.ids), item, price, item.quantity, discounts)

    def pay(self, order: TwinOrder) -> None:
        """The money arrives."""
        order.financial_status = "paid"
        self.touch(order)

    def fulfil(self, order: TwinOrder) -> None:
        """Everything is shipped."""
        order.fulfillment_status = "fulfilled"
        self.touch(order)

    def cancel(self, order: TwinOrder) -> TwinRefund | None:
        """The order is called off, and what was paid for its goods is given back.

        Raises ValueError for one that was already (schema 2026-07, Mutation.orderCancel).
        """
        if order.cancelled_at:
            raise ValueError(f"order {order.id} was cancelled already")
        order.cancelled_at = self.clock()
        paid = order.financial_status in ("paid", "partially_refunded")
        left = [(line, order.current(line)) for line in order.lines if order.current(line)]
        refund = self._refunded(order, left) if paid and left else None
        self.touch(order)
        return refund

    def remove(self, order: TwinOrder, sku: str, quantity: int) -> TwinLine:
        """An edit takes pieces out, without a refund; the line they were in."""
        line = self._line_of(order, sku, quantity)
        line.removed += quantity
        self.touch(order)
        return line

    def refund(self, order: TwinOrder, sku: str, quantity: int) -> TwinRefund:
        """Pieces come back and their money goes."""
        refund = self._refunded(order, [(self._line_of(order, sku, quantity), quantity)])
        self.touch(order)
        return refund

    def discount(
        self, code: str, yen: Decimal, ends_at: datetime | None, usage_limit: int | None
    ) -> TwinDiscount:
        """A new discount code; raises KeyError where there is one, in whatever case."""
        if code.lower() in self.discounts:
            raise KeyError(code)
        made = TwinDiscount(next(self.ids), code, yen, ends_at, usage_limit)
        self.discounts[code.lower()] = made
        return made

    def owed(self, order: TwinOrder) -> Mapping[int, int]:
        """What the buyer owes now for the goods, by tax rate."""
        owed: dict[int, int] = defaultdict(int)
        for line in () if order.cancelled_at else order.lines:
            owed[line.item.tax_rate] += order.owed(line)
        return {rate: yen for rate, yen in owed.items() if yen}

    def _refunded(self, order: TwinOrder, pieces: Sequence[tuple[TwinLine, int]]) -> TwinRefund:
        parts = tuple(_part(order, line, quantity) for line, quantity in pieces)
        included = order.taxes_included
        money = sum(part.subtotal + (0 if included else part.tax) for part in parts)
        refund = TwinRefund(next(self.ids), self.clock(), parts, money)
        order.refunds.append(refund)
        whole = all(order.current(one) == 0 for one in order.lines)
        order.financial_status = "refunded" if whole else "partially_refunded"
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


def _part(order: TwinOrder, line: TwinLine, quantity: int) -> TwinRefundLine:
    before = order.refunded(line.id)
    # Cumulative, so that the parts of an uneven amount add up to it.
    subtotal = (
        line.amount * (before + quantity) // line.quantity - line.amount * before // line.quantity
    )
    tax = tax_within(subtotal, line.item.tax_rate, included=order.taxes_included)
    return TwinRefundLine(line.id, quantity, subtotal, tax)
