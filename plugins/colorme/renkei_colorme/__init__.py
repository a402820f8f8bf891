"""Color Me Shop for Renkei: orders and members by poll, points by difference, coupons."""

from renkei_colorme.plugin import register_vendor

__version__ = "0.1.0"

__all__ = ["__version__", "register_vendor"]
