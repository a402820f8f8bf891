"""The twin's shop: what shoppers and its owner do, by EC-CUBE's own rules. No HTTP.

EC-CUBE tells of a change before it commits it: what happens here is told (``told``), and shown over
the API (``shown``) only after ``commit``. Source: OrderStateMachine, PointProcessor,
TransactionListener and WithdrawController of EC-CUBE 4.3 (77865213), WebHookService of eccube-api4
(6ce2dab8).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from renkei_contracts.stage import Item, Shopper
from renkei_eccube import twin_rows
from renkei_eccube.twin_rows import Event, Row
from renkei_eccube.twin_state import (
    TwinCustomer,
    TwinLine,
    TwinOrder,
    TwinProduct,
    discount_line,
    goods_line,
    points_line,
    postage_line,
)

MOVES = {
    "pay": ("1", "6"),
    "ship": ("146", "5"),
    "cancel": ("146", "3"),
    "return": ("5", "9"),
}
"""From which statuses to which (order_state_machine.php)."""


@dataclass(frozen=True)
class OwnRules:
    """How the shop handles points by itself (基本設定)."""

    on: bool = True
    rate: int = 0
    yen: int = 1


class TwinShop:
    """One shop."""

    def __init__(self, clock: Callable[[], datetime], items: Sequence[Item]) -> None:
        self._clock = clock
        self._ids = count(1)
        self.rules = OwnRules()
        self.customers: dict[int, TwinCustomer] = {}
        self.orders: dict[int, TwinOrder] = {}
        self.products = {
            number: TwinProduct(number, item, self.now(), class_id=100 + number)
            for number, item in enumerate(items, start=1)
        }
        self.told: list[list[Event]] = []
        self.shown = Shown()
        self._touched: list[TwinCustomer | TwinOrder | TwinProduct] = [*self.products.values()]
        self.commit()

    def now(self) -> datetime:
        """EC-CUBE keeps whole seconds."""
        return self._clock().replace(microsecond=0)

    def commit(self) -> None:
        """From now on the API shows what has happened."""
        for one in self._touched:
            self.shown.keep(one)
        self._touched = []

    # ------------------------------------------------------------------------- customers

    def register(self, shopper: Shopper) -> TwinCustomer:
        """Somebody registers and follows the link in the mail."""
        id = len(self.customers) + 1
        customer = TwinCustomer(id, shopper, shopper.email, self.now())
        self.customers[id] = customer
        self._request(("customer", id, "created"))
        self._touch(customer)
        self._request(("customer", id, "updated"))
        return customer

    def rename(self, customer: TwinCustomer, shopper: Shopper) -> None:
        """Another name and address."""
        customer.shopper, customer.email = shopper, shopper.email
        self._touch(customer)
        self._request(("customer", customer.id, "updated"))

    def withdraw(self, customer: TwinCustomer) -> None:
        """They leave: the address becomes one that nobody reads, the name stays."""
        customer.status, customer.email = "3", f"{'x' * 59}{customer.id}@dummy.dummy"
        self._touch(customer)
        self._request(("customer", customer.id, "updated"))

    def set_points(self, customer: TwinCustomer, points: int) -> None:
        """The owner types another number."""
        customer.point = points
        self._touch(customer)
        self._request(("customer", customer.id, "updated"))

    def show_points(self, customer: TwinCustomer, points: int, version: str) -> bool:
        """Our companion: by plain SQL, which moves no time and tells nobody."""
        if version < customer.version:
            return False
        customer.point, customer.version = points, version
        self.shown.keep(customer)
        return True

    # ---------------------------------------------------------------------------- orders

    def start(
        self, customer: TwinCustomer | None, email: str, items: Iterable[Item], points: int = 0
    ) -> TwinOrder:
        """The checkout begins, and with it an order in status 8."""
        id, now = len(self.orders) + 1, self.now()
        lines = [goods_line(next(self._ids), item) for item in items]
        lines.append(postage_line(next(self._ids)))
        if points:
            lines.append(points_line(next(self._ids), points * self.rules.yen))
        order = TwinOrder(id, customer, email, now, now, lines, use_point=points)
        self.orders[id] = order
        self._touch(order)
        self._request(("order", id, "created"))
        return order

    def complete(self, order: TwinOrder) -> None:
        """It is bought: points that were used are taken, and granted ones are promised."""
        order.status, order.ordered_at = "1", self.now()
        events: list[Event] = [("order", order.id, "updated")]
        if order.customer:
            order.customer.point -= order.use_point
            order.add_point = order.sum("1") * self.rules.rate // 100 if self.rules.on else 0
            self._touch(order.customer)
            events.insert(0, ("customer", order.customer.id, "updated"))
        self._touch(order)
        self._request(*events, *self._sold(order))

    def move(self, order: TwinOrder, transition: str) -> None:
        """The owner changes the status; points follow."""
        before, after = MOVES[transition]
        if order.status not in before:
            raise ValueError(f"order {order.id} cannot {transition} from status {order.status}")
        order.status = after
        if transition == "pay":
            order.paid_at = self.now()
        events: list[Event] = [("order", order.id, "updated")]
        if order.customer and (gained := _points_of(order, transition)):
            order.customer.point += gained
            self._touch(order.customer)
            events.append(("customer", order.customer.id, "updated"))
        self._touch(order)
        self._request(*events)

    def take_out(self, order: TwinOrder, sku: str, quantity: int) -> None:
        """The owner edits the order: its totals change in place."""
        line = _line_of(order, sku, quantity)
        line.quantity -= quantity
        if not line.quantity:
            order.lines.remove(line)
        self._edited(order)

    def give_discount(self, order: TwinOrder, yen: int, rate: int) -> None:
        """The owner adds a discount."""
        order.lines.append(discount_line(next(self._ids), yen, rate))
        self._edited(order)

    def _edited(self, order: TwinOrder) -> None:
        self._touch(order)
        self._request(("order", order.id, "updated"))

    def _sold(self, order: TwinOrder) -> list[Event]:
        codes = {line.code for line in order.goods()}
        return [
            ("product", one.id, "updated")
            for one in self.products.values()
            if one.item.sku in codes and one.stock is not None
        ]

    # -------------------------------------------------------------------------- products

    def set_stock(self, product: TwinProduct, stock: int | None) -> None:
        """Another number on the shelf."""
        product.stock = stock
        self._touch(product)
        self._request(("product", product.id, "updated"))

    def _touch(self, one: TwinCustomer | TwinOrder | TwinProduct) -> None:
        one.updated_at = self.now()
        self._touched.append(one)

    def _request(self, *events: Event) -> None:
        """One request to the shop, and with it one delivery."""
        self.told.append(list(events))


@dataclass
class Shown:
    """What is committed, as the API shows it."""

    orders: dict[int, Row] = field(default_factory=dict)
    customers: dict[int, Row] = field(default_factory=dict)
    products: dict[int, Row] = field(default_factory=dict)

    def keep(self, one: TwinCustomer | TwinOrder | TwinProduct) -> None:
        """Show it as it is now."""
        match one:
            case TwinOrder():
                self.orders[one.id] = twin_rows.order(one)
            case TwinCustomer():
                self.customers[one.id] = twin_rows.customer(one)
            case TwinProduct():
                self.products[one.id] = twin_rows.product(one)


def owed(order: TwinOrder) -> Mapping[int, int]:
    """Yen owed for the goods now, by tax rate in basis points, where no discount was given."""
    found: dict[int, int] = {}
    for line in order.goods() if order.status not in ("3", "9") else ():
        found[line.rate * 100] = found.get(line.rate * 100, 0) + line.total
    return {rate: yen for rate, yen in found.items() if yen}


def _points_of(order: TwinOrder, transition: str) -> int:
    """What the customer gains by it, or loses."""
    return {
        "ship": order.add_point,
        "cancel": order.use_point,
        "return": order.use_point - order.add_point,
    }.get(transition, 0)


def _line_of(order: TwinOrder, sku: str, quantity: int) -> TwinLine:
    for line in order.goods():
        if line.code == sku and 0 < quantity <= line.quantity:
            return line
    raise ValueError(f"order {order.id} has no {quantity} pieces of {sku} left")
