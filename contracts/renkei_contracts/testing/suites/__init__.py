"""The suites, one file each; importing this package registers their checks."""

from renkei_contracts.testing.suites import manifest as manifest
from renkei_contracts.testing.suites import twin as twin
from renkei_contracts.testing.suites import webhooks as webhooks
from renkei_contracts.testing.suites import webhooks_keys as webhooks_keys
from renkei_contracts.testing.suites import webhooks_reading as webhooks_reading
