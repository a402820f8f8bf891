"""The reference cart: a plugin with every capability of a web cart, as small as it can be."""

from renkei_contracts.reference.cart.plugin import VENDOR

__all__ = ["VENDOR"]
