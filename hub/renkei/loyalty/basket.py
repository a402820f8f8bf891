"""A basket's yen: totals per tax rate after points, and the yen of each line that earn. Pure.

A rate's tax is rounded once per rate (jp-retail-rules §2); a rate's earning yen are divided over
its lines by the largest remainder, in the order of their ids: the order they come in never matters.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from renkei.loyalty.rounding import divide, tax_upon, tax_within
from renkei.loyalty.terms import Earn
from renkei_contracts.order import LineItem


class EarningLine(NamedTuple):
    """A line that earns, and on how many yen of the base."""

    line: LineItem
    base: int


class RateSum(NamedTuple):
    """The yen of one tax rate, tax included: after points, what points paid, the tax within."""

    tax_rate: int
    total: int
    points_discount: int
    tax: int


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


def basket_of(
    lines: Iterable[LineItem], points_value: int, earn: Earn, bars: Callable[[LineItem], bool]
) -> Basket:
    """The basket when ``points_value`` yen are paid in points; ``bars``: a line earns nothing."""
    rates = _rates(sorted(lines, key=lambda line: line.id), bars)
    discount = min(points_value, sum(rate.gross for rate in rates))
    shares = divide(discount, [rate.gross for rate in rates])
    totals = tuple(_after(rate, share) for rate, share in zip(rates, shares, strict=True))
    earning = [
        one
        for rate, total in zip(rates, totals, strict=True)
        for one in _earning(rate, rate.gross if earn.points_paid_earn else total.total, earn)
    ]
    return Basket(totals, tuple(earning))


def _rates(lines: Sequence[LineItem], bars: Callable[[LineItem], bool]) -> list[_Rate]:
    """Tax-included totals per rate, as the sale is now; tax is added once per rate."""
    by_rate: dict[int, list[LineItem]] = {}
    for line in lines:
        by_rate.setdefault(line.tax_rate, []).append(line)
    return [_rate(rate, own, bars) for rate, own in sorted(by_rate.items())]


def _rate(rate: int, lines: Sequence[LineItem], bars: Callable[[LineItem], bool]) -> _Rate:
    earning = tuple(line for line in lines if line.earns and not bars(line))
    gross = _gross(rate, lines)
    return _Rate(
        rate, gross, gross if len(earning) == len(lines) else _gross(rate, earning), earning
    )


def _gross(rate: int, lines: Iterable[LineItem]) -> int:
    included = excluded = 0
    for line in lines:
        if line.tax_included:
            included += kept(line)
        else:
            excluded += kept(line)
    return included + excluded + tax_upon(excluded, rate)


def gross_of(lines: Iterable[LineItem]) -> int:
    """What these lines cost with tax, before points."""
    return sum(rate.gross for rate in _rates(list(lines), lambda line: False))


def kept(line: LineItem) -> int:
    """Yen of the line that are still sold."""
    return line.amount - line.returned_amount


def _after(rate: _Rate, points_discount: int) -> RateSum:
    total = rate.gross - points_discount
    return RateSum(rate.rate, total, points_discount, tax_within(total, rate.rate))


def _earning(rate: _Rate, total: int, earn: Earn) -> list[EarningLine]:
    """The rate's earning yen, divided over its lines."""
    yen, _ = divide(total, [rate.earning, rate.gross - rate.earning])
    if earn.base == "tax_excluded":
        yen -= tax_within(yen, rate.rate)
    parts = divide(yen, [kept(line) for line in rate.lines])
    return [EarningLine(line, part) for line, part in zip(rate.lines, parts, strict=True)]
