"""What the shop's own people and systems ask for: corrections, merges, quotas. Pure."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from renkei.services.command import Command
from renkei.services.members.merge import MergeMembers, UnmergeMember
from renkei.services.points.corrections import Adjust, ExchangePoints, ImportBalance, WriteOffDebt
from renkei.services.points.quota import ClaimQuota, OpenQuota
from renkei.simulation.people import member_id
from renkei.simulation.stage import RING
from renkei_contracts.point import Adjustment, BalanceImport, PointsExchange, WriteOff

QUOTAS = (("campaign", "2026", 500), ("campaign", "2026-07", 60))
"""(scope, period, limit)"""

CLAIMANTS = 15


@dataclass(frozen=True)
class Deed:
    """A command, and when it was decided in the shop."""

    at: datetime
    command: Command[Any]


def opened() -> Iterator[OpenQuota]:
    """The quotas, there from the start."""
    for scope, period, limit in QUOTAS:
        yield OpenQuota(scope, period, limit)


class Office:
    """Random deeds. ``facts``: only what cannot be refused and may be told in any order."""

    def __init__(self, chance: random.Random, members: int, *, facts: bool) -> None:
        self._chance = chance
        self._members = members
        always = (self._give, self._bring)
        self._kinds: tuple[Callable[[str, datetime], Command[Any]], ...] = (
            always
            if facts
            else (
                *always,
                self._take,
                self._exchange,
                self._write_off,
                self._merge,
                self._merge,
                self._unmerge,
                *(self._claim,) * 6,
            )
        )

    def deed(self, number: int, at: datetime) -> Deed:
        """One more; its number makes its key."""
        return Deed(at, self._chance.choice(self._kinds)(f"d{number}", at))

    def _somebody(self) -> str:
        return member_id(self._chance.randrange(self._members))

    def _points(self) -> int:
        return self._chance.randint(1, 90)

    def _give(self, key: str, at: datetime) -> Command[Any]:
        return Adjust(self._adjustment(key, self._points(), occurred_at=at), RING)

    def _take(self, key: str, at: datetime) -> Command[Any]:
        """Asked for, or as a fact that may go beyond what is there."""
        occurred = self._chance.random() < 0.3
        return Adjust(self._adjustment(key, -self._points(), occurred=occurred), RING)

    def _adjustment(self, key: str, points: int, **more: Any) -> Adjustment:
        return Adjustment(
            member=self._somebody(), key=key, points=points, reason="a test", by="office", **more
        )

    def _bring(self, key: str, at: datetime) -> Command[Any]:
        ask = BalanceImport(
            member=self._somebody(), key=key, points=self._points(), granted_at=at, source="old"
        )
        return ImportBalance(ask, RING)

    def _exchange(self, key: str, at: datetime) -> Command[Any]:
        points = self._points() * self._chance.choice((1, -1))
        ask = PointsExchange(member=self._somebody(), key=key, points=points, partner="other")
        return ExchangePoints(ask, RING)

    def _write_off(self, key: str, at: datetime) -> Command[Any]:
        points = self._chance.randint(1, 20)
        ask = WriteOff(
            member=self._somebody(), key=key, points=points, reason="a test", by="office"
        )
        return WriteOffDebt(ask, RING)

    def _merge(self, key: str, at: datetime) -> Command[Any]:
        return MergeMembers(self._somebody(), self._somebody(), key)

    def _unmerge(self, key: str, at: datetime) -> Command[Any]:
        return UnmergeMember(self._somebody(), key)

    def _claim(self, key: str, at: datetime) -> Command[Any]:
        scope, period, _ = self._chance.choice(QUOTAS)
        claimant = f"cart1/o{self._chance.randrange(CLAIMANTS)}"
        return ClaimQuota(scope, period, claimant, self._chance.randint(0, 40))
