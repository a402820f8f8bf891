"""The machine is worth something only if it finds what is broken on purpose."""

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from ledger_faults import FAULTS, Fault
from ledger_machine import LedgerMachine
from machine_choices import QUICK

from renkei.errors import LedgerFault

pytestmark = pytest.mark.usefixtures("steady_stories")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_machine_finds(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    search = settings(QUICK, phases=[Phase.generate], max_examples=400)
    with pytest.raises((AssertionError, LookupError, LedgerFault)):
        run_state_machine_as_test(LedgerMachine, settings=search)
