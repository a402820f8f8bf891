"""EC-CUBE 4 for Renkei: thin webhooks, the Web API plugin's GraphQL, and a companion for points."""

from renkei_eccube.plugin import register_vendor

__version__ = "0.1.0"

__all__ = ["__version__", "register_vendor"]
