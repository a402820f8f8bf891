"""Smaregi (スマレジ) for Renkei: sales, members and their points, over the platform API."""

from renkei_smaregi.plugin import register_vendor

__version__ = "0.1.0"

__all__ = ["__version__", "register_vendor"]
