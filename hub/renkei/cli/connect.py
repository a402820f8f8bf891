"""``renkei connect`` and ``connections``: the shops whose orders and points the hub handles."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.connection_settings import Ask, gather
from renkei.cli.invocation import invocation
from renkei.registry import load_registry

if TYPE_CHECKING:
    pass

Json = Annotated[bool, typer.Option("--json", help="for a program")]


def connect(
    context: typer.Context,
    vendor: Annotated[str, typer.Argument(help="the plugin's name: see `renkei plugins`")],
    id: Annotated[
        str | None, typer.Option(help="the connection's name (else the vendor's)")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="one setting")
    ] = None,
    settings_file: Annotated[
        Path | None, typer.Option("--settings", help="TOML file with the settings")
    ] = None,
    json: Json = False,
) -> None:
    """Connect a shop: its settings are asked for, checked at the vendor, and kept sealed."""
    settings = invocation(context).settings()
    model = load_registry(settings.disabled_plugins).vendor(vendor).settings
    gather(model, set_ or (), settings_file, _ask() if not json else None)


def connections(context: typer.Context, json: Json = False) -> None:
    """List the connections with their state and the address their vendor calls."""
    raise NotImplementedError


def _ask() -> Ask | None:
    """How to ask the person at the keyboard; None where there is none."""
    if not sys.stdin.isatty():
        return None
    return lambda what, hidden: str(typer.prompt(what, hide_input=hidden, err=True))
