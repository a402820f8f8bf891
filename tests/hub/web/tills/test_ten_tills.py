"""Ten tills and a cart live through the same stories with the hub and with the reference ledger."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from till_choices import QUICK
from till_machine import machine_in

pytestmark = pytest.mark.usefixtures("steady_stories")

LONG = settings(QUICK, phases=[Phase.generate, Phase.shrink], stateful_step_count=60)


def test_every_answer_is_the_reference_ledgers_whatever_gets_lost(
    server: Any, tmp_path: Path
) -> None:
    with machine_in(server, tmp_path) as machine:
        run_state_machine_as_test(machine, settings=QUICK)


def test_a_register_shows_no_more_points_by_their_days_than_can_be_spent(
    server: Any, tmp_path: Path
) -> None:
    with machine_in(server, tmp_path) as machine:
        story = machine()
        story.void(which=0, online=False, fate="heard")
        story.days_offline(
            till="t1", who=0, shares=[1], time=timedelta(days=1), spent=False, fate="heard"
        )
        story.teardown()


def test_what_is_owed_beside_a_hold_that_has_lapsed_is_paid_from_it(
    server: Any, tmp_path: Path
) -> None:
    with machine_in(server, tmp_path) as machine:
        story = machine()
        past = timedelta(days=3, hours=2)
        story.days_offline(till="t0", who=0, shares=[], time=past, spent=False, fate="heard")
        story.void(which=0, online=False, fate="heard")
        story.report(which=0, fate="heard")
        story.wait(time=timedelta(days=1))
        story.teardown()


@pytest.mark.proof
def test_every_answer_is_the_reference_ledgers_in_many_stories(server: Any, tmp_path: Path) -> None:
    with machine_in(server, tmp_path) as machine:
        run_state_machine_as_test(machine, settings=settings(LONG, max_examples=40))


@pytest.mark.soak
def test_every_answer_is_the_reference_ledgers_for_long(server: Any, tmp_path: Path) -> None:
    long = settings(LONG, max_examples=2_000, derandomize=False)
    with machine_in(server, tmp_path) as machine:
        run_state_machine_as_test(machine, settings=long)
