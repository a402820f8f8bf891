"""Wiring: the Vendor object and the hook that announces it."""

from collections.abc import Callable

from renkei_contracts.hookspecs import hookimpl
from renkei_contracts.stage import StageContext, TillStage
from renkei_contracts.vendor import Vendor
from renkei_smaregi.check import SmaregiCheck
from renkei_smaregi.settings import SmaregiSettings
from renkei_smaregi.sync import (
    SmaregiBalances,
    SmaregiMemberCreation,
    SmaregiMembers,
    SmaregiOrders,
)
from renkei_smaregi.webhooks import SmaregiWebhooks


def _twin(context: StageContext) -> TillStage:
    # Imported here: the twin needs a web framework, the plugin must run without one.
    from renkei_smaregi.twin import SmaregiTwin

    return SmaregiTwin(context)


VENDOR = Vendor(
    name="smaregi",
    title="スマレジ",
    settings=SmaregiSettings,
    webhooks=SmaregiWebhooks,
    orders=SmaregiOrders,
    members=SmaregiMembers,
    member_creation=SmaregiMemberCreation,
    balances=SmaregiBalances,
    check=SmaregiCheck,
    twin=_twin,
)


@hookimpl
def register_vendor(register: Callable[[Vendor], None]) -> None:
    """Announce Smaregi."""
    register(VENDOR)
