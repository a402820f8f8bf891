"""The twin's shop: customers and orders as Vendure keeps them, with its clock and its events.

What each action changes, tells and leaves alone was seen at a running Vendure 3.7.3 on 2026-11-27
(tests/plugins/vendure/payloads/README.md).
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from renkei_contracts.stage import Item, Shopper
from renkei_vendure.twin_prices import TwinLine, listed, spread
from renkei_vendure.twin_state import Told, TwinCustomer, TwinOrder, TwinRefund, TwinUser

CATALOGUE = (
    Item("TEA-1", "煎茶", 1, 1_080, 800),
    Item("POT-1", "急須", 1, 8_800, 1000),
    Item("CAKE-1", "栗ようかん", 1, 1_728, 800),
    Item("CUP-1", "有田焼の湯のみ", 1, 3_300, 1000),
)
"""The goods that the real software is filled with, too; offered first, as there, two worth 90."""

SHIPPING_YEN = 550

FIRST_ORDER, FIRST_LINE = 1_001, 100_001
"""Vendure counts each kind from 1; here no two kinds meet, so that a mix-up is seen."""


class TwinShop:
    """One shop. ``told`` is what it has told and nobody has posted yet.

    ``goods``: what it sells. ``precision``: the decimals of its money, for yen too. Like SQLite it
    keeps whole seconds, but for the moment an order was placed.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        goods: Sequence[Item] = CATALOGUE,
        precision: int = 2,
        taxes_included: bool = True,
    ) -> None:
        self.goods = tuple(goods)
        self.precision = precision
        self.taxes_included = taxes_included
        self.customers: dict[int, TwinCustomer] = {}
        self.orders: dict[int, TwinOrder] = {}
        self.told: list[Told] = []
        self._now = now
        self._lines = itertools.count(FIRST_LINE)

    @property
    def unit(self) -> int:
        """How many of the smallest units are one yen."""
        return int(10**self.precision)

    def clock(self) -> datetime:
        """This millisecond."""
        now = self._now().astimezone(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def second(self) -> datetime:
        """This second."""
        return self.clock().replace(microsecond=0)

    # ------------------------------------------------------------------------- customers

    def register(self, shopper: Shopper) -> TwinCustomer:
        """A customer with a login, who follows the link in the mail."""
        customer = self._made(shopper)
        customer.user = TwinUser(verified=True, updated_at=self.second())
        self._tell_customer("account.verified", customer)
        return customer

    def guest(self, shopper: Shopper) -> TwinCustomer:
        """A customer who buys without a login."""
        return self._made(shopper)

    def rename(self, customer: TwinCustomer, shopper: Shopper) -> None:
        """An administrator changes name and address; a proven address stays proven."""
        customer.family_name, customer.given_name = shopper.family_name, shopper.given_name
        customer.email = shopper.email
        if customer.user is not None:
            customer.user.updated_at = self.second()
        self._touch(customer)

    def set_points(self, customer: TwinCustomer, points: int | None) -> None:
        """An administrator, or the hub, writes the custom field."""
        customer.points = points
        self._touch(customer)

    def delete(self, customer: TwinCustomer) -> None:
        """Found no more, but its orders still name it."""
        customer.deleted = True
        self._tell_customer("customer.changed", customer, "deleted")

    def found(self, id: int) -> TwinCustomer | None:
        """The customer, unless it was deleted."""
        customer = self.customers.get(id)
        return None if customer is None or customer.deleted else customer

    def has_address(self, email: str, other_than: int | None = None) -> bool:
        """Whether a customer has this address."""
        return any(
            one.email == email and one.id != other_than and not one.deleted
            for one in self.customers.values()
        )

    def _made(self, shopper: Shopper) -> TwinCustomer:
        if self.has_address(shopper.email):
            raise ValueError(f"the shop has a customer with the address {shopper.email}")
        now = self.second()
        customer = TwinCustomer(
            id=len(self.customers) + 1,
            email=shopper.email,
            family_name=shopper.family_name,
            given_name=shopper.given_name,
            created_at=now,
            updated_at=now,
        )
        self.customers[customer.id] = customer
        self._tell_customer("customer.changed", customer, "created")
        return customer

    def _touch(self, customer: TwinCustomer) -> None:
        customer.updated_at = self.second()
        self._tell_customer("customer.changed", customer, "updated")

    # ---------------------------------------------------------------------------- orders

    def buy(self, customer: TwinCustomer, items: Iterable[Item], *, coupon: int = 0) -> TwinOrder:
        """A paid order; ``coupon`` is taken off the whole of it, in the smallest unit."""
        now = self.second()
        lines = self._filled(items)
        spread(coupon, lines)
        order = TwinOrder(
            id=FIRST_ORDER + len(self.orders),
            customer=customer,
            created_at=now,
            updated_at=now,
            placed_at=self.clock(),
            lines=lines,
            shipping=SHIPPING_YEN * self.unit,
            coupon=coupon,
        )
        order.paid = order.total
        self.orders[order.id] = order
        self._tell_bought(order)
        return order

    def _filled(self, items: Iterable[Item]) -> list[TwinLine]:
        """A cart: what is put in again joins its line."""
        lines: dict[str, TwinLine] = {}
        for item in items:
            if item.sku not in lines:
                price = listed(item, self.unit, taxes_included=self.taxes_included)
                lines[item.sku] = TwinLine(next(self._lines), item, price, self.taxes_included)
            lines[item.sku].quantity += item.quantity
            lines[item.sku].placed += item.quantity
        return list(lines.values())

    def cancel(self, order: TwinOrder, pieces: Sequence[tuple[TwinLine, int]]) -> None:
        """Pieces leave the order; when nothing is left, it is cancelled."""
        for line, quantity in pieces:
            line.quantity -= quantity
        order.updated_at = self.second()
        if not any(line.quantity for line in order.lines):
            self._move(order, "Cancelled")

    def cancel_all(self, order: TwinOrder) -> None:
        """The whole order is called off, its shipping too."""
        order.shipping = 0
        self.cancel(order, [(line, line.quantity) for line in order.lines])

    def pay_back(
        self, order: TwinOrder, amount: int, pieces: tuple[tuple[int, int], ...] = ()
    ) -> None:
        """Money goes back; it moves no clock of the order. ``pieces``: by a refund of old style."""
        order.refunds.append(TwinRefund(amount, self.second(), pieces))
        self._tell_order("refund.state", order, "Pending", "Settled")
        self._tell_order("refund.created", order)

    def modify(self, order: TwinOrder, line: TwinLine, quantity: int) -> None:
        """An administrator takes pieces out and pays them back: no clock of the order moves.

        Its discounts are spread anew, and over the pieces that were ordered at first.
        """
        before = order.state
        self._move(order, "Modifying")
        amount = line.unit_price * quantity
        line.quantity -= quantity
        spread(order.coupon, order.lines)
        now = self.second()
        order.modifications.append(now)
        order.refunds.append(TwinRefund(amount, now, ((line.id, quantity),)))
        self._tell_order("refund.state", order, "Pending", "Settled")
        self._move(order, before)

    def fulfil(self, order: TwinOrder) -> None:
        """Everything that is left goes out in one parcel, and arrives."""
        order.fulfillments.append(self.second())
        self._move(order, "Shipped")
        self._move(order, "Delivered")

    def line_of(self, order: TwinOrder, sku: str, quantity: int) -> TwinLine:
        """The line with these goods; ValueError unless so many pieces are left of it."""
        for line in order.lines:
            if line.item.sku == sku and 0 < quantity <= line.quantity:
                return line
        raise ValueError(f"order {order.id} has no {quantity} pieces of {sku} left")

    # ---------------------------------------------------------------------------- telling

    def _tell_bought(self, order: TwinOrder) -> None:
        """From the first thing in the cart to the payment."""
        for before, to in (("Created", "AddingItems"), ("AddingItems", "ArrangingPayment")):
            self._tell_order("order.state", order, before, to)
        self._tell_order("payment.state", order, "Created", "Settled")
        for event in ("order.state", "order.placed"):
            self._tell_order(event, order, "ArrangingPayment", "PaymentSettled")

    def _move(self, order: TwinOrder, to: str) -> None:
        before, order.state = order.state, to
        self._tell_order("order.state", order, before, to)

    def _tell_order(
        self, event: str, order: TwinOrder, before: str | None = None, to: str | None = None
    ) -> None:
        told = Told(event, self.clock(), "order", str(order.id), order.code, before, to)
        self.told.append(told)

    def _tell_customer(self, event: str, customer: TwinCustomer, change: str | None = None) -> None:
        about = (str(customer.id), customer.email)
        self.told.append(Told(event, self.clock(), "customer", *about, change=change))
