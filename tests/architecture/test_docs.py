"""Documents that say what the code says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from renkei.config import Settings

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.ja.md")
COMMANDS = (
    "python3 -m venv .venv && .venv/bin/pip install tox && .venv/bin/tox run -e demo ",
    "python3 -m venv .venv && .venv/bin/pip install tox && .venv/bin/tox ",
)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_capability_matrix_is_what_the_plugins_announce() -> None:
    command = [sys.executable, ROOT / "docs" / "matrix.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", READMES)
def test_both_readmes_have_the_two_commands(name: str) -> None:
    for command in COMMANDS:
        assert f"\n    {command}" in text_of(name)


@pytest.mark.parametrize("name", READMES)
def test_every_setting_is_named_in_both_readmes_or_in_operations(name: str) -> None:
    known = text_of(name) + text_of("docs/operations.md")
    missing = [one for one in Settings.model_fields if f"RENKEI_{one.upper()}" not in known]
    assert missing == []


@pytest.mark.parametrize("name", [*READMES, "docs/architecture.md"])
def test_every_file_that_is_linked_exists(name: str) -> None:
    here = (ROOT / name).parent
    for target in re.findall(r"\]\(([^)#]+)\)", text_of(name)):
        if "://" not in target:
            assert (here / target).exists(), target


@pytest.mark.parametrize("name", READMES)
def test_both_readmes_have_the_same_headings(name: str) -> None:
    assert len(re.findall(r"^## ", text_of(name), re.MULTILINE)) == len(
        re.findall(r"^## ", text_of("README.md"), re.MULTILINE)
    )


def test_every_decision_is_one_page() -> None:
    for path in (ROOT / "docs" / "adr").glob("*.md"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 60, path.name


def test_the_interface_document_of_tills_says_what_the_models_say() -> None:
    command = [sys.executable, ROOT / "docs" / "interface.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_matrix_of_the_japanese_readme_is_headed_in_japanese() -> None:
    (heads,) = re.findall(r"^\| ベンダー .*", text_of("README.ja.md"), re.MULTILINE)
    english = re.findall(r"[a-z]+", heads.replace("Webhook", ""))
    assert english == []
