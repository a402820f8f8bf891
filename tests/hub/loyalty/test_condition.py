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
    ("text", "fault"),
    [
        ('facts["snow"]', '1:8: Key not found in map : "snow"'),
        ("order.pickup ||\n  facts.snow", '2:9: Key not found in map : "snow"'),
        ("order.total / (order.quantity - 2) > 1", "1:13: divide by zero"),
        ("order.total % (order.quantity - 2) > 1", "1:13: modulus by zero"),
        ("order.total * 9223372036854775807 > 1", "1:13: integer overflow"),
        ("order.classes[1] == 'tea'", "1:14: Index error: index=1 size=1"),
        ("int(order.channel) > 1", "1:1: cannot convert string to int"),
        ("'/' == '' || 6 / (order.quantity - 2) > 1", "1:16: divide by zero"),
        ("1 / order.total > 1 || 1 / (order.quantity - 2) > 1", "1:3 or 1:26: divide by zero"),
    ],
)
def test_what_cannot_be_decided_does_not_apply_and_says_where_and_why(
    text: str, fault: str
) -> None:
    check(text, "order")
    assert asked(text, rain=True) == Verdict(False, fault)


def test_a_loop_that_runs_away_is_stopped_by_the_engine_and_says_where() -> None:
    text = "member.known || order.jans.all(jan, jan != '')"
    check(text, "order")
    endless = {"order.jans": ["4901234567894"] * 20_000, "member.known": False}
    verdict = judge(text, "order", Names("order", endless).activation())
    assert verdict == Verdict(False, "1:27: Iteration budget exceeded")


TEN = "[1,2,3,4,5,6,7,8,9,0]"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("(" * 500 + "true" + ")" * 500, "1:17: more than 16 brackets"),
        ("[" * 500 + "]" * 500 + " == []", "1:17: more than 16 brackets"),
        ("'" + "a" * 200_000 + "' == ''", "1:2001: a condition has at most 2000 characters"),
        (f"{TEN}.all(x, " * 9 + "true" + ")" * 9, "1:51: a loop within a loop"),
        (f"order.jans.exists(x,\n {TEN}.all(y, x != ''))", "2:23: a loop within a loop"),
        ("r'\\' == '' || [1].all(x, [1].all(y, true))", "1:29: a loop within a loop"),
        ("member.tier.matches('(a+)+$')", "1:20: undeclared reference to 'matches'"),
        ("['a'].map(x, x + x)[0] == ''", "1:11: undeclared reference to 'x'"),
        ("order.jans.filter(x, x in order.jans) == []", "undeclared reference to 'x'"),
        (" + ".join(["1"] * 400) + " < 0", "1:1: Exceeded max recursion depth"),
        ("[[1]]" + "[0]" * 400 + " == 1", "1:1: Exceeded max recursion depth"),
    ],
    ids=lambda text: text[:24],
)
def test_what_could_cost_without_bound_is_refused_before_it_runs(text: str, why: str) -> None:
    with pytest.raises(ConditionInvalid) as refusal:
        check(text, "order")
    assert why in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "((((true))))",
        "order.classes.exists(c, c == 'tea') && order.tenders.all(t, t != 'cash')",
        "'.all(x, [1].all(' == '' || true // [1].all(x, [1].all(y, true))",
        "'''it's''' != \"\" && \"\\\"(((((((((((((((((((((\" != ''",
        " || ".join([f"order.total == {n}" for n in range(90)] + ["true"]),
    ],
)
def test_what_a_person_writes_stays_within_the_limits(text: str) -> None:
    check(text, "order")
    assert asked(text) == Verdict(True)


def test_a_program_with_a_bad_condition_cannot_be_read() -> None:
    campaign = {"name": "x", "when": "order.totl > 1", "percent": 200}
    with pytest.raises(ValueError, match=r"campaigns\.0\.when[\s\S]*order\.totl"):
        Program.model_validate({"campaigns": [campaign]})


def test_the_documents_list_every_name_with_its_meaning() -> None:
    page = (Path(__file__).parents[3] / "docs" / "programs.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.+) \|$", page, re.MULTILINE))
    known = {name: one.meaning for name, one in {**ORDER_NAMES, **LINE_NAMES}.items()}
    assert {name: text.replace("`", "") for name, text in rows.items()} == known
