"""The hub's ledger and the reference ledger live through the same story and agree."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from ledger_machine import LedgerMachine
from machine_choices import QUICK

pytestmark = pytest.mark.usefixtures("steady_stories")


def test_the_ledger_does_what_the_reference_does() -> None:
    run_state_machine_as_test(LedgerMachine, settings=QUICK)


@pytest.mark.soak
def test_the_ledger_does_what_the_reference_does_for_long() -> None:
    long = settings(QUICK, max_examples=20_000, stateful_step_count=60, derandomize=False)
    run_state_machine_as_test(LedgerMachine, settings=long)
