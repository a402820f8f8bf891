"""The quality tier: what each step asks for, and that nothing can be skipped."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from renkei_contracts.reference.cart import VENDOR
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import Check
from renkei_contracts.testing.running import Outcome, Status, run_checks
from renkei_contracts.testing.tier import TIERS, Tier, judge, reaches

LIVE = {"sandbox": date(2026, 11, 20)}
SUITES = ("manifest", "webhooks", "twin", "faults", "privacy")


async def nothing(bench: Bench) -> None:
    """A check's body: only its outcome matters here."""


def outcomes(**changed: Status) -> list[Outcome]:
    """Two checks a suite, all passed but the first one of the suites named."""
    return list(_all(changed))


def _all(changed: dict[str, Status]) -> Iterator[Outcome]:
    for suite in SUITES:
        for number, status in enumerate((changed.get(suite, "passed"), "passed")):
            check = Check(suite, f"check {number}", nothing, frozenset())
            yield Outcome(check, status, "" if status == "passed" else "why")


def test_every_proof_together_is_platinum() -> None:
    judged = judge(outcomes(), LIVE, pair=True)
    assert (judged.tier, judged.next, judged.missing) == ("platinum", None, ())


@pytest.mark.parametrize("suite", SUITES)
def test_one_failed_check_of_any_suite_is_no_tier_and_is_named(suite: str) -> None:
    judged = judge(outcomes(**{suite: "failed"}), LIVE, pair=True)
    assert (judged.tier, judged.next) == ("none", "bronze")
    assert judged.missing == (f"{suite}: check 0: must pass",)


def test_a_plugin_of_which_nothing_passes_is_no_tier() -> None:
    assert judge([], LIVE, pair=True).tier == "none"
    nothing_applies = outcomes(manifest="not applicable")[:1]
    assert judge(nothing_applies, LIVE, pair=True).missing == ("no check passes",)


@pytest.mark.parametrize("suite", ["manifest", "webhooks"])
def test_a_capability_of_which_no_check_applies_is_no_tier_and_is_named(suite: str) -> None:
    told = [
        replace(one, status="not applicable") if one.check.suite == suite else one
        for one in outcomes()
    ]
    judged = judge(told, LIVE, pair=True)
    assert (judged.tier, judged.next) == ("none", "bronze")
    assert judged.missing == (
        f"{suite}: none of its checks applies: give the vendor a twin that can do it",
    )


async def test_a_plugin_without_a_twin_is_no_tier_whatever_it_claims() -> None:
    told = await run_checks(replace(VENDOR, twin=None))
    assert {one.status for one in told} == {"passed", "not applicable"}
    judged = judge(told, LIVE, pair=True)
    assert judged.tier == "none"
    named = {one.partition(":")[0] for one in judged.missing}
    assert named == set(VENDOR.capabilities())


def test_a_capability_that_is_exempt_in_all_was_looked_at() -> None:
    told = [
        replace(one, status="exempt") if one.check.suite == "webhooks" else one
        for one in outcomes()
    ]
    assert judge(told, LIVE, pair=True).tier == "platinum"


def test_an_exemption_outside_the_proofs_costs_nothing() -> None:
    assert judge(outcomes(webhooks="exempt"), LIVE, pair=True).tier == "platinum"


@pytest.mark.parametrize("suite", ["twin", "faults", "privacy"])
def test_an_exemption_within_a_proof_leaves_bronze(suite: str) -> None:
    judged = judge(outcomes(**{suite: "exempt"}), LIVE, pair=True)
    assert (judged.tier, judged.next) == ("bronze", "silver")
    assert judged.missing == (f"{suite}: check 0: must pass without an exemption",)


@pytest.mark.parametrize("suite", ["twin", "faults", "privacy"])
def test_a_proof_of_which_no_check_applies_leaves_bronze_and_says_why(suite: str) -> None:
    told = [
        Outcome(one.check, "not applicable", "it has no twin") if one.check.suite == suite else one
        for one in outcomes()
    ]
    judged = judge(told, LIVE, pair=True)
    assert judged.tier == "bronze"
    (missing,) = judged.missing
    assert missing.startswith(f"{suite}: ")
    assert missing.endswith("(it has no twin)")


@pytest.mark.parametrize(
    ("pair", "said"),
    [(None, "the pair proof was not run"), (False, "must end in the same ledger")],
)
def test_without_the_pair_proof_it_is_silver(pair: bool | None, said: str) -> None:
    judged = judge(outcomes(), LIVE, pair=pair)
    assert (judged.tier, judged.next) == ("silver", "gold")
    assert said in judged.missing[0]


def test_without_a_live_run_it_is_gold() -> None:
    judged = judge(outcomes(), {}, pair=True)
    assert (judged.tier, judged.next) == ("gold", "platinum")


@pytest.mark.parametrize(
    ("tier", "wanted", "enough"),
    [("none", "bronze", False), ("bronze", "bronze", True), ("gold", "silver", True)],
)
def test_a_better_tier_reaches_a_lesser_one(tier: Tier, wanted: Tier, enough: bool) -> None:
    assert reaches(tier, wanted) is enough
    assert reaches("platinum", TIERS[0])
