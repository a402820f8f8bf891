"""What the twin's shop holds: customers, orders with their lines, products."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from renkei_contracts.stage import Item, Shopper
from renkei_eccube.amounts import DISCOUNT, GOODS, INCLUDED, POINTS, POSTAGE, TAXED

EXCLUDED, NO_TAX = "1", "2"
"""TaxDisplayType 税抜; TaxType 不課税."""

POSTAGE_YEN = 500


@dataclass
class TwinCustomer:
    """A customer; ``status`` is 2 (本会員) until they leave (3)."""

    id: int
    shopper: Shopper
    email: str
    updated_at: datetime
    status: str = "2"
    point: int = 0
    version: str = ""


@dataclass
class TwinLine:
    """A line of an order; ``price`` is without tax unless ``display`` is 2."""

    id: int
    kind: str
    name: str
    code: str | None
    price: int
    quantity: int
    tax: int
    rate: int
    display: str
    taxation: str = TAXED

    @property
    def total(self) -> int:
        """What it comes to, tax included."""
        return (self.price if self.display == INCLUDED else self.price + self.tax) * self.quantity


@dataclass
class TwinOrder:
    """An order, or a checkout under way (status 8); a guest's has no customer."""

    id: int
    customer: TwinCustomer | None
    email: str
    made_at: datetime
    updated_at: datetime
    lines: list[TwinLine]
    status: str = "8"
    use_point: int = 0
    add_point: int = 0
    ordered_at: datetime | None = None
    paid_at: datetime | None = None

    def sum(self, *kinds: str) -> int:
        """What lines of these kinds come to; of all, where none is named."""
        return sum(line.total for line in self.lines if not kinds or line.kind in kinds)

    def goods(self) -> list[TwinLine]:
        """The lines that are goods."""
        return [line for line in self.lines if line.kind == GOODS]


@dataclass
class TwinProduct:
    """A product without variations: one class holds its code and stock."""

    id: int
    item: Item
    updated_at: datetime
    stock: int | None = 100
    class_id: int = field(default=0)


def goods_line(id: int, item: Item) -> TwinLine:
    """An item whose price is kept without tax, as EC-CUBE keeps it."""
    rate = item.tax_rate // 100
    exact = Decimal(item.yen) * 100 / (100 + rate)
    price = int(exact.to_integral_value(ROUND_HALF_UP))
    tax = item.yen - price
    return TwinLine(id, GOODS, item.title, item.sku, price, item.quantity, tax, rate, EXCLUDED)


def postage_line(id: int) -> TwinLine:
    """Postage (送料), tax included."""
    tax = POSTAGE_YEN * 10 // 110
    return TwinLine(id, POSTAGE, "送料", None, POSTAGE_YEN, 1, tax, 10, INCLUDED)


def discount_line(id: int, yen: int, rate: int) -> TwinLine:
    """A discount (値引き), tax included; rate 0: one that is not taxed."""
    tax = -(yen * rate // (100 + rate))
    taxation = TAXED if rate else NO_TAX
    return TwinLine(id, DISCOUNT, "値引き", None, -yen, 1, tax, rate, INCLUDED, taxation)


def points_line(id: int, yen: int) -> TwinLine:
    """What points paid: not taxed."""
    return TwinLine(id, POINTS, "ポイント", None, -yen, 1, 0, 0, INCLUDED, NO_TAX)
