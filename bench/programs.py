"""What rules cost: CPU of this process, no database. An order of 20 lines, 30 campaigns."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bench.ground import Ground
from renkei.loyalty.basket import gross_of
from renkei.loyalty.condition import ConditionInvalid, Names, check, compiled, judge
from renkei.loyalty.context import Facts, MemberFacts, line_values, order_values
from renkei.loyalty.earn import evaluate_order
from renkei.loyalty.program import Program
from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import LineItem, Order, OrderState

LINES, CAMPAIGNS, TIMES = 20, 30, 200

SOLD = datetime(2026, 11, 10, 3, tzinfo=UTC)

ORDER = Order(
    ref=ExternalRef(connection="cart", id="o1"),
    changed_at=SOLD,
    placed_at=SOLD,
    state=OrderState.PAID,
    lines=tuple(
        LineItem(
            id=f"{n:02}",
            sku=f"SKU-{n}",
            title="緑茶",
            quantity=n,
            amount=1_100 * n,
            tax_rate=800 if n % 2 else 1000,
        )
        for n in range(1, LINES + 1)
    ),
    location="shibuya",
)
FACTS = Facts(
    member=MemberFacts(tier="gold"),
    company="default",
    classes={f"SKU-{n}": ("tea", "food") for n in range(1, LINES + 1, 2)},
    stated={"rain": True},
)

ORDER_CONDITIONS = (
    "order.total >= 1000 && order.channel == 'cart'",
    "today.day in [10, 20, 30]",
    "member.tier == 'gold' && 'tea' in order.classes",
    "facts['rain'] && order.store == 'shibuya'",
    "member.birthday_today || today.weekday == 2",
)
LINE_CONDITIONS = (
    "'tea' in line.classes && line.amount >= 1000",
    "line.tax_rate == 800",
    "line.sku in ['SKU-1', 'SKU-2', 'SKU-3']",
    "line.quantity > 2 && order.total > 10",
    "line.title.startsWith('緑')",
)
"""All of them are true for some lines, and those of orders for this one."""

TEN = "[1,2,3,4,5,6,7,8,9,0]"
HOSTILE = (
    "(" * 900 + "true" + ")" * 900,
    "!" * 1_990 + "true",
    "'" + "a" * 1_980 + "' == member.tier",
    "'" + "a" * 1_000_000 + "' == ''",
    f"{TEN}.all(x, " * 50 + "true" + ")" * 50,
    "['aaaaaaaaaaaaaaaa']" + ".map(x, x + x)" * 25 + "[0] == ''",
    "member.tier.matches('" + "(a*)*" * 300 + "$')",
    f"[{','.join('1' * 900)}].all(x, x in [{','.join('1' * 60)}])",
    " || ".join(f"{TEN}.exists(x, {n} in {TEN})" for n in range(11, 55)),
    "order.total in [" + ",".join("9" * 900) + "]",
    " + ".join(["1"] * 450) + " < 0",
)


def _program(*, of_lines: bool) -> Program:
    campaigns: list[dict[str, Any]] = [
        {"name": f"c{n}", "percent": 110 + n, "when": ORDER_CONDITIONS[n % 5]}
        for n in range(CAMPAIGNS)
    ]
    for n, campaign in enumerate(campaigns):
        campaign |= {"lines": LINE_CONDITIONS[n % 5]} if of_lines else {}
    return Program.model_validate({"campaigns": campaigns})


def _cpu_ms(act: Callable[[], object], times: int) -> float:
    """Milliseconds of this process's CPU for one time."""
    act()
    started = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - started) * 1000 / times


async def order_conditions(ground: Ground) -> float:
    """Evaluating the order against campaigns with conditions over the order, in ms of CPU."""
    program = _program(of_lines=False)
    return _cpu_ms(lambda: evaluate_order(ORDER, program, FACTS), TIMES)


async def line_conditions(ground: Ground) -> float:
    """The same with conditions over each line besides."""
    program = _program(of_lines=True)
    return _cpu_ms(lambda: evaluate_order(ORDER, program, FACTS), TIMES // 4)


async def engine(ground: Ground) -> float:
    """The engine alone: the same expressions, compiled, as often and on the same values."""
    order = order_values(ORDER, FACTS, Program().clock, gross_of(ORDER.lines))
    lines = [order | line_values(one, FACTS) for one in ORDER.lines]
    work = [
        (compiled(text, scope), values)
        for scope, texts, every in (
            ("order", ORDER_CONDITIONS, [Names("order", order).activation()]),
            ("line", LINE_CONDITIONS, [Names("line", one).activation() for one in lines]),
        )
        for text in texts * (CAMPAIGNS // len(texts))
        for values in every
    ]

    def evaluate() -> None:
        for expression, values in work:
            expression.eval(activation=values)

    return _cpu_ms(evaluate, TIMES // 4)


async def hostile(ground: Ground) -> float:
    """The worst of hostile conditions, checked and, if that succeeds, evaluated, in ms of CPU."""
    values = order_values(ORDER, FACTS, Program().clock, gross_of(ORDER.lines))
    activation = Names("order", values).activation()
    return max(_cpu_ms_once(text, activation) for text in HOSTILE)


def _cpu_ms_once(text: str, activation: Any) -> float:
    started = time.process_time()
    try:
        check(text, "order")
        judge(text, "order", activation)
    except ConditionInvalid:
        pass
    return (time.process_time() - started) * 1000
