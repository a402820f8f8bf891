"""Wiring: the Vendor object and the hook that announces it."""

from collections.abc import Callable

from renkei_contracts.hookspecs import hookimpl
from renkei_contracts.stage import CartStage, StageContext
from renkei_contracts.vendor import Vendor
from renkei_shopify.check import ShopifyCheck
from renkei_shopify.coupons import ShopifyCoupons
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.stock import ShopifyStock
from renkei_shopify.storefront import ShopifyStorefront
from renkei_shopify.sync import ShopifyBalances, ShopifyMembers, ShopifyOrders
from renkei_shopify.webhooks import ShopifyWebhooks


def _twin(context: StageContext) -> CartStage:
    # Imported here: the twin needs a web framework, the plugin must run without one.
    from renkei_shopify.twin import ShopifyTwin

    return ShopifyTwin(context)


VENDOR = Vendor(
    name="shopify",
    title="Shopify",
    settings=ShopifySettings,
    webhooks=ShopifyWebhooks,
    orders=ShopifyOrders,
    members=ShopifyMembers,
    balances=ShopifyBalances,
    stock=ShopifyStock,
    coupons=ShopifyCoupons,
    check=ShopifyCheck,
    storefront=ShopifyStorefront,
    twin=_twin,
)


@hookimpl
def register_vendor(register: Callable[[Vendor], None]) -> None:
    """Announce Shopify."""
    register(VENDOR)
