"""What the connection check finds, and which settings are none."""

from typing import Any

import pytest
from pydantic import ValidationError

from renkei_contracts.testing import Bench
from renkei_square.check import SquareCheck
from renkei_square.settings import SquareSettings
from renkei_square.twin import SquareTwin

KNOWN: dict[str, Any] = {"merchant_id": "M1", "location_ids": ["L1"], "access_token": "token"}


async def found(bench: Bench, **changed: object) -> list[tuple[str, bool]]:
    check = SquareCheck(bench.connection(bench.settings(**changed)))
    return [(one.text, one.blocks) for one in await check.check()]


async def test_a_seller_who_is_set_up_well_is_let_through(bench: Bench) -> None:
    assert await found(bench) == []


async def test_without_key_or_address_changes_are_only_polled(bench: Bench) -> None:
    for lacking in ({"signature_key": ""}, {"notification_url": ""}):
        ((text, blocks),) = await found(bench, **lacking)
        assert "polling" in text
        assert not blocks


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("status", "INACTIVE", "active"),
        ("merchant_id", "ANOTHER", "another seller"),
        ("currency", "USD", "yen"),
        ("id", "LELSE", "not one of"),
    ],
)
async def test_a_location_that_is_not_the_sellers_blocks(
    bench: Bench, stage: SquareTwin, field: str, value: str, word: str
) -> None:
    stage.twin.books.locations[0][field] = value
    text, blocks = (await found(bench))[0]
    assert word in text
    assert blocks


async def test_a_location_whose_sales_are_not_read_is_told(bench: Bench, stage: SquareTwin) -> None:
    locations = stage.twin.books.locations
    locations.append({**locations[0], "id": "LMORE"})
    assert await found(bench) == [("the sales of location LMORE are not read", False)]


@pytest.mark.parametrize("points", ["rewards", "discount", "none"])
async def test_a_program_that_grants_points_blocks_however_they_are_spent(
    bench: Bench, stage: SquareTwin, points: str
) -> None:
    rules = stage.twin.books.program["accrual_rules"]
    ((text, blocks),) = await found(bench, points=points, never_sold=[])
    assert "ITEM_VARIATION" in text
    assert blocks
    rules[0] = {"accrual_type": "VISIT", "points": 1, "visit_data": _visits()}
    ((text, blocks),) = await found(bench, points=points)
    assert "VISIT" in text
    assert blocks


def _visits() -> dict[str, Any]:
    return {"tax_mode": "BEFORE_TAX"}


async def test_promotions_and_expiry_block(bench: Bench, stage: SquareTwin) -> None:
    stage.twin.books.program["expiration_policy"] = {"expiration_duration": "P1Y"}
    incentive = {"type": "POINTS_ADDITION", "points_addition_data": {"points_addition": 3}}
    times = {"time_periods": ["BEGIN:VEVENT"]}
    promotion = {"name": "春", "incentive": incentive, "available_time": times}
    stage.twin.books.promotions.append({**promotion, "status": "ENDED"})
    assert [blocks for _, blocks in await found(bench)] == [True]
    stage.twin.books.promotions[0]["status"] = "SCHEDULED"
    assert [blocks for _, blocks in await found(bench)] == [True, True]


async def test_without_a_program_only_its_own_points_cannot_be_shown(
    bench: Bench, stage: SquareTwin
) -> None:
    stage.twin.books.program.clear()
    ((text, blocks),) = await found(bench)
    assert "no loyalty program" in text
    assert blocks
    assert await found(bench, points="discount") == []


@pytest.mark.parametrize(
    "changed",
    [
        {"access_token": ""},
        {"access_token": "", "client_id": "c", "client_secret": "s"},
        {"location_ids": []},
        {"location_ids": [f"L{number}" for number in range(11)]},
        {"points": "all"},
        {"api_url": "https://elsewhere.example"},
        {"api_version": "latest"},
    ],
)
def test_settings_that_cannot_work_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SquareSettings.model_validate({**KNOWN, **changed})


def test_square_is_called_at_its_own_address() -> None:
    live = SquareSettings.model_validate(KNOWN)
    assert live.address("/v2/orders") == "https://connect.squareup.com/v2/orders"
    sandbox = SquareSettings.model_validate({**KNOWN, "sandbox": True})
    assert sandbox.address("/v2") == "https://connect.squareupsandbox.com/v2"
