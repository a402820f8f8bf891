"""Shopify for Renkei: orders, customers and a points metafield, by webhook and Admin GraphQL."""

from renkei_shopify.plugin import register_vendor

__version__ = "0.1.0"

__all__ = ["__version__", "register_vendor"]
