"""docs/writing-a-plugin.md does what it says: from the scaffold to bronze, block by block."""

import asyncio
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from renkei_contracts.scaffold import new_plugin
from renkei_contracts.testing import CHECKS, run_check, run_checks
from renkei_contracts.testing.tier import TIERS, judge, reaches
from renkei_contracts.vendor import Vendor

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "writing-a-plugin.md").read_text("utf-8")
MOST_LINES = 300


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What the page's first command makes, importable."""
    folder = new_plugin("acme", "cart", tmp_path / "renkei-acme")
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for module in [name for name in sys.modules if name.startswith("renkei_acme")]:
        del sys.modules[module]


def write_the_page(project: Path) -> dict[str, str]:
    """Put the page's files into the project; each of them replaces one; gives their texts."""
    before = {str(path.relative_to(project)): path.read_text() for path in python(project)}
    subprocess.run([sys.executable, DOCS / "plugin_page.py", project], check=True)
    after = {str(path.relative_to(project)): path.read_text() for path in python(project)}
    assert before.keys() == after.keys()
    return {file: text for file, text in after.items() if text != before[file]}


def python(project: Path) -> Iterator[Path]:
    return project.rglob("*.py")


def the_vendor() -> Vendor:
    found: Vendor = importlib.import_module("renkei_acme.plugin").VENDOR
    return found


def test_the_page_leads_to_silver(project: Path) -> None:
    write_the_page(project)
    outcomes = asyncio.run(run_checks(the_vendor()))
    assert {one.check.id: one.text for one in outcomes if one.status in ("failed", "exempt")} == {}
    judged = judge(outcomes, {})
    assert reaches(judged.tier, "silver"), judged.missing


def test_the_page_takes_less_than_300_lines(project: Path) -> None:
    written = write_the_page(project).values()
    assert sum(bool(line.strip()) for text in written for line in text.splitlines()) < MOST_LINES


def test_the_page_shows_as_many_files_as_it_says(project: Path) -> None:
    written = write_the_page(project)
    assert len(written) == 5
    assert "Five modules, and from silver on a schema, hold what only Acme can say." in PAGE
    assert PAGE.count(".json`:\n") == 1


def test_the_failure_that_the_page_quotes_is_what_the_scaffold_says(project: Path) -> None:
    check = CHECKS["webhooks: a delivery of the vendor is accepted"]
    outcome = asyncio.run(run_check(the_vendor(), check))
    assert f"    {check.id}\n    {outcome.text}\n" in PAGE


def test_the_check_whose_exemption_it_shows_exists() -> None:
    shown = re.findall(r'^"(\w+: [^"]+)" = ', PAGE, re.MULTILINE)
    assert shown
    assert [one for one in shown if one not in CHECKS] == []


def test_every_tier_is_explained() -> None:
    assert [tier for tier in TIERS[1:] if f"\n| {tier} | " not in PAGE] == []
