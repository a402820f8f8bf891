"""Wiring: the Vendor object and the hook that announces it."""

from collections.abc import Callable

from renkei_contracts.hookspecs import hookimpl
from renkei_contracts.stage import StageContext, TillStage
from renkei_contracts.vendor import Vendor
from renkei_tryton.check import TrytonCheck
from renkei_tryton.settings import TrytonSettings
from renkei_tryton.sync import TrytonOrders


def _twin(context: StageContext) -> TillStage:
    # Imported here: the twin needs a web server, which a hub without demo does not run.
    from renkei_tryton.twin import TrytonTwin

    return TrytonTwin(context)


def _peer(context: StageContext) -> TillStage:
    # Imported here: installing and running Tryton is nothing a hub does.
    from renkei_tryton.stage import TrytonStage

    return TrytonStage(context)


VENDOR = Vendor(
    name="tryton",
    title="Tryton",
    settings=TrytonSettings,
    orders=TrytonOrders,
    check=TrytonCheck,
    twin=_twin,
    peer=_peer,
)


@hookimpl
def register_vendor(register: Callable[[Vendor], None]) -> None:
    """Announce Tryton."""
    register(VENDOR)
