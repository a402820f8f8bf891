"""``renkei plugins``: what is installed, what it can do, and what is broken."""

from itertools import compress
from typing import Annotated, Any

import typer

from renkei.cli.invocation import invocation
from renkei.cli.screen import as_json, errors, table
from renkei.registry import Registry, capability_matrix, load_registry


def plugins(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="for a program")] = False,
) -> None:
    """List the installed plugins with their capabilities."""
    settings = invocation(context).load()
    registry = load_registry(settings.disabled_plugins)
    if json:
        as_json(_listed(registry))
    else:
        _show(registry)
    if registry.broken:
        raise typer.Exit(1)


def _listed(registry: Registry) -> dict[str, Any]:
    usable = [
        {
            "name": vendor.name,
            "title": vendor.title,
            "distribution": registry.origins[vendor.name],
            "capabilities": list(vendor.capabilities()),
            "twin": vendor.twin is not None,
            "peer": vendor.peer is not None,
        }
        for vendor in registry.vendors.values()
    ]
    return {
        "plugins": usable,
        "broken": dict(registry.broken),
        "disabled": sorted(registry.disabled),
    }


def _show(registry: Registry) -> None:
    vendors = list(registry.vendors.values())
    columns, marks = capability_matrix(vendors)
    rows = [
        (vendor.name, registry.origins[vendor.name], ", ".join(compress(columns, have)))
        for vendor, have in zip(vendors, marks, strict=True)
    ]
    table("", ("plugin", "distribution", "what it has"), rows)
    for name in sorted(registry.disabled):
        errors.print(f"{name}: switched off by disabled_plugins", markup=False)
    for name, reason in registry.broken.items():
        errors.print(f"✘ {name}: {reason}", markup=False, soft_wrap=True)
