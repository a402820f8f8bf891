"""The reference till, asking the hub and spending its own copy, passes every suite."""

from renkei_contracts.reference.till.plugin import COPY_VENDOR, VENDOR
from renkei_contracts.testing import contract_tests

test_asking = contract_tests(VENDOR)
test_copying = contract_tests(COPY_VENDOR)
