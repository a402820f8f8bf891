"""Waits between tries: bounded, growing, and spread so that tries do not come in step."""

import random
from datetime import timedelta

MOST_TRIES = 12
"""After so many tries a message waits for a person."""

LONGEST = timedelta(minutes=10)


def backoff(tries: int, spread: random.Random | None = None) -> timedelta:
    """The wait before the next try: 0.5 s, 1 s, 2 s … up to ten minutes, ± 20 %."""
    wait = min(timedelta(seconds=0.5) * float(2 ** min(max(tries - 1, 0), 20)), LONGEST)
    return wait * (spread or random).uniform(0.8, 1.2)
