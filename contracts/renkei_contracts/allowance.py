"""Points a till may let a member use while it has no network: funded, signed, counted.

The hub sets the points aside and signs what the till may do (token.py, AllowanceClaims); the till
checks that without asking, and counts its uses.
"""

from typing import Annotated

from pydantic import Field

from renkei_contracts.base import Canonical, Instant, Key, Points

ALLOWANCE_ID = r"^alw_[0-9A-Za-z]{1,64}$"

AllowanceId = Annotated[str, Field(pattern=ALLOWANCE_ID)]

Counter = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]

LONGEST_SECONDS = 7 * 86_400


class AllowanceUsed(Canonical):
    """A sale that is paid from an allowance: ``counter`` is 1 for its first sale, then 2, …."""

    id: AllowanceId
    counter: Counter


class AllowanceRequest(Canonical):
    """Set points aside for sales of this till that it will make offline; ``key`` names it."""

    key: Key
    member: Key
    points: Annotated[int, Field(strict=True, ge=1, le=999_999_999)]
    ttl_seconds: Annotated[int, Field(strict=True, ge=60, le=LONGEST_SECONDS)] = 86_400


class AllowanceAnswer(Canonical):
    """The allowance, and its ``token`` for the till to keep and to check (empty in training).

    Sales may use it until ``expires_at``; the hub takes them from it until ``report_until``.
    """

    allowance: AllowanceId
    token: Annotated[str, Field(max_length=2_000)]
    points: Points
    expires_at: Instant
    report_until: Instant
    spendable: Points
    balance_version: int


class AllowanceReport(Canonical):
    """A till's closing report: its last counter (0: never used) and all points it let be used."""

    last_counter: Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
    points_used: Points


class AllowanceClosed(Canonical):
    """What came of the allowance.

    ``booked`` are the points of the sales that were told; ``missing`` are counters up to the
    report's last one whose sales were not (the first hundred). ``released`` flowed back now;
    ``held`` stays aside for what the report says was used and no sale has told yet.
    ``difference`` is what the report says was used, less what is booked.
    """

    allowance: AllowanceId
    points: Points
    booked: Points
    missing: tuple[Counter, ...]
    difference: int
    released: Points
    held: Points
    spendable: Points
    balance_version: int
    as_of: Instant
