"""Running the asynchronous part of a command on the fastest loop there is."""

import asyncio
import gc
import importlib.util
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

FAST_PARTS = ("uvloop", "httptools")

OBJECTS = 20_000
"""New objects between two looks for circles: about a batch of settlements."""


def missing_fast_parts() -> list[str]:
    """Which of the compiled parts of the web server are not installed."""
    return [name for name in FAST_PARTS if importlib.util.find_spec(name) is None]


def calm_collector() -> None:
    """What is loaded by now stays, and what a batch makes is seldom part of a circle: the collector
    need not walk the first, nor look for the second every few hundred objects."""
    gc.freeze()
    gc.set_threshold(OBJECTS)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` to its end; uvloop where it is installed."""
    calm_collector()
    factory = None
    if "uvloop" not in missing_fast_parts():
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)
