"""What to do after a failure: wait how long, try how often, or leave it to a person. Pure."""

from datetime import timedelta

from renkei_contracts.errors import FixData, GiveUp, NotFound, Reauthorize, TryLater

TRIES = 6
"""Tries of something that fails for a reason we do not know, before it waits for a person."""

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=5)


def pause(tries: int) -> timedelta:
    """The pause after this many tries: doubled each time, bounded."""
    return min(FIRST_PAUSE * 2.0 ** min(tries - 1, 20), LONGEST_PAUSE)


def dies(error: BaseException, tries: int) -> bool:
    """Whether it waits for a person now.

    What the vendor has not (yet) may only be late: some tell us before they commit.
    """
    if isinstance(error, TryLater | Reauthorize):
        return False
    if isinstance(error, GiveUp | FixData) and not isinstance(error, NotFound):
        return True
    return tries >= TRIES
