"""quality.toml in a plugin's package: exemptions with their reasons, and dates of live runs."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files

from renkei_contracts.vendor import Vendor


@dataclass(frozen=True)
class Quality:
    """What the file says. ``exempt``: reason by check id; ``live``: date by what was run.

    ``live`` has ``peer`` for the vendor's real software and ``sandbox`` for its test service.
    """

    exempt: Mapping[str, str] = field(default_factory=dict)
    live: Mapping[str, date] = field(default_factory=dict)


def package_of(vendor: Vendor) -> str:
    """The package a plugin is: the one that its settings are defined in."""
    module = vendor.settings.__module__
    return module.rpartition(".")[0] or module


def quality(vendor: Vendor) -> Quality:
    """Read the file of the package that defines the vendor's settings, if it has one."""
    file = files(package_of(vendor)) / "quality.toml"
    if not file.is_file():
        return Quality()
    told = tomllib.loads(file.read_text("utf-8"))
    return Quality(told.get("exempt", {}), told.get("live", {}))


def exemptions(vendor: Vendor) -> Mapping[str, str]:
    """Why a check need not pass, by check id."""
    return quality(vendor).exempt
