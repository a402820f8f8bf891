"""Codes that stand for holds in a vendor's shop, as the journal writes them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from renkei.ledger.books import HoldName


class HoldCode(NamedTuple):
    """A code for one use. It ends at ``usable_until``, some time before its hold does."""

    code: str
    connection: str
    hold: HoldName
    for_member: str
    points: int
    yen_per_point: int
    usable_until: datetime

    @property
    def yen(self) -> int:
        """What it takes off an order."""
        return self.points * self.yen_per_point


def code_rows(codes: Iterable[HoldCode], at: datetime) -> list[dict[str, Any]]:
    """New codes for the journal."""
    return [
        {
            "code": one.code,
            "c": one.connection,
            "m": one.hold[0],
            "v": one.hold[1],
            "for": one.for_member,
            "points": one.points,
            "yen": one.yen_per_point,
            "until": one.usable_until.isoformat(),
            "at": at.isoformat(),
        }
        for one in codes
    ]


def over_rows(over: Mapping[HoldName, str], at: datetime) -> list[dict[str, Any]]:
    """Codes whose holds ended, and how, for the journal."""
    return [
        {"m": member, "v": version, "how": how, "at": at.isoformat()}
        for (member, version), how in sorted(over.items())
    ]
