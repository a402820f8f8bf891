"""Waiting, with a deadline, until every channel shows what it must."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

LOOK_EVERY = 0.02  # seconds
Look = Callable[[], Awaitable[int | None]]


@dataclass(frozen=True)
class Seen:
    """What one channel showed at the end, and after how many milliseconds it was right."""

    shown: int | None
    ms: int | None


async def watch(look: Look, expected: int, deadline: float) -> Seen:
    """Look until ``expected`` is shown or ``deadline`` seconds are over."""
    began = time.monotonic()
    while True:
        shown = await look()
        passed = time.monotonic() - began
        if shown == expected:
            return Seen(shown, round(passed * 1000))
        if passed > deadline:
            return Seen(shown, None)
        await asyncio.sleep(LOOK_EVERY)


async def watch_all(looks: dict[str, Look], expected: int, deadline: float) -> dict[str, Seen]:
    """Watch several channels at the same time."""
    seen = await asyncio.gather(*(watch(look, expected, deadline) for look in looks.values()))
    return dict(zip(looks, seen, strict=True))
