"""Wiring: the Vendor object and the hook that announces it."""

from collections.abc import Callable

from renkei_contracts.hookspecs import hookimpl
from renkei_contracts.stage import CartStage, StageContext
from renkei_contracts.vendor import Vendor
from renkei_woocommerce.catalog import WooCommerceCoupons, WooCommerceProducts, WooCommerceStock
from renkei_woocommerce.check import WooCommerceCheck
from renkei_woocommerce.settings import WooCommerceSettings
from renkei_woocommerce.sync import WooCommerceBalances, WooCommerceMembers, WooCommerceOrders
from renkei_woocommerce.webhooks import WooCommerceWebhooks


def _twin(context: StageContext) -> CartStage:
    # Imported here: the twin needs a web framework, the plugin must run without one.
    from renkei_woocommerce.twin import WooCommerceTwin

    return WooCommerceTwin(context)


VENDOR = Vendor(
    name="woocommerce",
    title="WooCommerce",
    settings=WooCommerceSettings,
    webhooks=WooCommerceWebhooks,
    orders=WooCommerceOrders,
    members=WooCommerceMembers,
    balances=WooCommerceBalances,
    stock=WooCommerceStock,
    products=WooCommerceProducts,
    coupons=WooCommerceCoupons,
    check=WooCommerceCheck,
    twin=_twin,
)


@hookimpl
def register_vendor(register: Callable[[Vendor], None]) -> None:
    """Announce WooCommerce."""
    register(VENDOR)
