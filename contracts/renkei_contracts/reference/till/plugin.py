"""Wiring: the Vendor objects. A plugin of a real vendor has one, and a hook that announces it."""

from renkei_contracts.reference.till.check import TillCheck
from renkei_contracts.reference.till.settings import TillSettings
from renkei_contracts.reference.till.sync import (
    TillBalances,
    TillMemberCreation,
    TillMembers,
    TillOrders,
)
from renkei_contracts.reference.till.till import TillFormat
from renkei_contracts.reference.till.webhooks import TillWebhooks
from renkei_contracts.stage import StageContext, TillStage
from renkei_contracts.vendor import Vendor


def vendor(name: str, *, asks_hub: bool) -> Vendor:
    """The vendor with registers that ask the hub before they spend, or spend their own copy."""

    def twin(context: StageContext) -> TillStage:
        # Imported here: the twin needs a web framework, the plugin must run without one.
        from renkei_contracts.reference.till.twin import ReferenceTill

        return ReferenceTill(context, asks_hub=asks_hub)

    return Vendor(
        name=name,
        title="Reference till",
        settings=TillSettings,
        webhooks=TillWebhooks,
        orders=TillOrders,
        members=TillMembers,
        member_creation=TillMemberCreation,
        balances=TillBalances,
        till=TillFormat,
        check=TillCheck,
        twin=twin,
    )


VENDOR = vendor("reference-till", asks_hub=True)

COPY_VENDOR = vendor("reference-till-copy", asks_hub=False)
