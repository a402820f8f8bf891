"""The quality tier of a plugin: computed from what it proves, never declared. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from renkei_contracts.testing.running import Outcome

Tier = Literal["none", "bronze", "silver", "gold", "platinum"]

TIERS: tuple[Tier, ...] = ("none", "bronze", "silver", "gold", "platinum")
"""From the least to the best."""

PROOFS: Mapping[str, str] = {
    "twin": "every request, answer and delivery of the twin is checked against a schema",
    "faults": "the fault script ends in canonical errors",
    "privacy": "no secret and no personal data leaves the plugin",
}
"""The suites that silver asks for, and what each of them proves. Nothing in them is exempt."""

UNTOUCHED = "none of its checks applies: give the vendor a twin that can do it"
"""What is said of a capability that was not looked at; to claim one proves nothing."""


@dataclass(frozen=True)
class Judgement:
    """A tier, the one above it (none above platinum), and what is missing for that one."""

    tier: Tier
    next: Tier | None
    missing: tuple[str, ...] = ()


def judge(
    outcomes: Sequence[Outcome], live: Mapping[str, date], pair: bool | None = None
) -> Judgement:
    """The tier these outcomes, live runs and the pair proof are worth.

    ``live``: dates by what was run, from quality.toml. ``pair``: whether the pair proof holds
    (None: it was not run).
    """
    steps: tuple[tuple[Tier, list[str]], ...] = (
        ("bronze", _for_bronze(outcomes)),
        ("silver", _for_silver(outcomes)),
        ("gold", _for_gold(pair)),
        ("platinum", _for_platinum(live)),
    )
    reached: Tier = "none"
    for tier, missing in steps:
        if missing:
            return Judgement(reached, tier, tuple(missing))
        reached = tier
    return Judgement(reached, None)


def reaches(tier: Tier, wanted: Tier) -> bool:
    """Whether a tier is as good as the wanted one."""
    return TIERS.index(tier) >= TIERS.index(wanted)


def _for_bronze(outcomes: Sequence[Outcome]) -> list[str]:
    if not any(one.status == "passed" for one in outcomes):
        return ["no check passes"]
    missing = [f"{one.check.id}: must pass" for one in outcomes if one.status == "failed"]
    return missing + [f"{suite}: {UNTOUCHED}" for suite in _untouched(outcomes)]


def _untouched(outcomes: Sequence[Outcome]) -> list[str]:
    """The capabilities of which no check looked at anything; silver asks for the proofs."""
    looked = {one.check.suite for one in outcomes if one.status != "not applicable"}
    suites = dict.fromkeys(one.check.suite for one in outcomes)
    return [suite for suite in suites if suite not in looked and suite not in PROOFS]


def _for_silver(outcomes: Sequence[Outcome]) -> list[str]:
    missing = [
        f"{one.check.id}: must apply ({one.text})"
        for one in outcomes
        if one.check.must_apply and one.status == "not applicable"
    ]
    for suite, proof in PROOFS.items():
        of_suite = [one for one in outcomes if one.check.suite == suite]
        if not any(one.status == "passed" for one in of_suite):
            reasons = dict.fromkeys(one.text for one in of_suite if one.text)
            why = "; ".join(reasons) or "none of its checks applies"
            missing.append(f"{suite}: {proof} ({why})")
        missing += [
            f"{one.check.id}: must pass without an exemption"
            for one in of_suite
            if one.status == "exempt"
        ]
    return missing


def _for_gold(pair: bool | None) -> list[str]:
    if pair is None:
        return ["the pair proof was not run: renkei check --pair"]
    return [] if pair else ["the pair proof must end in the same ledger as the reference"]


def _for_platinum(live: Mapping[str, date]) -> list[str]:
    if live:
        return []
    return ["a run against the vendor's real software or sandbox, with its date in quality.toml"]
