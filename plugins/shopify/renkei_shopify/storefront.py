"""Requests of shoppers' browsers that the store's app proxy passes on, signed (documentation)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from urllib.parse import parse_qsl

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.ids import ExternalRef
from renkei_contracts.toolkit.signature import filled, require_hmac_hex, require_recent
from renkei_shopify.settings import ShopifySettings

TOLERANCE = timedelta(seconds=90)
"""How far the time of a request may be from now (official SDK)."""

SIGNATURE, SHOP, SHOPPER, TIME = "signature", "shop", "logged_in_customer_id", "timestamp"


class ShopifyStorefront:
    """Whoever is signed in to the store, as the app proxy says."""

    def __init__(self, connection: Connection[ShopifySettings]) -> None:
        self._id = connection.id
        self._settings = connection.settings

    def shopper(self, delivery: Delivery, now: datetime) -> ExternalRef | None:
        """The customer; every parameter is signed, and none of the proxy's own may come twice."""
        asked = _asked(delivery.query)
        own = self._settings
        keys = filled(own.client_secret, own.old_client_secret)
        given = _only(asked, SIGNATURE)
        rest = [one for one in asked if one[0] != SIGNATURE]
        require_hmac_hex(given, keys, signed_text(rest))
        require_recent(_only(asked, TIME), now, TOLERANCE)
        if _only(asked, SHOP) != own.shop:
            raise SignatureInvalid("the request is from another shop than this connection's")
        return self._ref(_only(asked, SHOPPER))

    def _ref(self, customer: str) -> ExternalRef | None:
        if not customer:
            return None
        if not (customer.isascii() and customer.isdigit() and len(customer) <= 20):
            raise SignatureInvalid("the request names a customer that is none")
        return ExternalRef(connection=self._id, id=customer)


def signed_text(asked: Iterable[tuple[str, str]]) -> bytes:
    """What the proxy signs: ``name=value``, several values joined by commas, in order of names."""
    named = groupby(sorted(asked, key=lambda one: one[0]), key=lambda one: one[0])
    parts = (f"{name}={','.join(value for _, value in values)}" for name, values in named)
    return "".join(parts).encode()


def _asked(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=50, errors="strict")
    except ValueError:
        problem = SignatureInvalid("the request's parameters cannot be read")
    raise problem


def _only(asked: Iterable[tuple[str, str]], name: str) -> str:
    found = [value for key, value in asked if key == name]
    if len(found) != 1:
        raise SignatureInvalid(f"the request has {len(found)} parameters {name}, and not one")
    return found[0]
