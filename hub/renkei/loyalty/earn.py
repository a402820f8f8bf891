"""What a sale earns and redeems under a program, with the reason for every point. Pure.

The same function answers a till's quote, a cart's, settlement, a dry run and a back-test.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from renkei.loyalty import condition
from renkei.loyalty.basket import Basket, EarningLine, RateSum, basket_of, gross_of
from renkei.loyalty.campaign import Campaign
from renkei.loyalty.condition import Names, Verdict
from renkei.loyalty.context import Facts, line_values, order_values
from renkei.loyalty.coupon import Coupon, TakenOff, per_rate, taken_off
from renkei.loyalty.program import Program
from renkei.loyalty.rounding import rounded
from renkei.loyalty.terms import Earn
from renkei_contracts.order import LineItem, Order, OrderState

NO_FACTS = Facts()

OWN = "earn"
"""What the program's own rate is called among the rules."""


class Part(NamedTuple):
    """Points given by one rule: the program's own, another rate, or a campaign."""

    rule: str
    points: int
    why: str
    campaign: Campaign | None = None


class Refused(NamedTuple):
    """A rule that gave nothing, and why; ``fault`` where it could not be decided."""

    rule: str
    why: str
    fault: bool = False


class Evaluation(NamedTuple):
    """The result with its reasons. Points are whole; ``base`` is yen the points were counted on.

    ``earned`` is the sum of the parts, before any quota bounds them. ``coupons`` is what each
    coupon took off what was sold.
    """

    earned: int
    confirmed: int
    redeemed: int
    base: int
    rates: tuple[RateSum, ...]
    parts: tuple[Part, ...]
    refused: tuple[Refused, ...]
    coupons: tuple[TakenOff, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every point and coupon given, every yen taken off and every rule refused, in words."""
        given = (
            part.why if _is_issue(part) else f"{part.why}: {part.points}" for part in self.parts
        )
        off = (f"coupon {one.coupon.name}: ¥{one.yen:,} off" for one in self.coupons if one.yen)
        return (*given, *off, *(f"{one.rule}: {one.why}" for one in self.refused))

    @property
    def issues(self) -> tuple[Part, ...]:
        """The parts that give a coupon and no points."""
        return tuple(part for part in self.parts if _is_issue(part))


@dataclass(frozen=True)
class _Work:
    """One evaluation under way."""

    order: Order
    program: Program
    facts: Facts
    basket: Basket

    @cached_property
    def values(self) -> dict[str, Any]:
        """What conditions may speak of; a program without conditions never asks."""
        total = sum(rate.total + rate.points_discount for rate in self.basket.rates)
        return order_values(self.order, self.facts, self.program.clock, total)

    @cached_property
    def names(self) -> Any:
        """What conditions over the order speak of, made once for all of them."""
        return Names("order", self.values).activation()

    @cached_property
    def line_names(self) -> Sequence[Any]:
        """What conditions over each earning line speak of, made once for all of them."""
        return [
            Names("line", self._values_of(one.line)).activation() for one in self.basket.earning
        ]

    def _values_of(self, line: LineItem) -> Mapping[str, Any]:
        return self.values | line_values(line, self.facts)


def evaluate_order(order: Order, program: Program, facts: Facts = NO_FACTS) -> Evaluation:
    """What the order, as it is now, should have earned and redeemed."""
    refusal = _nothing_for(order)
    if refusal:
        return nothing(refusal)
    off = coupons_off(order, program, facts) if order.coupons else ()
    barred = _barred(program, facts)
    basket = basket_of(order.lines, order.points_value, program.earn, barred, per_rate(off))
    work = _Work(order, program, facts, basket)
    own, refused = _own_parts(work)
    extra, passed = _campaign_parts(work, own)
    parts = (*own, *extra)
    earned = sum(part.points for part in parts)
    ready = confirmed(order, program.earn)
    waits = () if ready else (Refused("confirmation", f"pending until {program.earn.confirmed}"),)
    passed += [Refused(f"coupon {one.coupon.name}", one.why_not) for one in off if one.why_not]
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


def confirmed(order: Order, earn: Earn) -> bool:
    """Whether the condition is met on which points stop being pending."""
    reached = {
        "placed": (OrderState.PLACED, OrderState.PAID, OrderState.FULFILLED),
        "paid": (OrderState.PAID, OrderState.FULFILLED),
        "fulfilled": (OrderState.FULFILLED,),
    }
    return order.state in reached[earn.confirmed]


def _nothing_for(order: Order) -> str | None:
    if order.state is OrderState.CANCELLED:
        return "cancelled: nothing earned, nothing used"
    if order.test:
        return "a test order"
    if order.currency != "JPY":
        return f"currency {order.currency} is not this program's"
    return None


def _is_issue(part: Part) -> bool:
    return part.campaign is not None and part.campaign.coupon is not None


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


def _own_parts(work: _Work) -> tuple[list[Part], list[Refused]]:
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
    return Part(name or OWN, _points(lines, points, per_yen, earn), why)


def _excluded(work: _Work) -> list[Refused]:
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


def _rate_of(work: _Work, n: int) -> tuple[str, list[Refused]]:
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


def _points(lines: Sequence[EarningLine], points: int, per_yen: int, earn: Earn) -> int:
    """Points for these lines, rounded as the program says."""
    if earn.per == "order":
        return rounded(sum(one.base for one in lines), per_yen, earn.rounding) * points
    sums: dict[object, int] = {}
    for one in lines:
        key = one.line.tax_rate if earn.per == "rate" else one.line.id
        sums[key] = sums.get(key, 0) + one.base
    return sum(rounded(base, per_yen, earn.rounding) * points for base in sums.values())


def _campaign_parts(work: _Work, own: Sequence[Part]) -> tuple[list[Part], list[Refused]]:
    """What campaigns add; those that compete, multiply or stand beside are put together here."""
    found: list[Part] = []
    refused: list[Refused] = []
    for campaign in work.program.campaigns:
        outcome = _campaign(work, campaign)
        if isinstance(outcome, Refused):
            refused.append(outcome)
        else:
            found.append(outcome)
    best, losers = _best([part for part in found if _stacks(part, "best")])
    multiplied = _multiplied([part for part in found if _stacks(part, "multiply")])
    parts = [*(part for part in found if _stacks(part, "add")), *best, *multiplied]
    return _capped(work, parts, sum(part.points for part in own)), [*refused, *losers]


def _stacks(part: Part, how: str) -> bool:
    return part.campaign is not None and part.campaign.stacking == how


def _campaign(work: _Work, campaign: Campaign) -> Part | Refused:
    if not campaign.runs_at(work.order.placed_at):
        return Refused(campaign.name, "not in its dates")
    verdict = condition.judge(campaign.when, "order", work.names)
    if verdict.fault:
        return Refused(campaign.name, verdict.fault, fault=True)
    if not verdict.applies:
        return Refused(campaign.name, "its condition is not met")
    lines, fault = _lines_of(work, campaign)
    if fault is not None:
        return Refused(campaign.name, fault, fault=True)
    if campaign.coupon is not None:
        return _coupon_benefit(work, campaign, lines)
    points, why = _benefit(work, campaign, lines)
    if points == 0:
        return Refused(campaign.name, "it comes to nothing")
    said = _said(campaign, work.facts.sources) if work.facts.sources else ""
    return Part(campaign.name, points, f"{campaign.name}: {why}{said}", campaign)


def _said(campaign: Campaign, sources: Mapping[str, str]) -> str:
    """Who stated the facts its condition speaks of."""
    named = [name for name in sorted(sources) if f'"{name}"' in campaign.when.replace("'", '"')]
    return "".join(f"; {name}: {sources[name]}" for name in named)


def _lines_of(work: _Work, campaign: Campaign) -> tuple[list[EarningLine], str | None]:
    """The earning lines it is about; a line that cannot be judged stops the whole campaign."""
    if campaign.lines is None:
        return list(work.basket.earning), None
    found = []
    verdicts = condition.judge_each(campaign.lines, "line", work.line_names)
    for one, verdict in zip(work.basket.earning, verdicts, strict=True):
        if verdict.fault:
            return [], f"line {one.line.id}: {verdict.fault}"
        if verdict.applies:
            found.append(one)
    return found, None


def _coupon_benefit(
    work: _Work, campaign: Campaign, lines: Sequence[EarningLine]
) -> Part | Refused:
    """A coupon comes once the sale's points would be confirmed, for lines that count."""
    if not lines:
        return Refused(campaign.name, "no line counts for it")
    if not confirmed(work.order, work.program.earn):
        return Refused(campaign.name, f"waits until {work.program.earn.confirmed}")
    return Part(campaign.name, 0, f"{campaign.name}: coupon {campaign.coupon}", campaign)


def _benefit(work: _Work, campaign: Campaign, lines: Sequence[EarningLine]) -> tuple[int, str]:
    earn, base = work.program.earn, sum(one.base for one in lines)
    if campaign.fixed is not None:
        return (campaign.fixed if lines else 0), f"{campaign.fixed} points"
    if campaign.points is not None:
        given = _points(lines, campaign.points, campaign.per_yen, earn)
        return given, f"{campaign.points} per ¥{campaign.per_yen} on ¥{base:,}"
    assert campaign.percent is not None
    usual = _points(lines, earn.points, earn.per_yen, earn)
    return usual * (campaign.percent - 100) // 100, f"{campaign.percent} % on ¥{base:,}"


def _best(parts: Sequence[Part]) -> tuple[list[Part], list[Refused]]:
    """Of competing campaigns the one that gives most; of equals the first by name."""
    ranked = sorted(parts, key=lambda part: (-part.points, part.rule))
    losers = [Refused(part.rule, f"{ranked[0].rule} gives more") for part in ranked[1:]]
    return ranked[:1], losers


def _multiplied(parts: Sequence[Part]) -> list[Part]:
    """Percents multiply: each next one counts upon what those before it made of the points."""
    grown, done = 100, []
    for part in sorted(parts, key=lambda part: part.rule):
        assert part.campaign is not None
        assert part.campaign.percent is not None
        points = part.points * grown // 100
        done.append(Part(part.rule, points, part.why, part.campaign))
        grown = grown * part.campaign.percent // 100
    return done


def _capped(work: _Work, parts: Iterable[Part], own: int) -> list[Part]:
    """No more than the program lets all campaigns together add; the last by name give way."""
    cap = work.program.campaign_cap_percent
    ordered = sorted(parts, key=lambda part: part.rule)
    if cap is None:
        return ordered
    left, done = own * cap // 100, []
    for part in ordered:
        points = min(part.points, left)
        left -= points
        why = part.why if points == part.points else f"{part.why}, capped"
        done.append(Part(part.rule, points, why, part.campaign))
    return done
