"""The reference till passes every suite; with its own copy, those that look at points."""

import asyncio

import pytest

from renkei_contracts.reference.till.plugin import COPY_VENDOR, VENDOR
from renkei_contracts.testing import Check, checks_for, contract_tests, run_check

LAG = "how long a read may lag is a time"
"""Not applicable: a read shows at once what was written."""

POINTS = [
    check
    for check in checks_for(COPY_VENDOR)
    if (check.suite == "balances" or "adjust" in check.actions) and check.name != LAG
]

test_asking = contract_tests(VENDOR)


@pytest.mark.parametrize("check", POINTS, ids=lambda check: check.id)
def test_copying(check: Check) -> None:
    outcome = asyncio.run(run_check(COPY_VENDOR, check))
    assert (outcome.status, outcome.text) == ("passed", "")
