"""Running the contract suites on an installed plugin, and what is said of them."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renkei.cli.running import run_async
from renkei.cli.screen import Progress, say
from renkei_contracts.stage import StageContext
from renkei_contracts.testing import Outcome, checks_for, run_check
from renkei_contracts.testing.quality import quality
from renkei_contracts.testing.tier import Judgement, judge
from renkei_contracts.vendor import Vendor

if TYPE_CHECKING:
    from renkei.pairing.proof import PairOutcome

MARKS = {"passed": "✔", "failed": "✘", "exempt": "–", "not applicable": " "}


@dataclass(frozen=True)
class Checked:
    """What came of all checks of one vendor, and of the pair proof where it was run."""

    vendor: Vendor
    distribution: str
    outcomes: Sequence[Outcome]
    judgement: Judgement
    pair: "PairOutcome | None" = None

    @property
    def seconds(self) -> float:
        """How long the checks took together."""
        return sum(one.seconds for one in self.outcomes)

    def suites(self) -> Iterator[tuple[str, list[Outcome]]]:
        """The outcomes by suite, in the order of the suites."""
        for suite, outcomes in groupby(self.outcomes, key=lambda one: one.check.suite):
            yield suite, list(outcomes)


def run_all(vendor: Vendor, distribution: str, *, pair: bool = False) -> Checked:
    """Run every check the vendor's capabilities choose; nothing leaves this machine.

    ``pair``: and the pair proof, where the vendor is a cart or a till.
    """
    told = quality(vendor)
    with Progress() as progress:
        outcomes = run_async(_outcomes(vendor, told.exempt, progress))
        progress.say("the pair proof" if pair else "")
        proof = _proof(vendor) if pair else None
    judgement = judge(outcomes, told.live, None if proof is None else proof.ok)
    return Checked(vendor, distribution, outcomes, judgement, proof)


async def _outcomes(vendor: Vendor, exempt: Mapping[str, str], progress: Progress) -> list[Outcome]:
    outcomes = []
    for one in checks_for(vendor):
        progress.say(one.id)
        outcomes.append(await run_check(vendor, one, exempt.get(one.id, "")))
    return outcomes


def _proof(vendor: Vendor) -> "PairOutcome | None":
    """The pair proof with the reference partner; None for who is neither cart nor till."""
    # Imported here: it brings the whole hub, which the suites do without.
    from renkei.pairing.proof import prove_vendor

    with tempfile.TemporaryDirectory(prefix="renkei-pair-") as name:
        folder = Path(name)
        if vendor.twin is None or vendor.twin(StageContext(folder)).kind == "service":
            return None
        return run_async(prove_vendor(vendor, folder))


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
        "pair": checked.pair.document() if checked.pair else None,
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
    say(f"{checked.vendor.title} ({checked.distribution})")
    for suite, outcomes in checked.suites():
        say(f"\n{suite}: {_counted(outcomes)}")
        for one in outcomes:
            if one.status in ("failed", "exempt"):
                say(f"  {MARKS[one.status]} {one.check.name}")
                say(f"      {one.text}")
    if checked.pair:
        say(f"\npair proof: {_proven(checked.pair)}")
    say(f"\ntier: {checked.judgement.tier}")
    if checked.judgement.next:
        say(f"for {checked.judgement.next}:")
    for missing in checked.judgement.missing:
        say(f"  {missing}")
    say(f"time: {checked.seconds:.1f} s")


def _proven(pair: "PairOutcome") -> str:
    if pair.ok:
        return f"the reference's ledger after {len(pair.steps)} steps ({pair.seconds:.1f} s)"
    return f"it parts from the reference at {pair.parted_at or 'the end'}: see `renkei pair`"


def _counted(outcomes: Sequence[Outcome]) -> str:
    counts = {status: sum(one.status == status for one in outcomes) for status in MARKS}
    said = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    return f"{said} ({sum(one.seconds for one in outcomes):.1f} s)"
