"""The connection check: token, store, currency, scopes and webhook subscriptions."""

from collections.abc import Iterator, Sequence

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import AuthenticationFailed
from renkei_contracts.toolkit.wire import parse
from renkei_shopify import topics
from renkei_shopify.client import ShopifyClient
from renkei_shopify.documents import CONNECTION_CHECK
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.wire_graphql import ConnectionCheck

SCOPES = ("read_orders", "read_customers", "write_customers", "read_locations")


class ShopifyCheck:
    """Whether the store is ours, sells in yen, and lets us do what we must."""

    def __init__(self, connection: Connection[ShopifySettings]) -> None:
        self._shop = connection.settings.shop
        self._client = ShopifyClient(connection)

    async def check(self) -> Sequence[CheckFinding]:
        """One call; a refused token is itself a finding."""
        try:
            data = await self._client.run(CONNECTION_CHECK, {})
        except AuthenticationFailed as error:
            return [CheckFinding(str(error), blocks=True)]
        found = parse(ConnectionCheck, data, "connection check")
        return [*self._store(found), *_scopes(found), *_subscriptions(found)]

    def _store(self, found: ConnectionCheck) -> Iterator[CheckFinding]:
        if found.shop.currency_code != "JPY":
            text = f"the store sells in {found.shop.currency_code}: only JPY is supported"
            yield CheckFinding(text, blocks=True)
        if found.shop.myshopify_domain != self._shop:
            text = f"the token belongs to {found.shop.myshopify_domain}, not to {self._shop}"
            yield CheckFinding(text, blocks=True)


def _scopes(found: ConnectionCheck) -> Iterator[CheckFinding]:
    granted = {scope.handle for scope in found.current_app_installation.access_scopes}
    # Shopify lists a write scope alone, though it allows reading as well.
    granted |= {handle.replace("write_", "read_", 1) for handle in granted}
    missing = [scope for scope in SCOPES if scope not in granted]
    if missing:
        yield CheckFinding(f"access scopes are missing: {', '.join(missing)}", blocks=True)
    if "read_all_orders" not in granted:
        text = "without the scope read_all_orders only the orders of the last 60 days are readable"
        yield CheckFinding(text, blocks=False)


def _subscriptions(found: ConnectionCheck) -> Iterator[CheckFinding]:
    present = {one.topic for one in found.webhook_subscriptions.nodes}
    missing = [topic for topic in topics.NEEDED if topic not in present]
    if missing:
        # Shopify does not list what an app subscribes to in its own shopify.app.toml.
        yield CheckFinding(
            f"no webhook subscription of this store for {', '.join(missing)}: subscribe, unless "
            "shopify.app.toml does; until then changes are seen by polling only",
            blocks=False,
        )
