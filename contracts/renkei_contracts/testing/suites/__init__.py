"""The suites, one file each; importing this package registers their checks."""

from renkei_contracts.testing.suites import balances as balances
from renkei_contracts.testing.suites import connection_check as connection_check
from renkei_contracts.testing.suites import coupons as coupons
from renkei_contracts.testing.suites import facts as facts
from renkei_contracts.testing.suites import faults as faults
from renkei_contracts.testing.suites import install as install
from renkei_contracts.testing.suites import manifest as manifest
from renkei_contracts.testing.suites import member_creation as member_creation
from renkei_contracts.testing.suites import members as members
from renkei_contracts.testing.suites import members_paging as members_paging
from renkei_contracts.testing.suites import messages as messages
from renkei_contracts.testing.suites import orders as orders
from renkei_contracts.testing.suites import orders_history as orders_history
from renkei_contracts.testing.suites import orders_money as orders_money
from renkei_contracts.testing.suites import orders_paging as orders_paging
from renkei_contracts.testing.suites import privacy as privacy
from renkei_contracts.testing.suites import products as products
from renkei_contracts.testing.suites import stock as stock
from renkei_contracts.testing.suites import storefront as storefront
from renkei_contracts.testing.suites import till as till
from renkei_contracts.testing.suites import till_answers as till_answers
from renkei_contracts.testing.suites import twin as twin
from renkei_contracts.testing.suites import webhooks as webhooks
from renkei_contracts.testing.suites import webhooks_keys as webhooks_keys
from renkei_contracts.testing.suites import webhooks_naming as webhooks_naming
from renkei_contracts.testing.suites import webhooks_reading as webhooks_reading
