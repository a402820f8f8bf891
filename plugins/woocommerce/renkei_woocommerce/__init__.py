"""WooCommerce for Renkei: orders, customers, points and coupons, by webhook and REST API v3."""

from renkei_woocommerce.plugin import register_vendor

__version__ = "0.1.0"

__all__ = ["__version__", "register_vendor"]
