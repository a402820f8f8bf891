"""Wiring: the Vendor object and the hook that announces it."""

from collections.abc import Callable

from renkei_colorme.check import ColormeCheck
from renkei_colorme.coupons import ColormeCoupons
from renkei_colorme.install import ColormeInstall
from renkei_colorme.settings import ColormeSettings
from renkei_colorme.sync import ColormeBalances, ColormeMembers, ColormeOrders
from renkei_contracts.hookspecs import hookimpl
from renkei_contracts.stage import CartStage, StageContext
from renkei_contracts.vendor import Vendor


def _twin(context: StageContext) -> CartStage:
    # Imported here: the twin needs a web framework, the plugin must run without one.
    from renkei_colorme.twin import ColormeTwin

    return ColormeTwin(context)


VENDOR = Vendor(
    name="colorme",
    title="カラーミーショップ",
    settings=ColormeSettings,
    orders=ColormeOrders,
    members=ColormeMembers,
    balances=ColormeBalances,
    coupons=ColormeCoupons,
    install=ColormeInstall,
    check=ColormeCheck,
    twin=_twin,
)


@hookimpl
def register_vendor(register: Callable[[Vendor], None]) -> None:
    """Announce Color Me Shop."""
    register(VENDOR)
