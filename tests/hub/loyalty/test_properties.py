"""What holds for every sale and program: order, refunds in parts, caps, and reasons."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.ledger.quotas import Quota, claim
from renkei.ledger.staged import NewRefund
from renkei.loyalty.context import Facts, MemberFacts
from renkei.loyalty.earn import evaluate_order
from renkei.loyalty.evaluation import Evaluation
from renkei.loyalty.program import Program
from renkei.loyalty.refunds import effective
from renkei.loyalty.terms import Redeem
from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import Order, OrderState, Refund, RefundLine

PLACED = datetime(2026, 11, 10, 3, tzinfo=UTC)
FACTS = Facts(MemberFacts(), classes={"T": ("tea",), "C": ("tobacco",)})

CAMPAIGNS: list[dict[str, Any]] = [
    {"name": "double", "percent": 200},
    {"name": "tea", "lines": "'tea' in line.classes", "points": 3, "per_yen": 200},
    {"name": "big", "when": "order.total > 20000", "fixed": 77, "stacking": "best"},
    {"name": "small", "when": "order.total <= 20000", "percent": 130, "stacking": "best"},
    {"name": "ten", "when": "today.day == 10", "percent": 150, "stacking": "multiply"},
    {"name": "known", "when": "member.known", "percent": 120, "stacking": "multiply"},
    {"name": "rain", "when": 'facts["rain"]', "fixed": 5},
    {"name": "over", "ends": "2026-01-01T00:00:00Z", "fixed": 5},
    {"name": "each", "lines": "order.total / (line.quantity - 1) > 0", "fixed": 9},
]
RATES = [{"name": "food", "when": "line.tax_rate == 800", "points": 1, "per_yen": 50}]


@st.composite
def programs(draw: st.DrawFn, *, campaigns: bool = True) -> Program:
    """Programs of every rounding, with some of the campaigns."""
    chosen = draw(st.lists(st.sampled_from(CAMPAIGNS), unique_by=lambda one: one["name"]))
    earn = {
        "base": draw(st.sampled_from(["tax_excluded", "tax_included"])),
        "rounding": draw(st.sampled_from(["floor", "half_up", "ceil"])),
        "per": draw(st.sampled_from(["order", "rate", "line"])),
        "points_paid_earn": draw(st.booleans()),
        "rates": RATES if draw(st.booleans()) else [],
    }
    return Program.model_validate({"earn": earn, "campaigns": chosen if campaigns else []})


LINE = st.fixed_dictionaries(
    {
        "quantity": st.integers(1, 3),
        "amount": st.integers(0, 30_000),
        "tax_rate": st.sampled_from([0, 800, 1000]),
        "tax_included": st.booleans(),
        "earns": st.sampled_from([True, True, True, False]),
        "sku": st.sampled_from(["", "T", "C"]),
    }
)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Paid orders of the cart, some of their yen paid in points."""
    lines = draw(st.lists(LINE, min_size=1, max_size=6))
    used = draw(st.integers(0, 3_000))
    return Order.model_validate(
        {
            "ref": {"connection": "cart", "id": "o1"},
            "changed_at": PLACED,
            "placed_at": PLACED,
            "state": "paid",
            "lines": [line | {"id": f"{n:02}"} for n, line in enumerate(lines)],
            "points_used": used,
            "points_value": used,
        }
    )


def refund(id: str, *lines: RefundLine) -> NewRefund:
    ref = ExternalRef(connection="cart", id=id)
    order = ExternalRef(connection="cart", id="o1")
    told = Refund(ref=ref, order=order, occurred_at=PLACED, lines=lines)
    return NewRefund(("cart", "o1", str(ref)), b"", told.model_dump(mode="json"))


def parts_of(draw: st.DrawFn, order: Order) -> tuple[list[NewRefund], NewRefund]:
    """Refunds of one line each, in any order, and all of them in one."""
    parts: list[RefundLine] = []
    for line in order.lines:
        given_back = draw(st.integers(0, line.amount))
        first = draw(st.integers(0, given_back))
        parts += [RefundLine(id=line.id, amount=n) for n in (first, given_back - first)]
    sums: Counter[str] = Counter()
    for part in parts:
        sums[part.id] += part.amount
    whole = [RefundLine(id=id, amount=yen) for id, yen in sums.items()]
    mixed = draw(st.permutations(parts))
    return [refund(f"r{n}", part) for n, part in enumerate(mixed)], refund("all", *whole)


@settings(deadline=None)
@given(orders(), programs(), st.randoms(use_true_random=False))
def test_a_result_never_depends_on_the_order_of_lines(
    order: Order, program: Program, random: Any
) -> None:
    mixed = list(order.lines)
    random.shuffle(mixed)
    other = order.model_copy(update={"lines": tuple(mixed)})
    assert evaluate_order(other, program, FACTS) == evaluate_order(order, program, FACTS)


@settings(deadline=None)
@given(st.data(), orders(), programs())
def test_refunds_in_parts_come_to_what_one_refund_of_all_of_them_does(
    data: st.DataObject, order: Order, program: Program
) -> None:
    parts, whole = data.draw(st.composite(lambda draw: parts_of(draw, order))())
    in_parts = evaluate_order(effective(order, parts), program, FACTS)
    assert in_parts == evaluate_order(effective(order, [whole]), program, FACTS)


@settings(deadline=None)
@given(st.data(), orders(), programs(campaigns=False))
def test_each_part_of_a_refund_takes_points_back_and_all_of_them_leave_none(
    data: st.DataObject, order: Order, program: Program
) -> None:
    """Of a sale paid in yen: yen paid in points move to the lines that are left."""
    rules = program.model_copy(update={"earn": program.earn.model_copy(update={"per": "order"})})
    in_yen = order.model_copy(update={"points_used": 0, "points_value": 0})
    back = data.draw(
        st.permutations([RefundLine(id=one.id, amount=one.amount) for one in in_yen.lines])
    )
    parts = [refund(f"r{n}", part) for n, part in enumerate(back)]
    earned = [
        evaluate_order(effective(in_yen, parts[:n]), rules, FACTS).earned
        for n in range(len(parts) + 1)
    ]
    assert earned == sorted(earned, reverse=True)
    assert earned[-1] == 0


@settings(deadline=None)
@given(orders(), programs(), st.integers(1, 300))
def test_doubling_what_campaigns_may_add_never_lowers_points(
    order: Order, program: Program, percent: int
) -> None:
    less, more = (
        evaluate_order(
            order, program.model_copy(update={"campaign_cap_percent": percent * times}), FACTS
        )
        for times in (1, 2)
    )
    assert less.earned <= more.earned


@given(st.integers(1, 500), st.lists(st.integers(0, 100), max_size=20))
def test_doubling_a_budget_never_lowers_what_anybody_gets(limit: int, wanted: list[int]) -> None:
    assert all(
        less <= more
        for less, more in zip(_claimed(limit, wanted), _claimed(2 * limit, wanted), strict=True)
    )


def _claimed(limit: int, wanted: list[int]) -> list[int]:
    quota, marks = Quota(limit, 0), []
    for points in wanted:
        quota, mark = claim(quota, 0, points)
        marks.append(mark)
    return marks


@given(
    st.integers(0, 50_000), st.integers(0, 50_000), st.integers(1, 900), st.sampled_from([1, 50])
)
def test_doubling_the_most_points_that_may_pay_never_lowers_them(
    spendable: int, yen: int, most: int, percent: int
) -> None:
    less = Redeem(unit=10, minimum=50, maximum_points=most, maximum_percent=percent)
    more = Redeem(unit=10, minimum=50, maximum_points=2 * most, maximum_percent=2 * percent)
    assert less.most(spendable, yen) <= more.most(spendable, yen)


@settings(deadline=None)
@given(orders(), programs(), st.none() | st.integers(0, 300))
def test_every_point_has_its_reason_and_every_rule_that_gave_none_says_why(
    order: Order, program: Program, percent: int | None
) -> None:
    rules = program.model_copy(update={"campaign_cap_percent": percent})
    result = evaluate_order(order, rules, FACTS)
    said = [int(reason.rpartition(": ")[2]) for reason in result.reasons[: len(result.parts)]]
    assert said == [part.points for part in result.parts]
    assert sum(said) == result.earned
    given_by, gave_none = _spoken(result)
    campaigns = {one.name for one in rules.campaigns}
    assert campaigns | {"earn"} | {one.name for one in rules.earn.rates} <= given_by | gave_none
    assert not campaigns & given_by & gave_none
    excluded = {one.why.split(":")[0] for one in result.refused if one.rule == "exclusion"}
    silent = {line.id for line in order.lines if not line.earns or line.sku == "C"}
    assert excluded == {f"line {id}" for id in silent}


def _spoken(result: Evaluation) -> tuple[set[str], set[str]]:
    return {part.rule for part in result.parts}, {one.rule for one in result.refused}


@settings(deadline=None)
@given(orders(), programs())
def test_a_cancelled_sale_keeps_nothing_and_says_why(order: Order, program: Program) -> None:
    gone = order.model_copy(update={"state": OrderState.CANCELLED})
    result = evaluate_order(gone, program, FACTS)
    assert (result.earned, result.redeemed, len(result.reasons)) == (0, 0, 1)
