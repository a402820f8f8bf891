"""Payloads spoilt by throws of dice, the same each time: for a plugin's own fuzz tests.

Each must be refused by name (PayloadInvalid), or read as what it was::

    dice = seeded(7)
    for path, body in thrown(order, dice, 5_000):
        seen = read(encoded(body, dice))
        assert seen is None or owed(seen) == owed(right), path
"""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

from renkei_contracts.testing.bodies import REMOVED, Path, places_in, with_value

ODD: tuple[object, ...] = (REMOVED, None, True, False, [], {}, [None], {"id": None}, 1.5, -1, 0)
HUGE = (10**12, 10**18, 10**30, -(10**30), 1e308, float("inf"), float("nan"))
TEXTS = (
    "",
    " ",
    "1e999999999",
    "9" * 400,
    "-1",
    "0x10",
    "１２３",
    "\x00",
    "\ud800",
    "NaN",
    "1,080",
)
ENCODINGS = ("shift_jis", "utf-16", "utf-8-sig", "euc_jp")

TWICE = 0.3
"""How often two values are changed at once."""

SELDOM = 0.05
"""How often a body is in another encoding, and how often it is cut off."""


def seeded(seed: int) -> random.Random:
    """Dice that throw the same each time."""
    return random.Random(seed)  # noqa: S311 - nothing secret is drawn


def thrown(
    body: Any, dice: random.Random, count: int, also: Sequence[object] = ()
) -> Iterator[tuple[Path, Any]]:
    """So many times the JSON value with one or two of its values gone or another, and where.

    ``also`` are values to put in beside those that spoil any payload.
    """
    places, values = list(places_in(body)), (*ODD, *also, *HUGE, *TEXTS)
    for _ in range(count):
        path = dice.choice(places)
        changed = with_value(body, path, dice.choice(values))
        if changed and dice.random() < TWICE:
            more = dice.choice(list(places_in(changed)))
            changed = with_value(changed, more, dice.choice(values))
        yield path, changed


def encoded(body: Any, dice: random.Random) -> bytes:
    """As bytes, now and then in another encoding or cut off."""
    text = json.dumps(body, ensure_ascii=dice.random() < 0.8)
    if dice.random() < SELDOM:
        return text.encode(dice.choice(ENCODINGS), "replace")
    raw = text.encode("utf-8", "surrogatepass")
    return raw[: dice.randrange(len(raw))] if dice.random() < SELDOM else raw
