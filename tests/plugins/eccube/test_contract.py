"""The contract suites on the twin."""

from renkei_contracts.testing import contract_tests
from renkei_eccube.plugin import VENDOR

test_contract = contract_tests(VENDOR)
