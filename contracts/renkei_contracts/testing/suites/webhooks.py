"""Deliveries: what is accepted, what is refused, and what is told apart."""

from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import Suite, must
from renkei_contracts.testing.shop import sale

suite = Suite("webhooks", "webhooks")


async def sample(bench: Bench) -> list[Delivery]:
    """What the vendor sends for one sale."""
    sent = await bench.deliveries(lambda: sale(bench.twin))
    must(bool(sent), "the twin must send a delivery for a sale when the vendor has webhooks")
    return sent


def accepts(bench: Bench, delivery: Delivery, **settings: object) -> bool:
    """Whether the plugin takes the delivery for genuine."""
    try:
        bench.webhooks(bench.settings(**settings)).verify(delivery, bench.clock())
    except SignatureInvalid:
        return False
    return True


@suite.check()
async def a_delivery_of_the_vendor_is_accepted(bench: Bench) -> None:
    """The way of every sale."""
    for delivery in await sample(bench):
        must(
            accepts(bench, delivery),
            "verify() must accept what the vendor signs: compare over the raw body as it came",
        )
