"""Named places where a process may be killed or stopped, to prove that nothing is half done.

Nothing happens unless ``RENKEI_FAILPOINT=name:count`` stood in the environment of the process, or
``arm`` was called: then the process kills itself (SIGKILL) when it reaches the place for the
``count``-th time. With ``name:count:stop`` it stops (SIGSTOP) until somebody lets it go on.
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
    signal: signal.Signals


_armed: _Armed | None = None


def arm(name: str, count: int, *, stops: bool = False) -> None:
    """Kill this process when it reaches ``name`` for the ``count``-th time, or stop it.

    Raises ValueError where there is no such place.
    """
    global _armed
    if name not in NAMES or count < 1:
        raise ValueError(f"no fail-point {name}:{count}: there are {', '.join(NAMES)}")
    _armed = _Armed(name, count, signal.SIGSTOP if stops else signal.SIGKILL)


def reach(name: str) -> None:
    """Say that the process is here."""
    if _armed is None or _armed.name != name:
        return
    _armed.left -= 1
    if _armed.left == 0:
        os.kill(os.getpid(), _armed.signal)


def _arm_from_environment() -> None:
    name, _, rest = os.environ.get(VARIABLE, "").partition(":")
    count, _, how = rest.partition(":")
    if name:
        arm(name, int(count or 1), stops=how == "stop")


_arm_from_environment()
