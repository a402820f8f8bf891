"""What the lines of an order are worth, and proof that they explain its totals. Pure.

EC-CUBE keeps goods, postage, fees, discounts and points as lines of one list. A line's ``price`` is
with or without tax as its TaxDisplayType says, and its ``tax`` that of one piece (OrderItem and
PurchaseFlow of EC-CUBE 4.3, 77865213).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from renkei_contracts.base import MAX_AMOUNT
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.toolkit.shares import divide
from renkei_eccube import wire

GOODS, POSTAGE, FEE, DISCOUNT, TAX, POINTS = "1", "2", "3", "4", "5", "6"
KINDS = frozenset({GOODS, POSTAGE, FEE, DISCOUNT, TAX, POINTS})
"""OrderItemType."""

TAXED = "1"
"""TaxType 課税; the others (不課税, 非課税) bear no tax."""

INCLUDED = "2"
"""TaxDisplayType 税込. Without a type, a price is without tax, as EC-CUBE itself reads it."""

Worth = tuple[wire.OrderItem, int]
"""A line, and what it comes to in yen with tax; discounts and points are below zero."""


@dataclass(frozen=True)
class Basket:
    """Goods with what each costs after discounts, postage and fees, and what points paid of it."""

    goods: Sequence[Worth]
    shipping: int
    points_value: int


def basket(order: wire.Order, what: str, *, own_points: bool) -> Basket:
    """The order's lines, proven by its totals.

    ``own_points``: points are the hub's, and lines count before them; else they are EC-CUBE's own,
    and a discount like any other.
    """
    worth = [(item, _line_yen(item, what)) for item in order.items]
    sums = _sums(worth, what)
    _add_up(order, sums, what)
    goods = [one for one in worth if one[0].type.id == GOODS]
    kinds = {DISCOUNT} if own_points else {DISCOUNT, POINTS}
    off = [(item, -yen) for item, yen in worth if item.type.id in kinds]
    left = _discounted(goods, off, what)
    return Basket(left, sums[POSTAGE] + sums[FEE], -sums[POINTS])


def whole(amount: Decimal, what: str) -> int:
    """Whole yen, pieces or points; a fraction is refused, never rounded."""
    if not -MAX_AMOUNT <= amount <= MAX_AMOUNT:
        raise PayloadInvalid(f"{what} is too large")
    if amount != amount.to_integral_value():
        raise PayloadInvalid(f"{what} holds a fraction")
    return int(amount)


def basis_points(item: wire.OrderItem, what: str) -> int:
    """The line's tax rate; EC-CUBE knows whole percents."""
    percent = whole(item.tax_rate, f"{what}: a tax rate")
    if not 0 <= percent <= 100:
        raise PayloadInvalid(f"{what}: a tax rate lies outside 0 to 100 %")
    return percent * 100


def _line_yen(item: wire.OrderItem, what: str) -> int:
    if item.type.id not in KINDS:
        raise PayloadInvalid(f"{what}: a line is of a kind that we do not know")
    _taxed_as_told(item, what)
    pieces = whole(item.quantity, f"{what}: a quantity")
    each = item.price if _included(item) else item.price + item.tax
    yen = whole(each * pieces, f"{what}: a line")
    if pieces < 0 or (yen > 0 if item.type.id in (DISCOUNT, POINTS) else yen < 0):
        raise PayloadInvalid(f"{what}: a line has an amount of the wrong sign")
    return yen


def _included(item: wire.OrderItem) -> bool:
    return item.display is not None and item.display.id == INCLUDED


def _taxed_as_told(item: wire.OrderItem, what: str) -> None:
    """The tax is that of the rate, rounded either way: else one of the two is wrong."""
    if item.taxation is not None and item.taxation.id != TAXED:
        right = not item.tax and not item.tax_rate
    else:
        rate = Decimal(basis_points(item, what)) / 10_000
        if _included(item):
            exact = (item.price - item.tax_adjust) * rate / (1 + rate)
        else:
            exact = item.price * rate + item.tax_adjust
        right = abs(item.tax - exact) < 1
    if not right:
        raise PayloadInvalid(f"{what}: the tax of a line does not agree with its rate")


def _sums(worth: Sequence[Worth], what: str) -> Mapping[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for item, yen in worth:
        sums[item.type.id] += yen
    if sums[TAX]:
        raise PayloadInvalid(f"{what}: a line of tax alone, and nothing says for which goods")
    return sums


def _add_up(order: wire.Order, sums: Mapping[str, int], what: str) -> None:
    told = {
        "subtotal": (order.subtotal, sums[GOODS]),
        "delivery_fee_total": (order.delivery_fee_total, sums[POSTAGE]),
        "charge": (order.charge, sums[FEE]),
        "discount": (order.discount, -sums[DISCOUNT] - sums[POINTS]),
        "total": (order.total, sum(sums.values())),
        "payment_total": (order.payment_total, sum(sums.values())),
    }
    wrong = [name for name, (said, found) in told.items() if said != found]
    if wrong:
        raise PayloadInvalid(f"{what}: its lines do not add up to its {wrong[0]}: adjust by hand")
    if bool(order.use_point) != bool(sums[POINTS]):
        raise PayloadInvalid(f"{what}: points used and their discount contradict each other")


def _discounted(goods: Sequence[Worth], off: Sequence[Worth], what: str) -> Sequence[Worth]:
    """Each discount taken off the goods of its tax rate, or else off all, by their amounts."""
    by_rate: dict[int, int] = defaultdict(int)
    for item, yen in off:
        by_rate[basis_points(item, what)] += yen
    left = list(goods)
    # The one that is off everything comes last: it is not to take what the others need.
    for rate, yen in sorted(by_rate.items(), reverse=True):
        same = [place for place, (item, _) in enumerate(left) if basis_points(item, what) == rate]
        places = same if rate and same else range(len(left))
        amounts = [left[place][1] for place in places]
        if yen > sum(amounts):
            raise PayloadInvalid(f"{what}: its discount exceeds its goods: adjust by hand")
        for place, share in zip(places, divide(yen, amounts), strict=True):
            item, amount = left[place]
            left[place] = (item, amount - share)
    return left
