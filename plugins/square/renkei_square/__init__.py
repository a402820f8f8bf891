"""Square for Renkei: sales, customers and loyalty points, over the Square API."""

from renkei_square.plugin import register_vendor

__version__ = "0.1.0"

__all__ = ["__version__", "register_vendor"]
