"""Vendure for Renkei: orders, customers and a points field, by webhook and Admin API."""

from renkei_vendure.plugin import register_vendor

__version__ = "0.1.0"

__all__ = ["__version__", "register_vendor"]
