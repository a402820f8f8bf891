"""Tryton's point of sale for Renkei: finished sales, by polling over JSON-RPC."""

from renkei_tryton.plugin import register_vendor

__version__ = "0.1.0"

__all__ = ["__version__", "register_vendor"]
