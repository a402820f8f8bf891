"""Change the ledger's arithmetic in every small way and see which changes the tests notice.

usage: measure_mutation.py FOLDER [FILTER…]

mutmut runs in FOLDER on a copy of the hub, with the fast tests beside it. Prints the score and each
survivor that docs/mutation.md gives no reason for; exits non-zero below LEAST.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXPLAINED = ROOT / "docs" / "mutation.md"

LEAST = 0.9
"""The share of the mutants that the tests must notice."""

MUTATED = (
    "renkei/ledger/balance.py",
    "renkei/ledger/books.py",
    "renkei/ledger/corrections.py",
    "renkei/ledger/entry.py",
    "renkei/ledger/holds.py",
    "renkei/ledger/lots.py",
    "renkei/ledger/months.py",
    "renkei/ledger/quotas.py",
    "renkei/ledger/rules.py",
    "renkei/ledger/settlement.py",
    "renkei/ledger/sliding.py",
    "renkei/ledger/transaction.py",
    "renkei/loyalty/redeem.py",
    "renkei/loyalty/refunds.py",
    "renkei/loyalty/rounding.py",
    "renkei_contracts/toolkit/shares.py",
)
"""The ledger's arithmetic: pure functions over frozen dataclasses. What a program evaluates to
(loyalty/earn.py and its neighbours) joins when programs are complete."""

TESTS = (
    "tests/hub/ledger/test_entry.py",
    "tests/hub/ledger/test_holds_and_balance.py",
    "tests/hub/ledger/test_limited_points.py",
    "tests/hub/ledger/test_settlement.py",
    "tests/hub/ledger/test_settlement_of_groups.py",
    "tests/hub/ledger/test_sliding.py",
    "tests/hub/loyalty",
    "tests/contracts/test_shares.py",
)
"""Tests without a database: thousands of mutants are tried."""

SURVIVED, UNTESTED = 0, 33
"""mutmut's exit codes of a mutant that all tests let pass, and of one that no test reaches."""

CONFIG = """
[tool.mutmut]
source_paths = ["renkei", "renkei_contracts"]
only_mutate = {mutated}
also_copy = ["docs"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "no:xdist", "--import-mode=importlib"]
pytest_add_cli_args_test_selection = {tests}
timeout_multiplier = 20.0

[tool.pytest.ini_options]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
"""


def main(folder: Path, filters: list[str]) -> int:
    """Run mutmut in the folder and judge its result."""
    prepare(folder)
    command = [sys.executable, "-m", "mutmut", "run", *filters]
    subprocess.run(command, cwd=folder, check=True)
    results = verdicts(folder)
    alive = {name for name, code in results.items() if code in (SURVIVED, UNTESTED)}
    unexplained = alive - set(re.findall(r"`(renkei\S+__mutmut_\d+)`", explained()))
    score = 1 - len(alive) / max(1, len(results))
    for name in sorted(unexplained):
        print(f"survived, and docs/mutation.md gives no reason: {name}")  # noqa: T201 - the result
    print(f"{len(results)} mutants, {len(alive)} survived: score {score:.1%}, least {LEAST:.0%}")  # noqa: T201 - the result
    return 0 if score >= LEAST else 1


def prepare(folder: Path) -> None:
    """A copy of both packages, of the tests and of the documents that tests read."""
    for source in ("hub/renkei", "contracts/renkei_contracts", "tests", "docs"):
        copy = folder / Path(source).name
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(ROOT / source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    config = CONFIG.format(mutated=json.dumps(MUTATED), tests=json.dumps(TESTS))
    (folder / "pyproject.toml").write_text(config, encoding="utf-8")


def verdicts(folder: Path) -> dict[str, int]:
    """Each mutant's exit code; those that a filter left out are not there."""
    found: dict[str, int] = {}
    for path in (folder / "mutants").rglob("*.py.meta"):
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        found |= {name: code for name, code in codes.items() if code is not None}
    return found


def explained() -> str:
    """The page that gives the reasons."""
    return EXPLAINED.read_text(encoding="utf-8") if EXPLAINED.exists() else ""


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    sys.exit(main(target, sys.argv[2:]))
