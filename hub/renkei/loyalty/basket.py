"""A basket's yen: totals per tax rate after coupons and points, and each line's that earn. Pure.

A rate's tax is rounded once per rate (jp-retail-rules §2); a rate's earning yen are divided over
its lines by the largest remainder, in the order of their ids: the order they come in never matters.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from renkei.loyalty.rounding import tax_upon, tax_within
from renkei.loyalty.terms import Earn
from renkei_contracts.order import LineItem
from renkei_contracts.toolkit.shares import divide


class EarningLine(NamedTuple):
    """A line that earns, and on how many yen of the base."""

    line: LineItem
    base: int


class RateSum(NamedTuple):
    """The yen of one tax rate, tax included: after coupons and points, what each took, the tax."""

    tax_rate: int
    total: int
    points_discount: int
    tax: int
    coupon_discount: int = 0


class Basket(NamedTuple):
    """Totals per rate, and what earns."""

    rates: tuple[RateSum, ...]
    earning: tuple[EarningLine, ...]

    @property
    def base(self) -> int:
        """Yen on which points are counted."""
        return sum(one.base for one in self.earning)


class _Rate(NamedTuple):
    """The lines of one tax rate: tax-included yen in all, and of lines that earn."""

    rate: int
    gross: int
    earning: int
    lines: tuple[LineItem, ...]


NO_COUPONS: Mapping[int, int] = {}


def basket_of(
    lines: Sequence[LineItem],
    points_value: int,
    earn: Earn,
    bars: Callable[[LineItem], bool],
    coupons: Mapping[int, int] = NO_COUPONS,
) -> Basket:
    """The basket when ``points_value`` yen are paid in points; ``bars``: a line earns nothing.

    ``coupons`` is what coupons took off each tax rate of what was sold.
    """
    rates = _rates(sorted(lines, key=lambda line: line.id), bars)
    off = _off_what_is_kept(lines, coupons) if coupons else {}
    owed = [rate.gross - off.get(rate.rate, 0) for rate in rates]
    discount = min(points_value, sum(owed))
    shares = divide(discount, owed)
    totals = tuple(
        _after(rate, share, off.get(rate.rate, 0))
        for rate, share in zip(rates, shares, strict=True)
    )
    earning = [
        one
        for rate, total, yen in zip(rates, totals, owed, strict=True)
        for one in _earning(rate, yen if earn.points_paid_earn else total.total, earn)
    ]
    return Basket(totals, tuple(earning))


def _off_what_is_kept(lines: Iterable[LineItem], coupons: Mapping[int, int]) -> dict[int, int]:
    """What is given back takes its share of a coupon's yen along."""
    by_rate: dict[int, list[LineItem]] = {}
    for line in lines:
        by_rate.setdefault(line.tax_rate, []).append(line)
    off = {}
    for rate, yen in coupons.items():
        before = gross(rate, by_rate[rate], sold)
        off[rate] = yen * gross(rate, by_rate[rate]) // before if before else 0
    return off


def _rates(lines: Sequence[LineItem], bars: Callable[[LineItem], bool]) -> list[_Rate]:
    """Tax-included totals per rate, as the sale is now; tax is added once per rate."""
    by_rate: dict[int, list[LineItem]] = {}
    for line in lines:
        by_rate.setdefault(line.tax_rate, []).append(line)
    return [_rate(rate, own, bars) for rate, own in sorted(by_rate.items())]


def _rate(rate: int, lines: Sequence[LineItem], bars: Callable[[LineItem], bool]) -> _Rate:
    earning = tuple(line for line in lines if line.earns and not bars(line))
    every = gross(rate, lines)
    return _Rate(
        rate, every, every if len(earning) == len(lines) else gross(rate, earning), earning
    )


def kept(line: LineItem) -> int:
    """Yen of the line that are still sold."""
    return line.amount - line.returned_amount


def sold(line: LineItem) -> int:
    """Yen of the line as it was sold, whatever was given back since."""
    return line.amount


def gross(rate: int, lines: Iterable[LineItem], yen: Callable[[LineItem], int] = kept) -> int:
    """Tax-included yen of one rate's lines; tax is added once to what is net of it."""
    included = excluded = 0
    for line in lines:
        if line.tax_included:
            included += yen(line)
        else:
            excluded += yen(line)
    return included + excluded + tax_upon(excluded, rate)


def gross_of(lines: Sequence[LineItem], coupons: Mapping[int, int] = NO_COUPONS) -> int:
    """What these lines cost with tax, after what ``coupons`` took off, before points."""
    off = _off_what_is_kept(lines, coupons) if coupons else {}
    return sum(rate.gross for rate in _rates(lines, lambda line: False)) - sum(off.values())


def _after(rate: _Rate, points_discount: int, coupon_discount: int) -> RateSum:
    total = rate.gross - coupon_discount - points_discount
    tax = tax_within(total, rate.rate)
    return RateSum(rate.rate, total, points_discount, tax, coupon_discount)


def _earning(rate: _Rate, total: int, earn: Earn) -> list[EarningLine]:
    """The rate's earning yen, divided over its lines."""
    yen = total
    if rate.earning != rate.gross:
        yen, _ = divide(total, [rate.earning, rate.gross - rate.earning])
    if earn.base == "tax_excluded":
        yen -= tax_within(yen, rate.rate)
    parts = divide(yen, [kept(line) for line in rate.lines])
    return [EarningLine(line, part) for line, part in zip(rate.lines, parts, strict=True)]
