"""Running the contract suites on an installed plugin, and what is said of them."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from renkei.cli.screen import Progress, output
from renkei_contracts.testing import Outcome, checks_for, run_check
from renkei_contracts.testing.quality import quality
from renkei_contracts.testing.tier import Judgement, judge
from renkei_contracts.vendor import Vendor

MARKS = {"passed": "✔", "failed": "✘", "exempt": "–", "not applicable": " "}


@dataclass(frozen=True)
class Checked:
    """What came of all checks of one vendor."""

    vendor: Vendor
    distribution: str
    outcomes: Sequence[Outcome]
    judgement: Judgement

    @property
    def seconds(self) -> float:
        """How long the checks took together."""
        return sum(one.seconds for one in self.outcomes)

    def suites(self) -> Iterator[tuple[str, list[Outcome]]]:
        """The outcomes by suite, in the order of the suites."""
        for suite, outcomes in groupby(self.outcomes, key=lambda one: one.check.suite):
            yield suite, list(outcomes)


def run_all(vendor: Vendor, distribution: str) -> Checked:
    """Run every check the vendor's capabilities choose; nothing leaves this machine."""
    told = quality(vendor)
    outcomes = []
    with Progress() as progress:
        for one in checks_for(vendor):
            progress.say(one.id)
            reason = told.exempt.get(one.id, "")
            outcomes.append(asyncio.run(run_check(vendor, one, reason)))
    return Checked(vendor, distribution, outcomes, judge(outcomes, told.live))


def document(checked: Checked) -> dict[str, Any]:
    """The same for a program."""
    judgement = checked.judgement
    return {
        "plugin": checked.vendor.name,
        "title": checked.vendor.title,
        "distribution": checked.distribution,
        "tier": judgement.tier,
        "next": judgement.next,
        "missing": list(judgement.missing),
        "seconds": round(checked.seconds, 2),
        "checks": [
            {
                "suite": one.check.suite,
                "check": one.check.name,
                "status": one.status,
                "text": one.text,
                "seconds": round(one.seconds, 3),
            }
            for one in checked.outcomes
        ],
    }


def show(checked: Checked) -> None:
    """Write them for a person: each suite with its failures and exemptions, then the tier."""
    _say(f"{checked.vendor.title} ({checked.distribution})")
    for suite, outcomes in checked.suites():
        _say(f"\n{suite}: {_counted(outcomes)}")
        for one in outcomes:
            if one.status in ("failed", "exempt"):
                _say(f"  {MARKS[one.status]} {one.check.name}")
                _say(f"      {one.text}")
    _say(f"\ntier: {checked.judgement.tier}")
    if checked.judgement.next:
        _say(f"for {checked.judgement.next}:")
    for missing in checked.judgement.missing:
        _say(f"  {missing}")
    _say(f"time: {checked.seconds:.1f} s")


def _counted(outcomes: Sequence[Outcome]) -> str:
    counts = {status: sum(one.status == status for one in outcomes) for status in MARKS}
    said = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    return f"{said} ({sum(one.seconds for one in outcomes):.1f} s)"


def _say(line: str) -> None:
    output.print(line, markup=False, soft_wrap=True)
