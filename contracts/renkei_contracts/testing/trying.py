"""A plugin at work: every operation as it goes when all is well, and while the vendor fails."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection, Token
from renkei_contracts.errors import RateLimited
from renkei_contracts.testing.bench import Bench, Exchange
from renkei_contracts.testing.bodies import json_body, places_in
from renkei_contracts.testing.checks import NotApplicable
from renkei_contracts.testing.operations import DAY, Operation, operations
from renkei_contracts.testing.shop import Buyer, enrolled, sale
from renkei_contracts.twin.faults import Fault

T = TypeVar("T")

BETWEEN = timedelta(seconds=10)
"""What passes between two failures of a vendor, so that its limit of calls is never in the way."""
WORD = re.compile("[A-Za-z_]{2,40}|[0-9]")
"""What a vendor writes for a state: a word, or one digit; no amount, time, name or address."""
PLENTY = 20
"""More calls than one operation makes."""


@dataclass(frozen=True)
class Tried:
    """What came of an operation: its result, or what it raised, and by which calls."""

    operation: Operation
    result: Any = None
    error: BaseException | None = None
    exchanges: Sequence[Exchange] = ()

    @property
    def calls(self) -> int:
        """How many calls it took."""
        return len(self.exchanges)

    def answer_keys(self) -> list[str]:
        """Every key of the JSON answers."""
        return keys_of(self.exchanges)

    @property
    def blocks(self) -> bool:
        """Whether it is a connection check that says itself what keeps us from working."""
        found = self.result if isinstance(self.result, list | tuple) else ()
        return any(isinstance(one, CheckFinding) and one.blocks for one in found)


def keys_of(exchanges: Sequence[Exchange]) -> list[str]:
    """Every key of the JSON answers to these calls."""
    found: dict[str, None] = {}
    for exchange in exchanges:
        answer = json_body(exchange.response.content) if exchange.response else None
        found.update((str(path[-1]), None) for path in places_in(answer))
    return list(found)


def words_of(exchanges: Sequence[Exchange]) -> list[str]:
    """The keys of the JSON answers to these calls under which words stand, such as states."""
    found: dict[str, None] = {}

    def look(value: Any, key: str) -> None:
        if isinstance(value, dict):
            for name, one in value.items():
                look(one, name)
        elif isinstance(value, list):
            for one in value:
                look(one, key)
        elif isinstance(value, str) and WORD.fullmatch(value):
            found[key] = None

    for exchange in exchanges:
        look(json_body(exchange.response.content) if exchange.response else None, "")
    return list(found)


@dataclass(frozen=True)
class Ready:
    """A plugin at work: one connection with a token, and its operations with their results."""

    bench: Bench
    connection: Connection[Any]
    normal: Sequence[Tried]

    async def suffer(self, operation: Operation, *faults: Fault, logged_out: bool = False) -> Tried:
        """Make the call while the vendor fails so; afterwards the vendor is well again.

        ``logged_out``: the token has ended, so that the first call may be for another.
        """
        self.bench.clock.forward(BETWEEN)
        if operation.before is not None:
            await patiently(operation.before)
        if logged_out:
            await self._log_out()
        script = self.bench.twin.faults
        script.plan(faults)
        try:
            return await _attempt(self.bench, operation)
        finally:
            script.planned.clear()

    async def _log_out(self) -> None:
        async def ended(_kept: Token | None) -> Token:
            return Token("ended", self.bench.clock() - DAY)

        tokens = self.connection.tokens
        await tokens.replace(await tokens.current(), ended)

    async def well(self, operation: Operation) -> Tried:
        """Make the call while nothing fails."""
        return await patiently(lambda: self._succeeds(operation))

    async def _succeeds(self, operation: Operation) -> Tried:
        tried = await self.suffer(operation)
        if tried.error is not None:
            raise tried.error
        return tried


async def patiently(run: Callable[[], Awaitable[T]]) -> T:
    """Whatever it gives; a twin that limits the calls of real seconds is waited for once."""
    try:
        return await run()
    except RateLimited as limited:
        await asyncio.sleep(min(limited.retry_after or 1, 2))
    return await run()


async def _attempt(bench: Bench, operation: Operation) -> Tried:
    """Make the call, whatever comes of it."""
    before = len(bench.exchanges)
    try:
        result = await operation.run()
    except Exception as error:  # whatever a plugin raises is what the check looks at
        return Tried(operation, error=error, exchanges=bench.exchanges[before:])
    return Tried(operation, result, exchanges=bench.exchanges[before:])


async def at_business(bench: Bench, sales: int = 1) -> Buyer:
    """A shop with a member and sales to them."""
    buyer = await enrolled(bench.twin)
    for _ in range(sales if bench.twin.kind != "service" else 0):
        await sale(bench.twin, buyer)
    bench.clock.forward(timedelta(minutes=1))
    return buyer


async def ready(bench: Bench) -> Ready:
    """A plugin whose every operation was made; one that calls nobody has none."""
    buyer, connection = await at_business(bench), bench.connection()
    work = Ready(bench, connection, ())
    found = await operations(bench, connection, buyer)
    # Made once for the token, and once more for what it takes without.
    normal = [await work.well(one) for _ in range(2) for one in found][len(found) :]
    return replace(work, normal=normal)


async def calling(bench: Bench) -> Ready:
    """The same of a plugin that calls its vendor."""
    work = await ready(bench)
    if not work.normal:
        raise NotApplicable(f"{bench.vendor.name} calls nobody")
    return work
