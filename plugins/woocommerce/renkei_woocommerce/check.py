"""The connection check: whether the shop answers, sells in yen, and delivers to us.

WooCommerce disables a webhook at its seventh failure in a row and tells nobody (source:
class-wc-webhook.php). The check switches those on again whose address is ours, and makes those that
are missing; what was missed meanwhile, the next poll reads.
"""

from collections.abc import Iterator, Sequence

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import AuthenticationFailed, NotFound, Rejected
from renkei_contracts.toolkit.wire import parse
from renkei_woocommerce import wire
from renkei_woocommerce.client import WooCommerceClient
from renkei_woocommerce.settings import WooCommerceSettings


class WooCommerceCheck:
    """Reads how the shop is set up, and mends the webhooks that are ours."""

    def __init__(self, connection: Connection[WooCommerceSettings]) -> None:
        self._settings = connection.settings
        self._client = WooCommerceClient(connection)

    async def check(self) -> Sequence[CheckFinding]:
        """A key that is refused is itself a finding."""
        try:
            currency = await self._client.get("/data/currencies/current")
            rows = await self._client.all("/webhooks")
        except AuthenticationFailed as error:
            text = f"the shop does not let us in: {error}; check consumer_key and consumer_secret"
            return [CheckFinding(text, blocks=True)]
        except NotFound:
            text = "there is no REST API v3 at base_url: is it the shop, and are permalinks on?"
            return [CheckFinding(text, blocks=True)]
        hooks = [parse(wire.Webhook, row, "webhook") for row in rows]
        found = list(_currency(parse(wire.Currency, currency, "currency")))
        return [*found, *await self._webhooks(hooks)]

    async def _webhooks(self, hooks: Sequence[wire.Webhook]) -> Sequence[CheckFinding]:
        if not self._settings.signing_secrets():
            text = "no webhooks until webhook_secret is set here and there: changes are polled"
            return [CheckFinding(text, blocks=False)]
        url = self._settings.delivery_url
        if not url:
            return list(_unknown(hooks))
        ours = [hook for hook in hooks if hook.delivery_url == url]
        found = [*_paused(ours)]
        try:
            found += [await self._switch_on(hook) for hook in ours if hook.status == "disabled"]
            topics = {hook.topic for hook in ours}
            found += [await self._make(topic) for topic in wire.TOPICS if topic not in topics]
        except (AuthenticationFailed, Rejected) as error:
            text = f"webhooks cannot be changed ({error}): give the key Read/Write access"
            found.append(CheckFinding(text, blocks=True))
        return found

    async def _switch_on(self, hook: wire.Webhook) -> CheckFinding:
        await self._client.write("PUT", f"/webhooks/{hook.id}", {"status": "active"})
        text = (
            f"the shop had disabled its webhook {hook.topic[:40]!a} after failures: it is on again"
        )
        return CheckFinding(text, blocks=False)

    async def _make(self, topic: str) -> CheckFinding:
        body = {
            "name": f"Renkei: {topic}",
            "topic": topic,
            "delivery_url": self._settings.delivery_url,
            "secret": self._settings.webhook_secret.get_secret_value(),
        }
        await self._client.write("POST", "/webhooks", body)
        return CheckFinding(f"the webhook {topic} was missing: it is made", blocks=False)


def _currency(currency: wire.Currency) -> Iterator[CheckFinding]:
    if currency.code != "JPY":
        yield CheckFinding("the shop does not sell in JPY, which is all we know", blocks=True)


def _paused(hooks: Sequence[wire.Webhook]) -> Iterator[CheckFinding]:
    for hook in hooks:
        if hook.status == "paused":
            text = f"somebody has paused the webhook {hook.topic[:40]!a}: its changes are polled"
            yield CheckFinding(text, blocks=False)


def _unknown(hooks: Sequence[wire.Webhook]) -> Iterator[CheckFinding]:
    """Which webhooks are ours cannot be told without the address."""
    off = sorted({hook.topic for hook in hooks if hook.status == "disabled"} & set(wire.TOPICS))
    if off:
        text = f"webhooks are disabled after failures: {', '.join(off)}; switch them on, or set "
        yield CheckFinding(f"{text}delivery_url, so that the check does", blocks=False)
    missing = [topic for topic in wire.TOPICS if topic not in {hook.topic for hook in hooks}]
    if missing:
        text = f"webhooks are missing, changes are polled until then: {', '.join(missing)}"
        yield CheckFinding(text, blocks=False)
