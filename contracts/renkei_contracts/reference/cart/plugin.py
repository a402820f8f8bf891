"""Wiring: the Vendor object. A plugin of a real vendor announces it by a hook and entry point."""

from renkei_contracts.reference.cart.catalog import (
    ReferenceCoupons,
    ReferenceProducts,
    ReferenceStock,
)
from renkei_contracts.reference.cart.check import ReferenceCheck
from renkei_contracts.reference.cart.facts import ReferenceFacts
from renkei_contracts.reference.cart.install import ReferenceInstall
from renkei_contracts.reference.cart.messages import ReferenceMessages
from renkei_contracts.reference.cart.settings import ReferenceSettings
from renkei_contracts.reference.cart.sync import (
    ReferenceBalances,
    ReferenceMembers,
    ReferenceOrders,
)
from renkei_contracts.reference.cart.webhooks import ReferenceWebhooks
from renkei_contracts.stage import CartStage, StageContext
from renkei_contracts.vendor import Vendor


def _twin(context: StageContext) -> CartStage:
    # Imported here: the twin needs a web framework, the plugin must run without one.
    from renkei_contracts.reference.cart.twin import ReferenceTwin

    return ReferenceTwin(context)


VENDOR = Vendor(
    name="reference-cart",
    title="Reference cart",
    settings=ReferenceSettings,
    webhooks=ReferenceWebhooks,
    orders=ReferenceOrders,
    members=ReferenceMembers,
    balances=ReferenceBalances,
    stock=ReferenceStock,
    products=ReferenceProducts,
    coupons=ReferenceCoupons,
    install=ReferenceInstall,
    messages=ReferenceMessages,
    facts=ReferenceFacts,
    check=ReferenceCheck,
    twin=_twin,
)
