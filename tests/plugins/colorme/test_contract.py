"""The contract suites on the twin."""

from renkei_colorme.plugin import VENDOR
from renkei_contracts.testing import contract_tests

test_contract = contract_tests(VENDOR)
