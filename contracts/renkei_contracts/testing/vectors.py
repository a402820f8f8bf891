"""Changed copies of a delivery, derived from what the vendor really sends."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

from pydantic import ValidationError

from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.stage import Shopper
from renkei_contracts.testing import bodies
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import must, succeeds
from renkei_contracts.testing.shop import Buyer, enrolled, sale

PATH = "(address)"
"""In the place of a header's name: the secret last part of the address."""

NUMBERS = count(1)
"""Of people who are only to be somebody else than those before."""

HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")

ODD_TEXTS = ("", "é", "署名", "\ud800", "\x00", "-1", "1e9", "９９", "nan", "=", "A" * 100_000)
"""What a stranger may put into a header."""


async def business(bench: Bench, buyer: Buyer | None = None) -> None:
    """A sale (to Hanako, who registers first); where nothing is sold, somebody registers."""
    if bench.twin.kind == "service" and "register" in bench.twin.can:
        number = next(NUMBERS)
        await bench.twin.register(Shopper(f"n{number}@example.jp", "佐藤", f"{number}号"))
    else:
        await sale(bench.twin, buyer)


async def sample(bench: Bench, buyer: Buyer | None = None) -> list[Delivery]:
    """What the vendor sends for a little business."""
    sent = await bench.deliveries(lambda: business(bench, buyer))
    told = "the twin must send a delivery for a sale (where it sells nothing: for a registration)"
    must(bool(sent), f"{told} when the vendor has webhooks")
    return sent


def accepts(bench: Bench, delivery: Delivery, **settings: object) -> bool:
    """Whether the plugin takes the delivery for genuine, now and with these settings changed."""
    hooks = bench.webhooks(bench.settings(**settings))
    with succeeds("verify() must raise nothing but SignatureInvalid"):
        try:
            hooks.verify(delivery, bench.clock())
        except SignatureInvalid:
            return False
    return True


def value_of(delivery: Delivery, place: str) -> str:
    """What is in a header, or in the address."""
    return delivery.path_secret if place == PATH else delivery.header(place) or ""


def changed(delivery: Delivery, place: str, value: str | None) -> Delivery:
    """The delivery with another value in a header or the address; None: without it."""
    if place == PATH:
        return replace(delivery, path_secret=value or "")
    headers = [(key, old) for key, old in delivery.headers if key.lower() != place.lower()]
    added = [] if value is None else [(place, value)]
    return replace(delivery, headers=(*headers, *added))


def proofs(bench: Bench, delivery: Delivery) -> list[str]:
    """The headers (and the address) without which the plugin refuses this delivery."""
    places = [*dict.fromkeys(key for key, _ in delivery.headers), PATH]
    found = [place for place in places if not accepts(bench, changed(delivery, place, None))]
    must(bool(found), "verify() must refuse a delivery that proves nothing: raise SignatureInvalid")
    return found


def unsigned(bench: Bench, delivery: Delivery) -> Delivery:
    """The delivery without anything that proves it."""
    for place in proofs(bench, delivery):
        delivery = changed(delivery, place, None)
    return delivery


def secrets_of(bench: Bench) -> dict[str, str]:
    """Secret settings that are a text, by name."""
    given = bench.settings()
    return {name: str(given[name]) for name in sorted(bench.secrets()) if given.get(name)}


def valid(bench: Bench, **settings: object) -> bool:
    """Whether a connection may have these settings."""
    try:
        bench.connection(bench.settings(**settings))
    except ValidationError:
        return False
    return True


def proving(bench: Bench, delivery: Delivery) -> dict[str, str]:
    """The secret settings under which alone the delivery is accepted."""
    found = {
        name: value
        for name, value in secrets_of(bench).items()
        for others in [[one for one in strangers(value) if valid(bench, **{name: one})]]
        if not all(accepts(bench, delivery, **{name: one}) for one in others)
    }
    must(bool(found), "verify() must depend on a secret of the connection's settings")
    return found


def strangers(secret: str) -> Sequence[str]:
    """Secrets of somebody else: a long one, a short one, a number, and some of the same form."""
    return ("another-secret-5e1f0c-7a44-91d2", "x", "0", secret[::-1], other_first(secret))


def likenesses(secret: str) -> Sequence[str]:
    """What is nearly the secret: a part of it, more of it, and in another case."""
    half = len(secret) // 2
    parts = (secret[:-1], secret[1:], secret[:half], secret[half:], secret[:1])
    more = (f"{secret}x", f"x{secret}", secret * 2)
    # The digits of a hexadecimal number mean the same in either case.
    case = () if HEXADECIMAL.fullmatch(secret) else (secret.swapcase(), secret.upper())
    found = dict.fromkeys((*parts, *more, *case))
    return [one for one in found if one and one != secret]


def other_first(text: str) -> str:
    """The text with another first character."""
    return ("B" if text[:1] == "A" else "A") + text[1:]


def other_case(text: str) -> Sequence[str]:
    """The text with its last letter in the other case; none of hexadecimal digits or of numbers.

    Whatever is before a ``=`` may be the name of a scheme, and is left alone.
    """
    if HEXADECIMAL.fullmatch(text.rpartition("=")[2]):
        return ()
    for place in reversed(range(len(text))):
        if text[place].isalpha():
            return (text[:place] + text[place].swapcase() + text[place + 1 :],)
    return ()


def with_body(delivery: Delivery, body: bytes) -> Delivery:
    """The delivery with another body."""
    return replace(delivery, body=body)


def mutations(
    delivery: Delivery, new: object, depth: int = bodies.DEEP
) -> Iterator[tuple[str, Delivery]]:
    """The delivery with what stands under each name of its body in turn become ``new``, and where.

    A body is JSON, a form or XML; there are none of one that nobody can take apart.
    """
    for place, body in bodies.spoilt(delivery.body, new, depth):
        yield place, with_body(delivery, body)


async def many(bench: Bench) -> Sequence[Delivery]:
    """What the vendor sends for somebody who registers and buys twice."""

    async def act() -> None:
        buyer = await enrolled(bench.twin)
        await business(bench, buyer)
        await business(bench, buyer)

    return await bench.deliveries(act)
