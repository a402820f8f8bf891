"""What a program makes settlement load: nothing that its rules do not speak of."""

from typing import Any

import pytest

from renkei.loyalty.program import DEFAULT, Program
from renkei.loyalty.terms import NEVER_EARN

KEEPS_ALL = {"keep": list(NEVER_EARN)}


def program(**parts: Any) -> Program:
    return Program.model_validate(parts)


def campaign(**fields: Any) -> dict[str, Any]:
    return {"earn": KEEPS_ALL, "campaigns": [{"name": "c", "percent": 200} | fields]}


def test_the_plain_program_needs_products_for_its_default_exclusions_only() -> None:
    assert DEFAULT.asks_for_products
    assert not DEFAULT.asks_for_places
    assert not program(earn=KEEPS_ALL).asks_for_products


@pytest.mark.parametrize(
    ("parts", "places", "products"),
    [
        (campaign(when="order.total > 1"), False, False),
        (campaign(when="today.hour == 1"), True, False),
        (campaign(when="member.birthday_today"), True, False),
        (campaign(when="facts['rain']"), True, False),
        (campaign(when="'tea' in order.classes"), False, True),
        (campaign(lines="line.jan == ''"), False, True),
        (campaign(lines="'tea' in line.classes"), False, True),
        ({"earn": KEEPS_ALL | {"excluded": ["sale"]}}, False, True),
        (
            {"earn": KEEPS_ALL | {"rates": [
                {"name": "r", "when": "today.day == 1", "points": 1, "per_yen": 1}
            ]}},
            True,
            False,
        ),
    ],
)  # fmt: skip
def test_conditions_say_what_is_needed(parts: dict[str, Any], places: bool, products: bool) -> None:
    asked = program(**parts)
    assert (asked.asks_for_places, asked.asks_for_products) == (places, products)
