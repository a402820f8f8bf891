"""The checks as tests of pytest."""

import asyncio
from collections.abc import Callable

from renkei_contracts.testing.checks import Check
from renkei_contracts.testing.quality import exemptions
from renkei_contracts.testing.running import checks_for, run_check
from renkei_contracts.vendor import Vendor


def contract_tests(vendor: Vendor) -> Callable[[Check], None]:
    """One parametrized test with a case for each check that the vendor's capabilities choose.

    An exempt check is an expected failure with its reason; one that does not apply is skipped.
    """
    # Imported here: `renkei check` runs the same checks where pytest is not installed.
    import pytest

    exempt = exemptions(vendor)

    @pytest.mark.parametrize("check", checks_for(vendor), ids=lambda check: check.id)
    def test_contract(check: Check) -> None:
        outcome = asyncio.run(run_check(vendor, check, exempt.get(check.id, "")))
        if outcome.status == "not applicable":
            pytest.skip(outcome.text)
        if outcome.status == "exempt":
            pytest.xfail(outcome.text)
        if outcome.status == "failed":
            pytest.fail(f"{check.id}\n{outcome.text}", pytrace=False)

    return test_contract
