"""Calling a plugin: with a deadline, and whatever its code raises ends as one of our errors."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from renkei_contracts.errors import OutcomeUnknown, RenkeiError, Unavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")

CALL_SECONDS = 12.0
"""The deadline of one call, above a plugin's own time-outs; two fit well into a lease."""


class PluginFailed(RenkeiError):
    """A plugin's own code raised something it must not: a bug of the plugin."""


async def call(
    what: str, awaitable: Awaitable[T], *, writes: bool = False, seconds: float = CALL_SECONDS
) -> T:
    """What the plugin answers; ``what`` names the call in errors, without anybody's data.

    A write that was cut off may have been done: OutcomeUnknown.
    """
    try:
        async with asyncio.timeout(seconds):
            return await awaitable
    except RenkeiError:
        raise
    except TimeoutError as error:
        unsure = OutcomeUnknown if writes else Unavailable
        raise unsure(f"{what}: no answer after {seconds:g} s") from error
    except Exception as error:
        raise _failed(what, error) from error


def ask(what: str, think: Callable[[], T]) -> T:
    """The same for what a plugin only thinks."""
    try:
        return think()
    except RenkeiError:
        raise
    except Exception as error:
        raise _failed(what, error) from error


def _failed(what: str, error: Exception) -> PluginFailed:
    """Its text stays out, as it may hold anybody's data."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    log.warning("plugin_failed", what=what, error=type(error).__name__, at=f"{at.name}:{at.lineno}")
    return PluginFailed(f"{what}: the plugin's own code failed ({type(error).__name__}); update it")
