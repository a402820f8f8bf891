"""Conditions are checked when saved; one that cannot be decided does not apply and says why."""

import re
from pathlib import Path

import pytest

from renkei.loyalty.condition import ConditionInvalid, Names, Scope, Verdict, check, judge
from renkei.loyalty.context import LINE_NAMES, ORDER_NAMES, Facts, line_values, order_values
from renkei.loyalty.program import DEFAULT, Program
from renkei_contracts.order import Order

ORDER = {
    "ref": {"connection": "cart", "id": "o1"},
    "changed_at": "2026-11-10T03:00:00Z",
    "placed_at": "2026-11-10T03:00:00Z",
    "state": "paid",
    "lines": [{"id": "1", "quantity": 2, "amount": 1100, "tax_rate": 1000, "sku": "A"}],
}


def asked(text: str, scope: Scope = "order", **stated: bool) -> Verdict:
    order = Order.model_validate(ORDER)
    facts = Facts(stated=stated, classes={"A": ("tea",)})
    values = order_values(order, facts, DEFAULT.clock, 1100)
    if scope == "line":
        values |= line_values(order.lines[0], facts)
    return judge(text, scope, Names(scope, values).activation())


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "order.total >= 1000 && order.channel == 'cart'",
        "today.day in [10, 20, 30]",
        "'tea' in order.classes",
        "!member.known",
        "order.store == ''",
        'facts["rain"]',
    ],
)
def test_what_is_true_applies(text: str) -> None:
    check(text, "order")
    assert asked(text, rain=True) == Verdict(True)


def test_a_line_may_speak_of_itself_and_its_order() -> None:
    text = "line.amount > 1000 && 'tea' in line.classes && order.quantity == 2"
    check(text, "line")
    assert asked(text, "line") == Verdict(True)
    with pytest.raises(ConditionInvalid, match=r"line\.amount"):
        check(text, "order")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("order.total >", "1:14: Syntax error"),
        ("order.totl > 1", "1:6: undeclared reference to 'order.totl'"),
        ("order.total == 'a'", "1:13: found no matching overload"),
        ("order.total + 1", "not a yes or no"),
        ("today.day == 1\n  && foo", "2:6"),
    ],
)
def test_what_is_no_condition_is_refused_with_line_and_column(text: str, where: str) -> None:
    with pytest.raises(ConditionInvalid) as refusal:
        check(text, "order")
    assert where in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('facts["snow"]', "snow"),
        ("order.total / (order.quantity - 2) > 1", "divide by zero"),
        ("order.total * 9223372036854775807 > 1", "overflow"),
        ("member.tier.matches('(')", "missing )"),
    ],
)
def test_what_cannot_be_decided_does_not_apply_and_says_why(text: str, why: str) -> None:
    check(text, "order")
    verdict = asked(text, rain=True)
    assert not verdict.applies
    assert why in (verdict.fault or "")


NESTED = "[1,2,3,4,5,6,7,8,9,0].all(x{0}, "


@pytest.mark.parametrize(
    "text",
    [
        "(" * 500 + "true" + ")" * 500,
        "'" + "a" * 200_000 + "' == ''",
        "".join(NESTED.format(n) for n in range(9)) + "true" + ")" * 9,
        "member.tier.matches('(a+)+$') && '" + "a" * 1500 + "b'.matches('(a+)+$')",
        " + ".join(["1"] * 900) + " < 0",
    ],
    ids=["nesting", "a huge string", "nested loops", "a regex bomb", "a long sum"],
)
def test_hostile_expressions_end_in_a_refusal_or_do_not_apply(text: str) -> None:
    assert not applies(text)


def applies(text: str) -> bool:
    try:
        check(text, "order")
    except ConditionInvalid:
        return False
    return asked(text).applies


def test_a_program_with_a_bad_condition_cannot_be_read() -> None:
    campaign = {"name": "x", "when": "order.totl > 1", "percent": 200}
    with pytest.raises(ValueError, match=r"campaigns\.0\.when[\s\S]*order\.totl"):
        Program.model_validate({"campaigns": [campaign]})


def test_the_documents_list_every_name_with_its_meaning() -> None:
    page = (Path(__file__).parents[3] / "docs" / "programs.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.+) \|$", page, re.MULTILINE))
    known = {name: one.meaning for name, one in {**ORDER_NAMES, **LINE_NAMES}.items()}
    assert {name: text.replace("`", "") for name, text in rows.items()} == known
