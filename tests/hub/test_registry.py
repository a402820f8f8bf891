"""Plugins: one that is broken or disputed is reported and stops no other."""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from pydantic import BaseModel

from renkei.errors import UnknownVendor
from renkei.registry import Registry, capability_matrix, load_registry, registry_of
from renkei_contracts.vendor import Vendor

GROUP = "renkei.plugins"

ANNOUNCES = """
from pydantic import BaseModel
from renkei_contracts.hookspecs import hookimpl
from renkei_contracts.vendor import Vendor

@hookimpl
def register_vendor(register):
    register(Vendor(name={name!r}, title="Acme", settings=BaseModel))
"""

Install = Callable[..., EntryPoint]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Write a module and give the entry point that names it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def one(name: str, source: str | None = None, module: str | None = None) -> EntryPoint:
        value = module or f"renkei_test_{name}"
        text = ANNOUNCES.format(name=name) if source is None else source
        (tmp_path / f"{value}.py").write_text(text, encoding="utf-8")
        return EntryPoint(name, value, GROUP)

    yield one
    for module in set(sys.modules) - before:
        if module.startswith("renkei_test_"):
            del sys.modules[module]


def only_broken(registry: Registry) -> str:
    (reason,) = registry.broken.values()
    return reason


def test_an_installed_plugin_is_known_by_its_name(install: Install) -> None:
    registry = registry_of([install("acme")])
    assert registry.vendor("acme").title == "Acme"
    assert not registry.broken


def test_a_plugin_that_does_not_import_stops_no_other(install: Install) -> None:
    registry = registry_of([install("torn", "import gone_for_good"), install("acme")])
    assert set(registry.vendors) == {"acme"}
    assert "No module named 'gone_for_good'" in registry.broken["torn"]


def test_a_plugin_that_ends_the_program_when_imported_does_not(install: Install) -> None:
    registry = registry_of([install("quits", "raise SystemExit(3)"), install("acme")])
    assert set(registry.vendors) == {"acme"}
    assert "SystemExit" in registry.broken["quits"]


def test_two_distributions_that_claim_one_name_are_both_named_and_neither_loads(
    install: Install,
) -> None:
    claims = [install("acme"), install("acme", module="renkei_test_other"), install("zeta")]
    registry = registry_of(claims)
    assert set(registry.vendors) == {"zeta"}
    assert "renkei_test_acme" in only_broken(registry)
    assert "renkei_test_other" in only_broken(registry)


def test_the_same_claim_of_two_distributions_is_one_claim(install: Install) -> None:
    registry = registry_of([install("acme"), install("acme")])
    assert set(registry.vendors) == {"acme"}


def test_a_plugin_that_announces_another_name_is_broken(install: Install) -> None:
    registry = registry_of([install("acme", ANNOUNCES.format(name="emca"))])
    assert only_broken(registry).startswith("announces 'emca'")


def test_a_plugin_that_announces_nothing_is_broken(install: Install) -> None:
    registry = registry_of([install("silent", "")])
    assert "exactly one Vendor" in only_broken(registry)


def test_a_plugin_that_announces_something_else_is_broken(install: Install) -> None:
    source = ANNOUNCES.format(name="acme").replace("register(Vendor", "register(dict")
    assert "exactly one Vendor" in only_broken(registry_of([install("acme", source)]))


def test_a_plugin_whose_announcement_fails_stops_no_other(install: Install) -> None:
    source = ANNOUNCES.format(name="loud").replace("register(Vendor", "raise OSError(Vendor")
    registry = registry_of([install("loud", source), install("acme")])
    assert set(registry.vendors) == {"acme"}
    assert "does not announce itself: OSError" in registry.broken["loud"]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("def register_vendor(register)", "def register_seller(register)"),
        ("def register_vendor(register)", "def register_vendor(enlist)"),
    ],
)
def test_a_plugin_written_for_another_hook_stops_no_other(
    install: Install, right: str, wrong: str
) -> None:
    source = ANNOUNCES.format(name="older").replace(right, wrong)
    registry = registry_of([install("older", source), install("zeta")])
    assert set(registry.vendors) == {"zeta"}
    assert "does not announce itself" in registry.broken["older"]


def test_a_disabled_plugin_is_not_even_imported(install: Install) -> None:
    registry = registry_of([install("acme"), install("zeta")], {"acme"})
    assert set(registry.vendors) == {"zeta"}
    assert "renkei_test_acme" not in sys.modules
    assert registry.disabled == {"acme"}


def test_asking_for_an_unknown_vendor_says_what_is_installed(install: Install) -> None:
    with pytest.raises(UnknownVendor, match=r"installed: acme.*pip install renkei-emca"):
        registry_of([install("acme")]).vendor("emca")


def test_asking_for_a_broken_vendor_says_why(install: Install) -> None:
    with pytest.raises(UnknownVendor, match="gone_for_good"):
        registry_of([install("acme", "import gone_for_good")]).vendor("acme")


def test_asking_for_a_disabled_vendor_says_how_to_switch_it_on(install: Install) -> None:
    with pytest.raises(UnknownVendor, match="disabled_plugins"):
        registry_of([install("acme")], {"acme"}).vendor("acme")


def test_what_is_installed_here_is_found() -> None:
    registry = load_registry()
    assert not set(registry.vendors) & set(registry.broken)


def test_the_matrix_has_the_capabilities_that_somebody_has() -> None:
    vendors = [
        Vendor("acme", "Acme", BaseModel, orders=lambda _: None, twin=lambda _: None),  # type: ignore[arg-type, return-value]
        Vendor("bare", "Bare", BaseModel, member_creation=lambda _: None),  # type: ignore[arg-type, return-value]
    ]
    columns, rows = capability_matrix(vendors)
    assert columns == ["orders", "member creation", "twin", "real peer"]
    assert rows == [(True, False, True, False), (False, True, False, False)]
