"""Waiting, for tests of things that other processes do."""

import threading
import time
from collections.abc import Callable

import pytest


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait until a condition holds; it may raise OSError while it does not."""

    def wait(condition: Callable[[], object], within: float = 20.0) -> None:
        end, pause = time.monotonic() + within, threading.Event()
        while not _holds(condition):
            assert time.monotonic() < end, f"still not so after {within} s"
            pause.wait(0.01)

    return wait


def _holds(condition: Callable[[], object]) -> bool:
    try:
        return bool(condition())
    except OSError:
        return False
