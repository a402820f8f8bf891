"""Orders that are restated again and again, as deliveries: a story told by its seed. Pure."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState
from told_cart import signed

CART, SECRET = "cart", "the-flow-signs-with-this"
TICK = timedelta(seconds=1)
STATES = 4
"""How often each order is told of."""

ORDERS_OF_ONE = 12
MOST_SENT = 20


@dataclass(frozen=True)
class Told:
    """A delivery as the cart sends it."""

    headers: dict[str, str]
    body: bytes


def deliveries(count: int, began: datetime, seed: int = 1) -> list[Told]:
    """About so many, each once and in the order in which it happened."""
    chance = random.Random(seed)  # noqa: S311 - a story, no secret
    orders = max(1, count * ORDERS_OF_ONE // (1 + STATES * ORDERS_OF_ONE))
    members = -(-orders // ORDERS_OF_ONE)
    told = [member_told(n, began) for n in range(members)]
    for tick in range(STATES):
        for number in range(orders):
            order = _order(number, number % members, tick, began, chance)
            told.append(_told(f"o{number}.{tick}", "order", order.model_dump_json()))
    return told


def disorder(told: list[Told], seed: int = 2) -> Iterator[Told]:
    """Each 1 to 20 times, in random order."""
    chance = random.Random(seed)  # noqa: S311 - a story, no secret
    sent = [n for n in range(len(told)) for _ in range(chance.randint(1, MOST_SENT))]
    chance.shuffle(sent)
    return (told[n] for n in sent)


def member_told(name: int | str, began: datetime) -> Told:
    """The customer of this name, with an address of their own."""
    return _told(f"m{name}", "member", _member(name, began).model_dump_json())


def _told(id: str, kind: str, document: str) -> Told:
    body = document.encode()
    return Told(signed(SECRET, id, kind, body), body)


def _member(name: int | str, began: datetime) -> Member:
    email = f"m{name}@example.jp"
    proof = Identity(kind=IdentityKind.EMAIL, value=email, grade=Grade.VERIFIED)
    return Member(ref=_ref(f"c{name}"), changed_at=began, identities=(proof,))


def _order(number: int, member: int, tick: int, began: datetime, chance: random.Random) -> Order:
    """Edited each time; of the later states some cancel it, and some take that back."""
    cancelled = tick > 1 and chance.random() < 0.3
    return Order(
        ref=_ref(f"o{number}"),
        changed_at=began + tick * TICK,
        placed_at=began,
        state=OrderState.CANCELLED if cancelled else OrderState.PAID,
        customer=_ref(f"c{member}"),
        lines=(LineItem(id="1", quantity=1, amount=chance.randint(100, 30_000), tax_rate=1000),),
    )


def _ref(id: str) -> ExternalRef:
    return ExternalRef(connection=CART, id=id)


def an_hour_ago() -> datetime:
    """When the story begins: the hub must not think that it lies in the future."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
