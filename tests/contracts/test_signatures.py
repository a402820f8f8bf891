"""The signatures that plugins implement are frozen: changing one is a decision that is seen."""

import importlib.util
from pathlib import Path

_SPEC = importlib.util.spec_from_file_location(
    "freeze_signatures", Path(__file__).with_name("freeze_signatures.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
freezing = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(freezing)

CHANGED = (
    "a signature that plugins implement is not what it was. Take the change back, or raise the "
    "version of contracts (and the ranges of hub, plugins and scaffold), say in docs/changelog.d "
    "what 'contracts <version>' changes, and run python tests/contracts/freeze_signatures.py"
)


def test_the_signatures_are_what_they_were() -> None:
    frozen = freezing.FILE.read_text("utf-8")
    assert freezing.frozen_text(freezing.version_in(frozen)) == frozen, CHANGED


def test_they_are_frozen_for_the_version_that_contracts_has() -> None:
    assert freezing.version_in(freezing.FILE.read_text("utf-8")) == freezing.contracts_version()


def test_what_a_method_takes_and_gives_is_part_of_them_and_how_it_does_it_is_not() -> None:
    text = freezing.frozen_text("1.2.3")
    assert text.startswith("# renkei-contracts 1.2.3\n")
    assert "    def verify(self, delivery: Delivery, now: datetime) -> None:\n" in text
    assert "    webhooks: Callable[[Connection[Any]], capability.Webhooks] | None = None\n" in text
    assert "yield field.name" not in text
    assert "raise SignatureInvalid" not in text


def test_the_same_version_is_not_frozen_twice() -> None:
    assert "raise it in contracts/pyproject.toml" in freezing.refusal("1.2.0", "1.2.0", ["all"])


def test_a_version_that_no_fragment_speaks_of_is_not_frozen() -> None:
    assert "changelog.d" in freezing.refusal("1.2.0", "1.3.0", ["contracts 1.2.0: …", "other"])
    assert freezing.refusal("1.2.0", "1.3.0", ["plugins: contracts 1.3.0 asks for a key"]) is None
