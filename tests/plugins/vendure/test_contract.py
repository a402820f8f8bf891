"""The contract suites on Vendure's twin."""

from renkei_contracts.testing import contract_tests
from renkei_vendure.plugin import VENDOR

test_contract = contract_tests(VENDOR)
