"""The simulated calendar: time goes in rounds, and jumps from one to the next. Pure."""

from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 5, 31, 15, tzinfo=UTC)
"""The first of June in Japan."""

ROUNDS = 8
ROUND = timedelta(days=12)
AFTERWARDS = timedelta(days=3)
"""From the last round to the instant at which the books are read: every hold has lapsed."""


def now_of(round_number: int) -> datetime:
    """The instant of a round: all that happened in it lies before."""
    return BEGIN + (round_number + 1) * ROUND


def round_of(instant: datetime) -> int:
    """The round during which an instant lies."""
    return min(ROUNDS - 1, (instant - BEGIN) // ROUND)


def end() -> datetime:
    """The instant at which the books are read."""
    return now_of(ROUNDS - 1) + AFTERWARDS
