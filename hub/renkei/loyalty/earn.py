"""What a sale earns and redeems under a program, with the reason for every point. Pure.

The same function answers a till's quote, a cart's, settlement, a dry run and a back-test.
"""

from collections.abc import Sequence
from typing import Any

from renkei.loyalty import condition
from renkei.loyalty.basket import EarningLine, basket_of, gross_of
from renkei.loyalty.campaign_parts import campaign_parts, points_of
from renkei.loyalty.condition import Names, Verdict
from renkei.loyalty.context import Facts, line_values, order_values
from renkei.loyalty.coupon import Coupon, TakenOff, per_rate, taken_off
from renkei.loyalty.evaluation import OWN, Evaluation, Part, Refused, Work, confirmed
from renkei.loyalty.program import Program
from renkei.loyalty.terms import Earn
from renkei_contracts.order import LineItem, Order, OrderState

NO_FACTS = Facts()


def evaluate_order(order: Order, program: Program, facts: Facts = NO_FACTS) -> Evaluation:
    """What the order, as it is now, should have earned and redeemed."""
    refusal = _nothing_for(order)
    if refusal:
        return nothing(refusal)
    off = coupons_off(order, program, facts) if order.coupons else ()
    barred = _barred(program, facts)
    basket = basket_of(order.lines, order.points_value, program.earn, barred, per_rate(off))
    work = Work(order, program, facts, basket)
    own, refused = _own_parts(work)
    extra, passed = campaign_parts(work, own)
    parts = (*own, *extra)
    earned = sum(part.points for part in parts)
    ready = confirmed(order, program.earn)
    waits = () if ready else (Refused("confirmation", f"pending until {program.earn.confirmed}"),)
    passed += [_not_taken(one.coupon, one.why_not) for one in off if one.why_not]
    passed += [Refused("coupon", f"{code} is not known") for code in _unknown(order, facts)]
    return Evaluation(
        earned=earned,
        confirmed=earned if ready else 0,
        redeemed=order.points_used,
        base=basket.base,
        rates=basket.rates,
        parts=parts,
        refused=(*refused, *passed, *waits),
        coupons=off,
    )


def nothing(why: str, redeemed: int = 0) -> Evaluation:
    """The result of an order that earns nothing at all."""
    return Evaluation(0, 0, redeemed, 0, (), (), (Refused("order", why),))


def still_sold(order: Order, evaluation: Evaluation | None = None) -> int:
    """Yen of what is still sold, tax included, before points; its evaluation knows its coupons."""
    if evaluation is not None and evaluation.rates:
        return sum(rate.total + rate.points_discount for rate in evaluation.rates)
    return 0 if _nothing_for(order) else gross_of(order.lines)


def _nothing_for(order: Order) -> str | None:
    if order.state is OrderState.CANCELLED:
        return "cancelled: nothing earned, nothing used"
    if order.test:
        return "a test order"
    if order.currency != "JPY":
        return f"currency {order.currency} is not this program's"
    return None


def _not_taken(coupon: Coupon, why: str) -> Refused:
    return Refused(f"coupon {coupon.name}", why, called=f"coupon {coupon.called}")


def _unknown(order: Order, facts: Facts) -> list[str]:
    return [code for code in order.coupons if code not in facts.coupons]


def coupons_off(order: Order, program: Program, facts: Facts) -> tuple[TakenOff, ...]:
    """What the order's coupons take off; conditions over lines see the sale before them."""
    values = order_values(order, facts, program.clock, gross_of(order.lines))

    def fits(coupon: Coupon, line: LineItem) -> Verdict:
        names = values | line_values(line, facts)
        assert coupon.lines is not None
        return condition.judge(coupon.lines, "line", Names("line", names).activation())

    used = {code: facts.coupons[code] for code in order.coupons if code in facts.coupons}
    return taken_off(order, used, fits)


def _barred(program: Program, facts: Facts) -> Any:
    return lambda line: program.earn.earns_nothing(facts.classes_of(line)) is not None


def _own_parts(work: Work) -> tuple[list[Part], list[Refused]]:
    """The program's own points: lines grouped by the rate that counts for them."""
    earn = work.program.earn
    groups: dict[str, list[EarningLine]] = {}
    refused = _excluded(work)
    for n, one in enumerate(work.basket.earning):
        name, faults = _rate_of(work, n)
        groups.setdefault(name, []).append(one)
        refused += faults
    terms = {"": (earn.points, earn.per_yen)}
    terms |= {rate.name: (rate.points, rate.per_yen) for rate in earn.rates}
    parts = [_own_part(name, lines, *terms[name], earn) for name, lines in sorted(groups.items())]
    silent = sorted({*terms} - {*groups} - {one.rule for one in refused})
    return parts, [*refused, *(Refused(name or OWN, "no line is left to it") for name in silent)]


def _own_part(
    name: str, lines: Sequence[EarningLine], points: int, per_yen: int, earn: Earn
) -> Part:
    base = sum(one.base for one in lines)
    taxes = "net of tax" if earn.base == "tax_excluded" else "tax included"
    why = f"{name} {points} per ¥{per_yen} on ¥{base:,} {taxes}".strip()
    return Part(name or OWN, points_of(lines, points, per_yen, earn), why)


def _excluded(work: Work) -> list[Refused]:
    """The lines that earn nothing, and why."""
    if len(work.basket.earning) == len(work.order.lines):
        return []
    refused = []
    for line in sorted(work.order.lines, key=lambda line: line.id):
        barred = work.program.earn.earns_nothing(work.facts.classes_of(line))
        why = f"{barred} earns nothing" if barred else "sold as earning nothing"
        if barred or not line.earns:
            refused.append(Refused("exclusion", f"line {line.id}: {why}"))
    return refused


def _rate_of(work: Work, n: int) -> tuple[str, list[Refused]]:
    """The name of the first other rate that fits the n-th line; empty: the program's own."""
    faults: list[Refused] = []
    for rate in work.program.earn.rates:
        verdict = condition.judge(rate.when, "line", work.line_names[n])
        if verdict.applies:
            return rate.name, faults
        if verdict.fault:
            line = work.basket.earning[n].line.id
            faults.append(Refused(rate.name, f"line {line}: {verdict.fault}", fault=True))
    return "", faults
