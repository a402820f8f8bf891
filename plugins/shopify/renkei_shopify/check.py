"""The connection check: token, store, currency, scopes and webhook subscriptions.

Shopify removes a subscription after eight failed deliveries in a row and tells nobody
(documentation). The check makes those again that are missing; what was missed meanwhile, the next
poll reads.
"""

from collections.abc import Iterator, Sequence

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import AuthenticationFailed, Rejected
from renkei_contracts.toolkit.wire import parse
from renkei_shopify import topics
from renkei_shopify.client import ShopifyClient
from renkei_shopify.documents import CONNECTION_CHECK, SUBSCRIBE
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.wire_graphql import ConnectionCheck, Subscribed

SCOPES = ("read_orders", "read_customers", "write_customers", "read_locations")

MERGE_SCOPE = "read_customer_merge"

WISHED = {
    "read_all_orders": "only the orders of the last 60 days are readable",
    "write_discounts": "no points can be used at checkout: no discount code can be made",
    "write_inventory": "stock is neither read nor set",
    MERGE_SCOPE: "merged customers are noticed only when somebody looks",
}
"""Scopes one can do without, and what is missing then."""


class ShopifyCheck:
    """Whether the store is ours, sells in yen, and lets us do what we must; mends subscriptions."""

    def __init__(self, connection: Connection[ShopifySettings]) -> None:
        self._shop = connection.settings.shop
        self._url = connection.settings.delivery_url
        self._client = ShopifyClient(connection)

    async def check(self) -> Sequence[CheckFinding]:
        """A refused token is itself a finding."""
        try:
            data = await self._client.run(CONNECTION_CHECK, {})
        except AuthenticationFailed as error:
            return [CheckFinding(str(error), blocks=True)]
        found = parse(ConnectionCheck, data, "connection check")
        rest = await self._subscriptions(found)
        return [*self._store(found), *_scopes(found), *rest]

    def _store(self, found: ConnectionCheck) -> Iterator[CheckFinding]:
        if found.shop.currency_code != "JPY":
            text = f"the store sells in {found.shop.currency_code}: only JPY is supported"
            yield CheckFinding(text, blocks=True)
        if found.shop.myshopify_domain != self._shop:
            text = f"the token belongs to {found.shop.myshopify_domain}, not to {self._shop}"
            yield CheckFinding(text, blocks=True)

    async def _subscriptions(self, found: ConnectionCheck) -> Sequence[CheckFinding]:
        """What is missing is made where we know our address; another app's are none of ours."""
        nodes = found.webhook_subscriptions.nodes
        present = {one.topic for one in nodes if self._url in ("", one.uri)}
        wanted = (*topics.NEEDED, *([topics.MERGES] if MERGE_SCOPE in _granted(found) else []))
        missing = [topic for topic in wanted if topic not in present]
        if not missing or found.shop.myshopify_domain != self._shop:
            return []
        return [await self._make(topic) for topic in missing] if self._url else [_lacking(missing)]

    async def _make(self, topic: str) -> CheckFinding:
        given = {"topic": topic, "subscription": {"uri": self._url, "format": "JSON"}}
        try:
            data = await self._client.run(SUBSCRIBE, given, writes=True)
        except (AuthenticationFailed, Rejected) as error:
            return CheckFinding(f"the subscription {topic} cannot be made: {error}", blocks=False)
        done = parse(Subscribed, data.get("webhookSubscriptionCreate"), "subscription")
        if done.user_errors:
            why = "; ".join(one.message for one in done.user_errors)
            return CheckFinding(f"the subscription {topic} cannot be made: {why}", blocks=False)
        return CheckFinding(f"the subscription {topic} was missing: it is made", blocks=False)


def _granted(found: ConnectionCheck) -> set[str]:
    handles = {scope.handle for scope in found.current_app_installation.access_scopes}
    # Shopify lists a write scope alone, though it allows reading as well.
    return handles | {handle.replace("write_", "read_", 1) for handle in handles}


def _scopes(found: ConnectionCheck) -> Iterator[CheckFinding]:
    granted = _granted(found)
    missing = [scope for scope in SCOPES if scope not in granted]
    if missing:
        yield CheckFinding(f"access scopes are missing: {', '.join(missing)}", blocks=True)
    for scope, lacks in WISHED.items():
        if scope not in granted:
            yield CheckFinding(f"without the scope {scope} {lacks}", blocks=False)


def _lacking(missing: Sequence[str]) -> CheckFinding:
    # Shopify does not list what an app subscribes to in its own shopify.app.toml.
    return CheckFinding(
        f"no webhook subscription of this store for {', '.join(missing)}: set delivery_url, so "
        "that the check makes them, unless shopify.app.toml subscribes; until then changes are "
        "seen by polling only",
        blocks=False,
    )
