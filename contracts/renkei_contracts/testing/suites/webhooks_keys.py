"""Deliveries: how they are told apart."""

from renkei_contracts.delivery import Delivery
from renkei_contracts.stage import Mischief
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import NotApplicable, must
from renkei_contracts.testing.shop import enrolled, sale
from renkei_contracts.testing.suites.webhooks import suite
from renkei_contracts.testing.vectors import changed, many, sample, with_body

LONGEST_KEY = 200


def _keyed(bench: Bench, sent: list[Delivery]) -> list[str]:
    keys = [bench.webhooks().key(delivery) for delivery in sent]
    found = [key for key in keys if key is not None]
    if not found:
        raise NotApplicable("deliveries are bare hints without an identity")
    return found


@suite.check()
async def a_delivery_sent_twice_has_one_key(bench: Bench) -> None:
    """What makes a repeat harmless."""
    buyer = await enrolled(bench.twin)
    twice = Mischief(times=2)
    sent = await bench.deliveries(lambda: sale(bench.twin, buyer, mischief=twice))
    half = len(sent) // 2
    first, again = _keyed(bench, sent[:half]), _keyed(bench, sent[half:])
    told = "key() must be the same for every try of one delivery: use what the vendor repeats"
    must(first == again, told)


@suite.check()
async def two_different_deliveries_never_share_a_key(bench: Bench) -> None:
    """A key that is the object's id would swallow its next change."""
    # A vendor that sends the state at delivery may say the same thing twice: that is no difference.
    sent = list({delivery.body: delivery for delivery in await many(bench)}.values())
    keys = _keyed(bench, sent)
    told = "key() must differ for two deliveries: use their own identity, not the object's"
    must(len(set(keys)) == len(keys), told)


@suite.check()
async def a_key_made_of_the_body_is_made_of_all_of_it(bench: Bench) -> None:
    """A duplicate with one byte changed is another delivery."""
    for delivery in await sample(bench):
        bare = delivery
        for name, _ in delivery.headers:
            bare = changed(bare, name, None)
        key = bench.webhooks().key(bare)
        if key is None or key == bench.webhooks().key(with_body(bare, b"{}")):
            raise NotApplicable("the key is not made of the body")
        for place in range(0, len(delivery.body), 7):
            flipped = bytearray(delivery.body)
            flipped[place] ^= 1
            told = "key() must be a digest of the whole body, so that another byte is another key"
            must(bench.webhooks().key(with_body(bare, bytes(flipped))) != key, told)


@suite.check()
async def a_key_is_a_short_text(bench: Bench) -> None:
    """It is stored and compared."""
    for key in _keyed(bench, await sample(bench)):
        told = f"key() must be 1 to {LONGEST_KEY} printable characters: a digest where it is longer"
        must(0 < len(key) <= LONGEST_KEY and key.isprintable(), told)
