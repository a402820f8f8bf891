"""Thirty tills without network for three days, and together again: nothing is spent twice."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from days_scene import on_time, some_too_late
from offline_days import RULES, Size
from till_stage import Stage, stage_on


@pytest.fixture
async def stage(server: Any, tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub whose program lets points be used offline."""
    async with stage_on(server, tmp_path, RULES) as opened:
        yield opened


async def test_three_days_offline_overspend_nothing_and_need_no_person(stage: Stage) -> None:
    sys.stdout.write(
        await on_time(stage, Size(tills=30, receipts=25, members=40, prepared=3)) + "\n"
    )


async def test_what_is_reported_after_the_grace_is_owed_and_a_person_is_told(
    stage: Stage,
) -> None:
    await some_too_late(stage, Size(tills=6, receipts=30, members=10, prepared=4), late=2)


@pytest.mark.soak
async def test_three_days_offline_of_a_busy_shop(stage: Stage) -> None:
    sys.stdout.write(
        await on_time(stage, Size(tills=30, receipts=1_500, members=1_500, prepared=40)) + "\n"
    )
