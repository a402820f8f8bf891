"""What the machine chooses from: few and small, so that collisions are frequent."""

from datetime import timedelta

from as_contracts import till_key
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from side_by_side import CART, MEMBERS, SHOP

NUMBERS = st.integers(0, 3)
SOMEBODY = st.sampled_from(MEMBERS)
PERHAPS = st.sampled_from([MEMBERS[0], MEMBERS[0], MEMBERS[1], None, MEMBERS[2]])
CHANNELS = st.sampled_from([SHOP, SHOP, CART])
YEN = st.sampled_from([1000, 500, 100, 0, 250, 800, 1200, 2000])
POINTS = st.sampled_from([0, 0, 0, 3, 1, 5, 9, 14])
TIMES = st.sampled_from(
    [
        timedelta(minutes=1),
        timedelta(minutes=20),
        timedelta(hours=11),
        timedelta(days=1),
        timedelta(days=31),
        timedelta(days=95),
        timedelta(days=160),
    ]
)
AGES = st.sampled_from(
    [
        timedelta(days=2),
        timedelta(0),
        timedelta(minutes=5),
        timedelta(days=1),
        timedelta(days=3),
        timedelta(days=40),
        timedelta(days=170),
        timedelta(days=500),
        -timedelta(hours=18),
    ]
)

QUICK = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)

SAME = st.sampled_from(
    [None] * 6 + [(CART, "o0"), (CART, "o1"), (SHOP, str(till_key(0))), (SHOP, str(till_key(1)))]
)
PASTS = AGES.filter(lambda age: age >= timedelta(0))
