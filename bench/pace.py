"""What comes at moments of its own, whether or not what came before it has been answered."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


async def spread(
    things: Sequence[T], seconds: float, act: Callable[[T, float], Coroutine[Any, Any, None]]
) -> None:
    """Act upon each, evenly spread over so many seconds; ``act`` is told when it was due."""
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for place, thing in enumerate(things):
            due = begun + place * seconds / len(things)
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            group.create_task(act(thing, due))
