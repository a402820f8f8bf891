"""The machine of tills is worth something only if it finds what is broken on purpose."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from till_choices import QUICK
from till_faults import FAULTS, Fault, a_receipt_told_twice_is_two_sales
from till_machine import machine_in

pytestmark = pytest.mark.usefixtures("steady_stories")


def must_find(fault: Fault, server: Any, folder: Path, patch: pytest.MonkeyPatch) -> None:
    search = settings(QUICK, max_examples=60)
    with machine_in(server, folder) as machine:
        fault(patch)
        with pytest.raises(AssertionError):
            run_state_machine_as_test(machine, settings=search)


def test_the_machine_finds_a_sale_that_earns_twice(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    must_find(a_receipt_told_twice_is_two_sales, server, tmp_path, monkeypatch)


@pytest.mark.proof
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_machine_of_tills_finds(
    fault: Fault, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    must_find(fault, server, tmp_path, monkeypatch)
