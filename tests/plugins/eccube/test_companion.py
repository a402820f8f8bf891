"""The companion in PHP: its syntax, and its rules of which write is the newer.

Skipped where PHP is not installed; continuous integration installs it.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from renkei_contracts.point import Balance
from renkei_eccube.sync import version

HERE = Path(__file__).parent
COMPANION = HERE.parents[2] / "plugins" / "eccube" / "companion"
PHP = shutil.which("php")

pytestmark = pytest.mark.skipif(PHP is None, reason="php is not installed")

NOW = datetime(2026, 11, 27, 3, 0, 0, 5, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def php(*arguments: str | Path, told: str = "") -> str:
    assert PHP is not None
    ran = subprocess.run([PHP, *arguments], input=told, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def answered(asked: Sequence[object]) -> list[object]:
    lines = "".join(json.dumps(one) + "\n" for one in asked)
    return [json.loads(line) for line in php(HERE / "write_rules.php", told=lines).splitlines()]


def written(number: int, at: datetime) -> str:
    return version(Balance(spendable=1, version=number, as_of=at))


@pytest.mark.parametrize(
    "file", sorted(COMPANION.rglob("*.php")), ids=lambda one: str(one.relative_to(COMPANION))
)
def test_a_file_of_the_companion_is_php(file: Path) -> None:
    assert "No syntax errors" in php("-l", file)


def test_a_write_replaces_every_older_one_and_no_newer_one() -> None:
    ascending = [
        written(9, NOW),
        written(10, NOW - SECOND),
        written(10, NOW),
        written(10, NOW + timedelta(microseconds=1)),
        written(10**15, NOW),
    ]
    pairs = [(old, new) for old in range(len(ascending)) for new in range(len(ascending))]
    asked = [{"stored": ascending[old], "version": ascending[new]} for old, new in pairs]
    assert answered(asked) == [new >= old for old, new in pairs]


def test_the_first_write_replaces_nothing() -> None:
    assert answered([{"stored": None, "version": written(1, NOW)}]) == [True]


def test_what_is_no_write_is_refused_in_the_words_of_the_web_api() -> None:
    good = {"customer": "12", "points": 0, "version": written(1, NOW)}
    missing = "customer_id: No Customer found;"
    told = [
        (good, None),
        (good | {"customer": "2147483647"}, None),
        *((good | {"customer": odd}, missing) for odd in ("0", "-1", "a", "12\n", "2147483648")),
        (good | {"points": -1}, "points: points must not be negative;"),
        *(
            (good | {"version": odd}, "version: version must be 1 to 64 visible ASCII characters;")
            for odd in ("", "a b", "é", "x" * 65, "1\n")
        ),
    ]
    assert answered([asked for asked, _ in told]) == [problem for _, problem in told]
