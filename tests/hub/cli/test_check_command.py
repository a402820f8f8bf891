"""``renkei check``: a plugin's suites, its tier, and what a program is told of them."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from renkei.cli.check_run import Checked, document, show
from renkei.pairing.proof import PairOutcome
from renkei_contracts.testing import Bench, Check, Outcome
from renkei_contracts.testing.tier import judge
from renkei_contracts.vendor import Vendor

Command = Callable[..., Any]

BARE = """
from pydantic import BaseModel
from renkei_contracts.hookspecs import hookimpl
from renkei_contracts.vendor import Vendor

@hookimpl
def register_vendor(register):
    register(Vendor(name="bare", title="Bare", settings=BaseModel))
"""


async def nothing(bench: Bench) -> None:
    """A check's body: only its outcome matters here."""


def outcome(suite: str, name: str, *said: Any) -> Outcome:
    return Outcome(Check(suite, name, nothing, frozenset()), *said)


@pytest.fixture
def checked() -> Checked:
    outcomes = [
        outcome("webhooks", "a forged delivery is refused", "passed", "", 0.25),
        outcome("webhooks", "a stale delivery is refused", "failed", "verify() must look", 0.5),
        outcome("orders", "money adds up", "exempt", "the vendor rounds by itself", 0.25),
        outcome("orders", "guests are read", "not applicable", "the vendor has none"),
    ]
    vendor = Vendor(name="acme", title="Acme", settings=BaseModel)
    return Checked(vendor, "renkei-acme 1.0", outcomes, judge(outcomes, {}))


def test_a_person_reads_each_suite_what_fails_what_is_exempt_and_what_is_missing(
    checked: Checked, capsys: pytest.CaptureFixture[str]
) -> None:
    show(checked)
    assert capsys.readouterr().out.splitlines() == [
        "Acme (renkei-acme 1.0)",
        "",
        "webhooks: 1 passed, 1 failed (0.8 s)",
        "  ✘ a stale delivery is refused",
        "      verify() must look",
        "",
        "orders: 1 exempt, 1 not applicable (0.2 s)",
        "  – money adds up",
        "      the vendor rounds by itself",
        "",
        "tier: none",
        "for bronze:",
        "  webhooks: a stale delivery is refused: must pass",
        "time: 1.0 s",
    ]


PROOF = PairOutcome(
    pair="reference-cart and acme",
    steps=("earn", "spend"),
    left_out={},
    state_hash="a1",
    reference_hash="a1",
    state={},
    differences=(),
    parted_at="",
    faults=(),
    seconds=4.25,
)


def test_the_pair_proof_is_told_where_it_was_run(
    checked: Checked, capsys: pytest.CaptureFixture[str]
) -> None:
    show(replace(checked, pair=PROOF))
    show(replace(checked, pair=replace(PROOF, state_hash="b2", parted_at="spend")))
    proven, parted = (line for line in capsys.readouterr().out.splitlines() if "pair" in line)
    assert proven == "pair proof: the reference's ledger after 2 steps (4.2 s)"
    assert parted == "pair proof: it parts from the reference at spend: see `renkei pair`"
    assert document(replace(checked, pair=PROOF))["pair"]["ok"] is True
    assert document(checked)["pair"] is None


def test_a_program_reads_every_check(checked: Checked) -> None:
    told = json.loads(json.dumps(document(checked)))
    assert (told["plugin"], told["tier"], told["next"]) == ("acme", "none", "bronze")
    assert told["missing"] == ["webhooks: a stale delivery is refused: must pass"]
    assert told["seconds"] == 1.0
    assert [one["status"] for one in told["checks"]] == [
        "passed",
        "failed",
        "exempt",
        "not applicable",
    ]


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An installed plugin that announces a vendor without anything."""
    place = tmp_path / "site"
    announced = place / "renkei_bare-1.0.dist-info"
    announced.mkdir(parents=True)
    (announced / "METADATA").write_text("Metadata-Version: 2.1\nName: renkei-bare\nVersion: 1.0\n")
    (announced / "entry_points.txt").write_text("[renkei.plugins]\nbare = renkei_bare\n")
    (place / "renkei_bare.py").write_text(BARE)
    monkeypatch.syspath_prepend(str(place))
    yield
    sys.modules.pop("renkei_bare", None)


@pytest.mark.usefixtures("bare")
def test_a_tier_that_is_not_reached_is_exit_code_1(renkei: Command) -> None:
    ran = renkei("check", "bare", "--at-least", "platinum", "--json")
    assert ran.code == 1
    assert ran.document["distribution"] == "renkei-bare 1.0"
    assert ran.document["tier"] in ("none", "bronze")


def test_a_plugin_that_is_not_installed_is_refused(renkei: Command) -> None:
    assert "no plugin 'nobody' is installed" in renkei("check", "nobody").refusal


def test_a_tier_that_does_not_exist_is_refused(renkei: Command) -> None:
    assert "--at-least" in renkei("check", "nobody", "--at-least", "wooden").refusal
