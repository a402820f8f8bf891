"""Wiring: the Vendor object and the hook that announces it."""

from collections.abc import Callable

from renkei_contracts.hookspecs import hookimpl
from renkei_contracts.stage import CartStage, StageContext
from renkei_contracts.vendor import Vendor
from renkei_vendure.check import VendureCheck
from renkei_vendure.settings import VendureSettings
from renkei_vendure.sync import VendureBalances, VendureMembers, VendureOrders
from renkei_vendure.webhooks import VendureWebhooks


def _twin(context: StageContext) -> CartStage:
    # Imported here: the twin's server and schema are nothing a hub needs.
    from renkei_vendure.twin import VendureTwin

    return VendureTwin(context)


def _peer(context: StageContext) -> CartStage:
    # Imported here: installing and running Vendure is nothing a hub does.
    from renkei_vendure.stage import VendureStage

    return VendureStage(context)


VENDOR = Vendor(
    name="vendure",
    title="Vendure",
    settings=VendureSettings,
    webhooks=VendureWebhooks,
    orders=VendureOrders,
    members=VendureMembers,
    balances=VendureBalances,
    check=VendureCheck,
    twin=_twin,
    peer=_peer,
)


@hookimpl
def register_vendor(register: Callable[[Vendor], None]) -> None:
    """Announce Vendure."""
    register(VENDOR)
