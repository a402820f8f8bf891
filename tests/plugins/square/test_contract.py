"""Square's plugin keeps the contract."""

from renkei_contracts.testing import contract_tests
from renkei_square.plugin import VENDOR

test_contract = contract_tests(VENDOR)
