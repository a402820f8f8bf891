"""The contract suites: what every plugin must do, chosen by what it says it can.

In a plugin's own tests::

    from renkei_contracts.testing import contract_tests
    from renkei_acme.plugin import VENDOR

    test_contract = contract_tests(VENDOR)

Each check is one test, ``test_contract[webhooks: an unsigned delivery is refused]``. None can be
overridden; ``quality.toml`` in the plugin's package may exempt one, with a reason.
"""

from renkei_contracts.testing import suites as suites
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import CHECKS, Check, CheckFailed, NotApplicable, Suite, must
from renkei_contracts.testing.running import Outcome, checks_for, run_check, run_checks
from renkei_contracts.testing.tests import contract_tests

__all__ = [
    "CHECKS",
    "Bench",
    "Check",
    "CheckFailed",
    "NotApplicable",
    "Outcome",
    "Suite",
    "checks_for",
    "contract_tests",
    "must",
    "run_check",
    "run_checks",
]
