"""Wiring: the Vendor object and the hook that announces it."""

from collections.abc import Callable

from renkei_contracts.hookspecs import hookimpl
from renkei_contracts.stage import StageContext, Staged
from renkei_contracts.vendor import Vendor
from renkei_openmeteo.check import OpenMeteoCheck
from renkei_openmeteo.facts import OpenMeteoFacts
from renkei_openmeteo.settings import OpenMeteoSettings


def _twin(context: StageContext) -> Staged:
    # Imported here: the twin needs a web framework, the plugin must run without one.
    from renkei_openmeteo.twin import OpenMeteoTwin

    return OpenMeteoTwin(context)


VENDOR = Vendor(
    name="openmeteo",
    title="Open-Meteo",
    settings=OpenMeteoSettings,
    facts=OpenMeteoFacts,
    check=OpenMeteoCheck,
    twin=_twin,
)


@hookimpl
def register_vendor(register: Callable[[Vendor], None]) -> None:
    """Announce Open-Meteo."""
    register(VENDOR)
