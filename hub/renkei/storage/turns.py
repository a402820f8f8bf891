"""A bounded queue in which names take turns: whoever puts much in delays only themselves."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """First in, first out under one name; one after the other between names."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._lines: dict[str, deque[T]] = {}  # in the order of their turns
        self._there = asyncio.Event()

    def __len__(self) -> int:
        """How many wait."""
        return self._count

    def put(self, name: str, item: T) -> None:
        """Add to the name's line; raises QueueFull when ``limit`` items wait."""
        if self._count >= self._limit:
            raise asyncio.QueueFull
        self._lines.setdefault(name, deque()).append(item)
        self._count += 1
        self._there.set()

    async def filled(self) -> None:
        """Wait until there is something."""
        await self._there.wait()

    async def take(self, most: int) -> list[T]:
        """Wait until there is something, and take up to so many."""
        await self.filled()
        taken: list[T] = []
        while self._lines and len(taken) < most:
            name = next(iter(self._lines))
            line = self._lines.pop(name)
            taken.append(line.popleft())
            if line:
                self._lines[name] = line
        self._count -= len(taken)
        if not self._lines:
            self._there.clear()
        return taken
