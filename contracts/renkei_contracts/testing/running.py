"""Running checks: in a test, or for a report."""

import asyncio
import time
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Literal

from renkei_contracts.errors import RenkeiError
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import CHECKS, Check, CheckFailed, NotApplicable
from renkei_contracts.testing.quality import package_of
from renkei_contracts.vendor import Vendor

DEADLINE = 20.0
"""Seconds for one check; a plugin that hangs fails it."""

SLOW = (
    f"it did not end within {DEADLINE:.0f} s: the plugin must neither wait nor call again and "
    "again; it raises Unavailable, and the hub tries later"
)

Status = Literal["passed", "failed", "not applicable", "exempt"]


@dataclass(frozen=True)
class Outcome:
    """What came of one check; ``text`` says why, unless it passed."""

    check: Check
    status: Status
    text: str = ""
    seconds: float = 0.0


def checks_for(vendor: Vendor) -> list[Check]:
    """The checks that a vendor's capabilities choose."""
    have = set(vendor.capabilities())
    return [check for check in CHECKS.values() if check.needs <= have]


async def run_check(vendor: Vendor, check: Check, exempt: str = "") -> Outcome:
    """Run one check on a fresh bench. An exempt one still runs; that it passes is a failure."""
    began = time.monotonic()
    status, text = await _verdict(vendor, check)
    seconds = time.monotonic() - began
    lacking = status == "failed" or (status == "not applicable" and check.must_apply)
    if exempt and lacking:
        return Outcome(check, "exempt", exempt, seconds)
    if exempt and status == "passed":
        told = f"it passes: take out of quality.toml the exemption that says {exempt!r}"
        return Outcome(check, "failed", told, seconds)
    return Outcome(check, status, text, seconds)


async def run_checks(vendor: Vendor, exempt: Mapping[str, str] | None = None) -> list[Outcome]:
    """Run every check that applies, one after another; ``exempt``: reasons by check id."""
    reasons = exempt or {}
    return [await run_check(vendor, one, reasons.get(one.id, "")) for one in checks_for(vendor)]


async def _verdict(vendor: Vendor, check: Check) -> tuple[Status, str]:
    limit = asyncio.timeout(DEADLINE)
    try:
        async with limit, Bench(vendor) as bench:
            if lacking := check.actions - _can(bench, check.actions):
                return "not applicable", f"the twin does not: {', '.join(sorted(lacking))}"
            await check.run(bench)
    except NotApplicable as reason:
        return "not applicable", str(reason)
    except CheckFailed as failure:
        return "failed", str(failure)
    except NotImplementedError as hole:
        return "failed", f"not written yet: {hole}"
    except Exception as error:  # whatever a plugin raises is its failure
        return "failed", SLOW if limit.expired() else _raised(vendor, error)
    return "passed", ""


def _raised(vendor: Vendor, error: Exception) -> str:
    """What was raised, where in the plugin or its twin, and what to do about it."""
    told = f"it raised {type(error).__name__}{_place(vendor, error)}: {error}"
    if isinstance(error, RenkeiError):
        return f"{told}; the vendor is well in this check: the call must succeed"
    return f"{told}; raise one of renkei_contracts.errors instead"


def _place(vendor: Vendor, error: Exception) -> str:
    package = package_of(vendor)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = [one for one in frames if _module(one).startswith(package)]
    return f" in {_module(own[-1])}, line {own[-1].f_lineno}" if own else ""


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _can(bench: Bench, actions: Iterable[str]) -> frozenset[str]:
    return frozenset(bench.twin.can) if actions else frozenset()
