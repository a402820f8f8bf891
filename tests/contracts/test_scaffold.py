"""The scaffold: each kind renders a project whose suites run at once and say what is missing."""

import asyncio
import importlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from packaging.requirements import Requirement

from renkei_contracts import scaffold
from renkei_contracts.scaffold import Kind, ScaffoldRefused, new_plugin, tables
from renkei_contracts.testing import Outcome, run_checks
from renkei_contracts.vendor import Vendor

KINDS: tuple[Kind, ...] = get_args(Kind)

CAPABILITIES = {
    "cart": ["webhooks", "orders", "members", "balances", "check"],
    "pos": ["webhooks", "orders", "members", "member_creation", "balances", "check"],
    "members": ["members", "check"],
    "facts": ["facts", "check"],
}

Render = Callable[[Kind], Vendor]


@pytest.fixture
def rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Render]:
    """Render a kind, and import its Vendor as if it were installed."""

    def render(kind: Kind) -> Vendor:
        monkeypatch.syspath_prepend(str(new_plugin(f"new{kind}", kind, tmp_path / kind)))
        found: Vendor = importlib.import_module(f"renkei_new{kind}.plugin").VENDOR
        return found

    yield render
    for module in [name for name in sys.modules if name.startswith("renkei_new")]:
        del sys.modules[module]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_capabilities_and_a_twin(kind: Kind, rendered: Render) -> None:
    vendor = rendered(kind)
    assert list(vendor.capabilities()) == CAPABILITIES[kind]
    assert (vendor.name, vendor.title) == (f"new{kind}", f"New{kind}")
    assert vendor.twin is not None


@pytest.mark.parametrize("kind", KINDS)
def test_the_suites_run_at_once_and_name_what_is_to_be_written(
    kind: Kind, rendered: Render
) -> None:
    outcomes = asyncio.run(run_checks(rendered(kind)))
    failed = [one for one in outcomes if one.status == "failed"]
    assert any(_names_a_hole(one, kind) for one in failed)
    assert [one.text for one in failed if _is_a_crash(one)] == []


def _names_a_hole(outcome: Outcome, kind: Kind) -> bool:
    return outcome.text.startswith("not written yet: ") and f"New{kind}" in outcome.text


def _is_a_crash(outcome: Outcome) -> bool:
    kinds = ("AttributeError", "TypeError", "KeyError", "IndexError", "ImportError", "NameError")
    return any(f"it raised {kind}" in outcome.text for kind in kinds)


def test_the_entry_point_is_the_vendors_name(tmp_path: Path) -> None:
    text = (new_plugin("acme", "pos", tmp_path / "acme") / "pyproject.toml").read_text("utf-8")
    announced = tomllib.loads(text)["project"]["entry-points"]["renkei.plugins"]
    assert announced == {"acme": "renkei_acme"}


def test_tests_against_the_vendor_itself_have_their_marker(tmp_path: Path) -> None:
    text = (new_plugin("acme", "pos", tmp_path / "acme") / "pyproject.toml").read_text("utf-8")
    options = tomllib.loads(text)["tool"]["pytest"]["ini_options"]
    assert options["markers"] == ["live: talks to Acme itself; needs credentials"]
    assert "--strict-markers" in options["addopts"]


def test_it_asks_for_the_contracts_that_rendered_it(tmp_path: Path) -> None:
    text = (new_plugin("acme", "pos", tmp_path / "acme") / "pyproject.toml").read_text("utf-8")
    (wanted,) = tomllib.loads(text)["project"]["dependencies"]
    ours = Path(__file__).parents[2] / "contracts" / "pyproject.toml"
    assert Requirement(wanted).specifier.contains(
        tomllib.loads(ours.read_text("utf-8"))["project"]["version"]
    )


def test_its_own_tests_collect_and_fail_readably(tmp_path: Path) -> None:
    folder = new_plugin("newest", "cart", tmp_path / "newest")
    paths = [str(folder), *(path for path in sys.path if path)]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "accepted"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1, ran
    assert "not written yet: twin_wire.deliveries: a signed delivery of Newest" in ran.stdout
    assert "Traceback" not in ran.stdout
    assert "error" not in ran.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", ["", "Acme", "acme-shop", "1acme", "acme/../x", "a" * 41])
def test_a_name_that_cannot_be_one_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ScaffoldRefused, match="small letters and digits"):
        new_plugin(name, "cart", tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(ScaffoldRefused, match="--into"):
        new_plugin("acme", "cart", tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]


def test_without_copier_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "copier", None)
    with pytest.raises(ScaffoldRefused) as refused:
        new_plugin("acme", "cart", tmp_path / "acme")
    assert str(refused.value).endswith("pip install 'renkei-contracts[testing]'")
    assert "\n" not in str(refused.value)


def test_in_a_checkout_of_renkei_it_names_the_tables_to_extend(tmp_path: Path) -> None:
    assert tables("acme", tmp_path / "acme") == ()
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "{scaffold.WORKSPACE}"\n')
    told = "\n".join(tables("acme", tmp_path / "plugins" / "acme"))
    assert "alone-{…}" in told
    assert "tests/plugins/acme/" in told
