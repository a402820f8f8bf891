"""The contract suites on WooCommerce's twin."""

from renkei_contracts.testing import contract_tests
from renkei_woocommerce.plugin import VENDOR

test_contract = contract_tests(VENDOR)
