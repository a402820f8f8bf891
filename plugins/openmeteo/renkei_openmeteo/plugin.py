"""Wiring: the Vendor object and the hook that announces it."""

from collections.abc import Callable

from renkei_contracts.hookspecs import hookimpl
from renkei_contracts.vendor import Vendor
from renkei_openmeteo.check import OpenMeteoCheck
from renkei_openmeteo.facts import OpenMeteoFacts
from renkei_openmeteo.settings import OpenMeteoSettings

VENDOR = Vendor(
    name="openmeteo",
    title="Open-Meteo",
    settings=OpenMeteoSettings,
    facts=OpenMeteoFacts,
    check=OpenMeteoCheck,
)


@hookimpl
def register_vendor(register: Callable[[Vendor], None]) -> None:
    """Announce Open-Meteo."""
    register(VENDOR)
