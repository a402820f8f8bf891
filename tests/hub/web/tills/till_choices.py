"""What the machine of tills chooses from: few and small, so that collisions are frequent."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from reference_allowances import GRACE

T = TypeVar("T")

TILLS = [f"t{n}" for n in range(10)]
LIMIT, TTL = 200, 72 * 3_600

RULES: dict[str, Any] = {
    "per_yen": 100,
    "usable": "next_day",
    "expires_months": 5,
    "restore_days": 30,
    "offline": {"points": LIMIT, "hours": 72, "grace_hours": GRACE // timedelta(hours=1)},
}

QUICK = settings(
    max_examples=12,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

A_TILL = st.sampled_from(TILLS)
SOMEBODY = st.integers(0, 2)
YEN = st.sampled_from([900, 200, 1500, 2400])
POINTS = st.sampled_from([0, 0, 1, 4, 9])
FATES = st.sampled_from(["heard", "heard", "twice", "lost after", "lost before"])
TIMES = st.sampled_from(
    [
        timedelta(minutes=1),
        timedelta(minutes=20),
        timedelta(hours=11),
        timedelta(days=1),
        timedelta(days=3, hours=2),
        timedelta(days=4, hours=1),
    ]
)

WHICH = st.integers(0, 999)
"""Which of what there is: what is drawn depends on nothing that the hub has answered, as several
calls at once may come out this way or that."""


def one_of(things: Sequence[T], which: int) -> T | None:
    """This one of them, counted in circles; None where there is none."""
    return things[which % len(things)] if things else None
