"""Named places where a process may be killed, to prove that nothing is half done.

Nothing happens unless ``RENKEI_FAILPOINT=name:count`` stood in the environment of the process, or
``arm`` was called: then the process kills itself (SIGKILL) when it reaches the place for the
``count``-th time.
"""

import os
import signal
from dataclasses import dataclass

NAMES = ("after_load", "after_decide", "between_statements", "before_commit", "after_commit")
"""In the order in which a batch reaches them; the last one before its answers are given."""

VARIABLE = "RENKEI_FAILPOINT"


@dataclass
class _Armed:
    name: str
    left: int


_armed: _Armed | None = None


def arm(name: str, count: int) -> None:
    """Kill this process when it reaches ``name`` for the ``count``-th time; ValueError: no such."""
    global _armed
    if name not in NAMES or count < 1:
        raise ValueError(f"no fail-point {name}:{count}: there are {', '.join(NAMES)}")
    _armed = _Armed(name, count)


def reach(name: str) -> None:
    """Say that the process is here."""
    if _armed is None or _armed.name != name:
        return
    _armed.left -= 1
    if _armed.left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def _arm_from_environment() -> None:
    name, _, count = os.environ.get(VARIABLE, "").partition(":")
    if name:
        arm(name, int(count or 1))


_arm_from_environment()
