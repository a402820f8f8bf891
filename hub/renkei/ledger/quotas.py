"""Quotas: limits outside double entry. A claim is a high-water mark and is never handed back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit and how much of it is used, in the quota's own unit (points, times)."""

    limit: int
    used: int


def claim(quota: Quota, high_water: int, wanted: int) -> tuple[Quota, int]:
    """What a claimant gets who had ``high_water`` and now wants ``wanted`` in all.

    Gives the quota after it and the claimant's new high-water mark; what it may use is the smaller
    of that mark and what it wants.
    """
    more = max(0, min(wanted - high_water, quota.limit - quota.used))
    return Quota(quota.limit, quota.used + more), high_water + more
