"""What a plugin says about itself: name, settings, capabilities, README and quality.toml."""

import inspect
import re
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions
from importlib.resources import files
from pathlib import Path
from typing import get_args

from pydantic import SecretStr, ValidationError

from renkei_contracts.stage import Action, CartStage, TillStage
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import CHECKS, NotApplicable, Suite, must
from renkei_contracts.testing.quality import package_of, quality
from renkei_contracts.twin.actions import NoActions
from renkei_contracts.vendor import PROTOCOLS, Vendor

suite = Suite("manifest")

SECRET_NAME = re.compile(r"(^|_)(secrets?|passwords?|tokens?|api_key|private_key)$")
MARK = "renkei-mark-5e1f"
LEAST_WORDS = 10
"""Characters from which on a reason or description says something."""


@suite.check()
async def the_name_is_a_slug(bench: Bench) -> None:
    """It is the entry point's name, the directory's, and part of addresses."""
    told = "Vendor.name must be small letters, digits and hyphens, at most 63: acme-pos"
    must(bool(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", bench.vendor.name)), told)


@suite.check()
async def the_title_is_for_people(bench: Bench) -> None:
    """As the vendor writes its own name."""
    title = bench.vendor.title
    told = "Vendor.title must be the vendor's name as people write it, 1 to 40 characters"
    must(0 < len(title) <= 40 and title == title.strip() and title.isprintable(), told)


@suite.check()
async def the_settings_say_what_each_is(bench: Bench) -> None:
    """`renkei connect` asks for them with these words."""
    for name, field in bench.vendor.settings.model_fields.items():
        words = field.description or ""
        must(len(words) >= LEAST_WORDS, f"the setting {name} must have a description for a person")


@suite.check()
async def the_settings_refuse_what_they_do_not_know(bench: Bench) -> None:
    """A misspelt setting is an error, not a default."""
    known = bench.vendor.settings.model_config.get("extra") == "forbid"
    must(known, "the settings must have extra='forbid'")


@suite.check()
async def secrets_are_secret_settings(bench: Bench) -> None:
    """What is called a secret is a SecretStr, so that no log shows it."""
    for name, field in bench.vendor.settings.model_fields.items():
        if SECRET_NAME.search(name):
            told = f"the setting {name} must be a SecretStr"
            must("SecretStr" in str(field.annotation), told)


@suite.check()
async def the_settings_show_no_secret(bench: Bench) -> None:
    """Neither in repr nor in a dump."""
    model = bench.connection().settings
    shown = f"{model!r} {model} {model.model_dump()!r} {model.model_dump_json()}"
    for name, value in bench.settings().items():
        secret = isinstance(getattr(model, name, None), SecretStr)
        told = f"the setting {name} must be a SecretStr, which shows itself as stars"
        must(not (secret and value and str(value) in shown), told)


@suite.check()
async def a_wrong_setting_is_not_repeated_in_its_error(bench: Bench) -> None:
    """It may be a secret put into the wrong field."""
    for name in bench.vendor.settings.model_fields:
        try:
            bench.vendor.settings.model_validate({name: {"a": MARK}})
        except ValidationError as error:
            told = "the settings must have hide_input_in_errors=True"
            must(MARK not in str(error), told)


@suite.check()
async def every_capability_keeps_its_protocol(bench: Bench) -> None:
    """Every method is there, takes what the Protocol says, and is async where it is."""
    connection = bench.connection()
    for name in bench.vendor.capabilities():
        made = getattr(bench.vendor, name)(connection)
        for method, wanted in _members_of(PROTOCOLS[name]):
            told = f"{name}.{method} must be there: see capability.{PROTOCOLS[name].__name__}"
            must(hasattr(made, method), told)
            _keeps(f"{name}.{method}", getattr(made, method), wanted)


def _members_of(protocol: type) -> Iterator[tuple[str, object]]:
    for name in sorted(protocol.__annotations__):
        yield name, None
    for name, value in vars(protocol).items():
        if inspect.isfunction(value) and not name.startswith("_"):
            yield name, value


def _keeps(what: str, given: object, wanted: object) -> None:
    if not callable(wanted):
        return
    must(callable(given), f"{what} must be a method")
    assert callable(given)
    asked = list(inspect.signature(wanted).parameters)[1:]
    taken = inspect.signature(given).parameters
    more = [one for one in list(taken)[len(asked) :] if taken[one].default is inspect._empty]
    told = f"{what} must take ({', '.join(asked)}) by these names"
    must(list(taken)[: len(asked)] == asked and not more, told)
    same = inspect.iscoroutinefunction(given) == inspect.iscoroutinefunction(wanted)
    must(same, f"{what} must be async exactly where the Protocol is")


@suite.check()
async def the_readme_names_every_setting(bench: Bench) -> None:
    """And says what it means."""
    text = _readme(bench.vendor)
    for name in bench.vendor.settings.model_fields:
        must(f"`{name}`" in text, f"README.md must name the setting `{name}`")


@suite.check()
async def the_readme_names_every_capability(bench: Bench) -> None:
    """And says how it is supported."""
    text = _readme(bench.vendor).lower()
    for name in bench.vendor.capabilities():
        words = name.replace("_", " ")
        must(words in text or name in text, f"README.md must say how {words} are supported")


@suite.check()
async def quality_toml_names_checks_and_reasons(bench: Bench) -> None:
    """An exemption of a check that does not exist exempts nothing."""
    found = quality(bench.vendor)
    for id, reason in found.exempt.items():
        must(id in CHECKS, f"quality.toml exempts {id!r}, which is no check")
        told = f"quality.toml must say why {id!r} is exempt"
        must(len(reason.strip()) >= LEAST_WORDS, told)


@suite.check()
async def the_package_says_that_it_is_typed(bench: Bench) -> None:
    """Else a checker of types sees nothing of it."""
    parts = package_of(bench.vendor).split(".")
    packages = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    typed = any((files(one) / "py.typed").is_file() for one in packages)
    must(typed, "the package must hold an empty file py.typed")


@suite.check()
async def the_twin_does_what_it_says_it_can(bench: Bench) -> None:
    """Each action it names is its own; each action is one there is."""
    twin = bench.twin
    unknown = twin.can - set(get_args(Action))
    must(not unknown, f"the twin's can must name actions of stage.py, not {sorted(unknown)}")
    for action in twin.can & set(vars(NoActions)):
        own = getattr(type(twin), action) is not getattr(NoActions, action)
        must(own, f"the twin must define {action}, or take it out of can")


@suite.check()
async def the_twin_is_a_stage_of_its_kind(bench: Bench) -> None:
    """So that the demo and the pair proof can play on it."""
    twin = bench.twin
    wanted: dict[str, type] = {"cart": CartStage, "till": TillStage}
    stage = wanted.get(twin.kind)
    if stage is None:
        raise NotApplicable("it sells nothing")
    told = f"the twin must do what a {stage.__name__} does: see stage.py"
    must(isinstance(twin, stage), told)


@suite.check()
async def the_twin_sells_at_both_tax_rates(bench: Bench) -> None:
    """Three products at least."""
    if bench.twin.kind == "service":
        raise NotApplicable("it sells nothing")
    items = await bench.twin.catalogue()
    must(len(items) >= 3, "the twin's catalogue must have at least three products")
    rates = {item.tax_rate for item in items[:3]}
    must({800, 1000} <= rates, "the first three products must have both tax rates, 1000 and 800")


def _readme(vendor: Vendor) -> str:
    """README.md of the package, of the project around it, or of the installed distribution."""
    package = package_of(vendor)
    here = Path(str(files(package)))
    for file in (here / "README.md", here.parent / "README.md"):
        if file.is_file() and (file.parent == here or (here.parent / "pyproject.toml").is_file()):
            return file.read_text("utf-8")
    for name in packages_distributions().get(package.partition(".")[0], []):
        if text := distribution(name).read_text("METADATA"):
            return text
    return ""
