"""Wiring: the Vendor object and the hook that announces it."""

from collections.abc import Callable

from renkei_contracts.hookspecs import hookimpl
from renkei_contracts.stage import CartStage, StageContext
from renkei_contracts.vendor import Vendor
from renkei_eccube.catalog import EccubeProducts, EccubeStock
from renkei_eccube.check import EccubeCheck
from renkei_eccube.install import EccubeInstall
from renkei_eccube.settings import EccubeSettings
from renkei_eccube.sync import EccubeBalances, EccubeMembers, EccubeOrders
from renkei_eccube.webhooks import EccubeWebhooks


def _twin(context: StageContext) -> CartStage:
    # Imported here: the twin's server and schema are nothing a hub needs.
    from renkei_eccube.twin import EccubeTwin

    return EccubeTwin(context)


VENDOR = Vendor(
    name="eccube",
    title="EC-CUBE 4",
    settings=EccubeSettings,
    webhooks=EccubeWebhooks,
    orders=EccubeOrders,
    members=EccubeMembers,
    balances=EccubeBalances,
    stock=EccubeStock,
    products=EccubeProducts,
    install=EccubeInstall,
    check=EccubeCheck,
    twin=_twin,
)


@hookimpl
def register_vendor(register: Callable[[Vendor], None]) -> None:
    """Announce EC-CUBE."""
    register(VENDOR)
