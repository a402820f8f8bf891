"""Wiring: the Vendor object and the hook that announces it."""

from collections.abc import Callable

from renkei_contracts.hookspecs import hookimpl
from renkei_contracts.stage import StageContext, TillStage
from renkei_contracts.vendor import Vendor
from renkei_square.check import SquareCheck
from renkei_square.settings import SquareSettings
from renkei_square.sync import SquareOrders
from renkei_square.sync_members import SquareBalances, SquareMemberCreation, SquareMembers
from renkei_square.webhooks import SquareWebhooks


def _twin(context: StageContext) -> TillStage:
    # Imported here: the twin needs a web framework, the plugin must run without one.
    from renkei_square.twin import SquareTwin

    return SquareTwin(context)


VENDOR = Vendor(
    name="square",
    title="Square",
    settings=SquareSettings,
    webhooks=SquareWebhooks,
    orders=SquareOrders,
    members=SquareMembers,
    member_creation=SquareMemberCreation,
    balances=SquareBalances,
    check=SquareCheck,
    twin=_twin,
)


@hookimpl
def register_vendor(register: Callable[[Vendor], None]) -> None:
    """Announce Square."""
    register(VENDOR)
