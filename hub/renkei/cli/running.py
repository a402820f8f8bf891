"""Running the asynchronous part of a command on the fastest loop there is."""

import asyncio
import gc
import importlib.util
import os
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from renkei.cli.screen import errors

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


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """While the block runs, SIGTERM and SIGINT end the process at once.

    For its start: nothing has been taken yet that would have to be finished, and a thread that
    waits for a database, or for another process that upgrades it, hears of no signal. In another
    thread than the main one signals are not ours to take.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGINT)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end, number)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        signal.signal(signal.SIGINT, before)


def _end(number: int) -> None:
    errors.show_cursor()  # which a spinner has hidden
    os._exit(128 + number)
