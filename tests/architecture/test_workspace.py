"""The checkout's own project repeats what its parts say; here they are kept equal."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import renkei_contracts

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.name for path in (ROOT / "plugins").iterdir() if path.is_dir())
PARTS = ["contracts", "hub", *(f"plugins/{name}" for name in PLUGINS)]
OURS = {"renkei", "renkei-contracts", *(f"renkei-{name}" for name in PLUGINS)}


def project(part: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / part / "pyproject.toml").read_text(encoding="utf-8"))


def third_party(requirements: list[str]) -> dict[str, set[str]]:
    """Name → extras and versions wanted, without our own distributions."""
    found: dict[str, set[str]] = {}
    for text in requirements:
        wanted = Requirement(text)
        if wanted.name not in OURS:
            found.setdefault(wanted.name, set()).add(f"{sorted(wanted.extras)}{wanted.specifier}")
    return found


def taken(version: str) -> str:
    """The range of contracts that a plugin of today states: before 1.0 a minor may break it."""
    major, minor, _ = version.split(".")
    return f">={major}.{minor},<{major}.{int(minor) + 1}"


WORKSPACE = project(".")
CONTRACTS: str = project("contracts")["project"]["version"]


def test_the_root_lists_every_package() -> None:
    packages = WORKSPACE["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    plugins = [f"plugins/{name}/renkei_{name}" for name in PLUGINS]
    assert packages == ["contracts/renkei_contracts", "hub/renkei", *plugins]


def test_the_root_announces_every_plugin_as_the_plugin_does() -> None:
    announced = {
        name: module
        for plugin in PLUGINS
        for name, module in project(f"plugins/{plugin}")["project"]["entry-points"][
            "renkei.plugins"
        ].items()
    }
    assert WORKSPACE["project"]["entry-points"]["renkei.plugins"] == announced
    assert announced == {name: f"renkei_{name}" for name in PLUGINS}


def test_the_root_requires_what_its_parts_require() -> None:
    wanted: dict[str, set[str]] = {}
    for part in PARTS:
        settings = project(part)["project"]
        extras = settings.get("optional-dependencies", {})
        lists = [settings["dependencies"], extras.get("oauth", []), extras.get("twin", [])]
        for name, versions in third_party([one for each in lists for one in each]).items():
            wanted.setdefault(name, set()).update(versions)
    assert third_party(WORKSPACE["project"]["dependencies"]) == wanted


def test_the_development_extra_covers_what_the_suites_of_plugins_need() -> None:
    testing = project("contracts")["project"]["optional-dependencies"]["testing"]
    dev = third_party(WORKSPACE["project"]["optional-dependencies"]["dev"])
    assert {name: dev.get(name) for name in third_party(testing)} == third_party(testing)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_import_rules_name_every_plugin(plugin: str) -> None:
    rules = WORKSPACE["tool"]["importlinter"]
    module = f"renkei_{plugin}"
    assert module in rules["root_packages"]
    assert module in rules["contracts"][0]["layers"][0]
    assert module in rules["contracts"][1]["containers"]


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_licensed_described_and_typed(part: str) -> None:
    settings = project(part)["project"]
    assert settings["license"].split(" AND ")[0] == "Apache-2.0"
    # A part under another license as well carries that license's notice.
    notices = settings.get("license-files", ())
    assert len(settings["license"].split(" AND ")) == 1 + len(notices)
    assert all((ROOT / part / notice).is_file() for notice in notices)
    assert (ROOT / part / settings["readme"]).is_file()
    package = next(path for path in (ROOT / part).iterdir() if (path / "__init__.py").is_file())
    assert (package / "py.typed").is_file()


@pytest.mark.parametrize("part", ["hub", *(f"plugins/{name}" for name in PLUGINS)])
def test_every_part_takes_the_contracts_as_they_are(part: str) -> None:
    wanted = [Requirement(text) for text in project(part)["project"]["dependencies"]]
    (contracts,) = [one.specifier for one in wanted if one.name == "renkei-contracts"]
    assert contracts == SpecifierSet(taken(CONTRACTS))


def test_the_scaffold_takes_the_contracts_as_they_are() -> None:
    template = ROOT / "contracts/renkei_contracts/scaffold/template/project/pyproject.toml.jinja"
    assert f'"renkei-contracts{taken(CONTRACTS)}"' in template.read_text(encoding="utf-8")


def test_the_contracts_say_their_version() -> None:
    assert renkei_contracts.__version__ == CONTRACTS


def test_no_tracked_setting_names_a_registry() -> None:
    for name in ("constraints.txt", "pyproject.toml", "tox.ini"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "index-url" not in text


def test_constraints_pin_every_requirement_and_not_the_banned_client() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {Requirement(line).name.lower() for line in lines if not line.startswith("#")}
    extras = WORKSPACE["project"]["optional-dependencies"]["dev"]
    wanted = third_party([*WORKSPACE["project"]["dependencies"], *extras])
    assert {name.lower() for name in wanted} <= pinned
    assert "httpx2" not in pinned
