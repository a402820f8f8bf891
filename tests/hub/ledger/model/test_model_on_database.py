"""The machine again, with every command also booked in a real database."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from database_hub import on_a_database
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from ledger_machine import LedgerMachine
from machine_choices import QUICK
from reference_points import Refunded, State
from side_by_side import CART, MEMBERS, SETTLES_FROM, SHOP, START, SideBySide

pytestmark = pytest.mark.usefixtures("steady_stories")


def machine_on(server: Any) -> type[LedgerMachine]:
    """The machine whose hub also writes to a fresh database of this server."""

    class OnDatabase(LedgerMachine):
        def __init__(self) -> None:
            super().__init__()
            self.stack = ExitStack()
            opened = on_a_database(server, START, SETTLES_FROM, MEMBERS, (CART, SHOP))
            self.both = SideBySide(hub=self.stack.enter_context(opened))

        def teardown(self) -> None:
            with self.stack:
                super().teardown()
                self.both.hub.check_at_the_end()

    return OnDatabase


def test_a_refund_of_a_sale_at_a_till_is_booked(server: Any) -> None:
    with on_a_database(server, START, SETTLES_FROM, MEMBERS, (CART, SHOP)) as hub:
        both = SideBySide(hub=hub)
        state = State(both.now + timedelta(microseconds=1), both.now, 900, 0)
        both.commit(1, 1, state, MEMBERS[0], None, occurred=True)
        both.refund(SHOP, 1, "r", Refunded(both.now, 200, 0, whole=False))
        both.check()
        hub.check_at_the_end()


def test_a_copy_told_again_is_answered_with_what_is_known_of_its_original(server: Any) -> None:
    with on_a_database(server, START, SETTLES_FROM, MEMBERS, (CART, SHOP)) as hub:
        both = SideBySide(hub=hub)
        state = State(both.now - timedelta(hours=1), both.now - timedelta(days=2), 900, 0)
        both.order(0, state, MEMBERS[0])
        both.order(1, replace(state, same=(CART, "o0")), MEMBERS[0])
        both.order(1, replace(state, clock=both.now, yen=500), MEMBERS[1])
        hub.check_at_the_end()


def test_what_is_decided_in_memory_is_what_the_database_keeps(server: Any) -> None:
    few = settings(QUICK, max_examples=8, phases=[Phase.generate])
    run_state_machine_as_test(machine_on(server), settings=few)


@pytest.mark.soak
def test_what_is_decided_in_memory_is_what_the_database_keeps_for_long(server: Any) -> None:
    long = settings(QUICK, max_examples=1_000, stateful_step_count=60, derandomize=False)
    run_state_machine_as_test(machine_on(server), settings=long)
