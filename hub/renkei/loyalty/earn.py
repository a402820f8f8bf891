"""What a basket earns and how points used divide over its tax rates. Pure.

The rate's tax is rounded once per rate (jp-retail-rules §2); what is paid in points earns nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from renkei.loyalty.program import Program
from renkei.loyalty.rounding import divide, tax_upon, tax_within
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.till import RateTotal


@dataclass(frozen=True)
class Evaluation:
    """The result with its reasons. Points are whole; ``base`` is yen the points were counted on."""

    earned: int
    confirmed: int
    redeemed: int
    base: int
    rates: tuple[RateTotal, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Rate:
    """One tax rate of a basket: tax-included yen in all, and of lines that earn."""

    rate: int
    gross: int
    earning: int


def evaluate_order(order: Order, program: Program) -> Evaluation:
    """What the order, as it is now, should have earned and redeemed."""
    refusal = _nothing_for(order)
    if refusal:
        return Evaluation(0, 0, 0, 0, (), (refusal,))
    basket = evaluate_basket(order.lines, order.points_value, program)
    paid = order.state in (OrderState.PAID, OrderState.FULFILLED)
    reasons = basket.reasons if paid else (*basket.reasons, "pending until paid")
    return Evaluation(
        earned=basket.earned,
        confirmed=basket.earned if paid else 0,
        redeemed=order.points_used,
        base=basket.base,
        rates=basket.rates,
        reasons=reasons,
    )


def evaluate_basket(lines: Iterable[LineItem], points_value: int, program: Program) -> Evaluation:
    """What these lines earn when ``points_value`` yen of them are paid in points."""
    rates = _rates(lines)
    discount = min(points_value, sum(rate.gross for rate in rates))
    shares = divide(discount, [rate.gross for rate in rates])
    totals = tuple(_after(rate, share) for rate, share in zip(rates, shares, strict=True))
    base = sum(_base(rate, total, program) for rate, total in zip(rates, totals, strict=True))
    earned = base // program.per_yen * program.points
    taxes = "net of tax" if program.base == "tax_excluded" else "tax included"
    reason = f"{program.points} per ¥{program.per_yen} on ¥{base:,} {taxes}: {earned}"
    return Evaluation(earned, earned, 0, base, totals, (reason,))


def _nothing_for(order: Order) -> str | None:
    if order.state is OrderState.CANCELLED:
        return "cancelled: nothing earned, nothing used"
    if order.test:
        return "a test order"
    if order.currency != "JPY":
        return f"currency {order.currency} is not this program's"
    return None


def _rates(lines: Iterable[LineItem]) -> list[_Rate]:
    """Tax-included totals per rate, as the sale is now; tax is added once per rate."""
    sums: dict[int, list[int]] = {}
    for line in lines:
        kept = line.amount - line.returned_amount
        slot = sums.setdefault(line.tax_rate, [0, 0, 0, 0])
        slot[0 if line.tax_included else 1] += kept
        if line.earns:
            slot[2 if line.tax_included else 3] += kept
    return [
        _Rate(
            rate,
            gross=included + excluded + tax_upon(excluded, rate),
            earning=earning_in + earning_ex + tax_upon(earning_ex, rate),
        )
        for rate, (included, excluded, earning_in, earning_ex) in sorted(sums.items())
    ]


def _after(rate: _Rate, points_discount: int) -> RateTotal:
    total = rate.gross - points_discount
    return RateTotal(
        tax_rate=rate.rate,
        total=total,
        points_discount=points_discount,
        tax=tax_within(total, rate.rate),
    )


def _base(rate: _Rate, after: RateTotal, program: Program) -> int:
    earning, _ = divide(after.total, [rate.earning, rate.gross - rate.earning])
    if program.base == "tax_included":
        return earning
    return earning - tax_within(earning, rate.rate)
