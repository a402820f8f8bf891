"""``renkei connect`` and ``connections``: the shops whose orders and points the hub handles."""

import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.screen import as_json, errors, local, say, table
from renkei.config import Settings
from renkei.registry import load_registry
from renkei_contracts.vendor import Vendor

if TYPE_CHECKING:
    from renkei.bootstrap import Hub
    from renkei.cli.connection_settings import Ask
    from renkei.services.setup.connect import Connected
    from renkei.services.setup.consent import ByHand

Json = Annotated[bool, typer.Option("--json", help="for a program")]


def connect(
    context: typer.Context,
    vendor: Annotated[str, typer.Argument(help="the plugin's name: see `renkei plugins`")],
    id: Annotated[
        str | None, typer.Option(help="the connection's name (else the vendor's)")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="one setting")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--settings", help="TOML file with the settings")
    ] = None,
    authorize: Annotated[
        bool, typer.Option("--authorize", help="the shop's owner authorizes us in a browser now")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="give a connection that is there these settings")
    ] = False,
    json: Json = False,
) -> None:
    """Connect a shop: its settings are asked for, checked at the vendor, and kept sealed."""
    from renkei.cli.connection_settings import gather
    from renkei.services.setup.consent import REDIRECT_URL, ByHand

    settings = invocation(context).settings()
    plugin = load_registry(settings.disabled_plugins).vendor(vendor)
    needed = (REDIRECT_URL,) if authorize else ()
    given = gather(plugin.settings, setting or (), file, _ask(), needed)
    hand = ByHand(_page_and_back, webhook_url(settings, "/") or "") if authorize else None
    made = with_hub(
        settings, lambda hub: _made(hub, plugin, id or vendor, given, hand, replace=replace)
    )
    url = webhook_url(settings, made.webhook_path)
    findings = [finding.text for finding in made.findings]
    if json:
        as_json({"id": made.id, "vendor": vendor, "webhook_url": url, "findings": findings})
        return
    say(f"✔ {made.id} is connected to {plugin.title}")
    for finding in findings:
        errors.print(f"  note: {finding}", markup=False, soft_wrap=True)
    if url:
        say("Let the vendor send its webhooks to this address, and keep it secret:")
        say(f"  {url}")


async def _made(
    hub: "Hub",
    vendor: Vendor,
    id: str,
    given: dict[str, Any],
    hand: "ByHand | None",
    *,
    replace: bool,
) -> "Connected":
    service = hub.connecting
    change = service.reconnect if replace else service.connect
    return await change(vendor, id, given, by_hand=hand)


async def _page_and_back(page: str) -> str:
    """Show the owner the page of consent; the address at which the browser ended."""
    errors.print("Open this in a browser, as the shop's owner, and allow it:", markup=False)
    errors.print(f"  {page}", markup=False, soft_wrap=True)
    errors.print("The browser then ends at an address with a code; the page there may be missing.")
    return str(typer.prompt("Paste that whole address", err=True))


def connections(context: typer.Context, json: Json = False) -> None:
    """List the connections with their state and the address their vendor, if any, calls."""
    settings = invocation(context).settings()
    lines = with_hub(settings, lambda hub: hub.connecting.lines())
    urls = [webhook_url(settings, line.webhook_path) for line in lines]
    if json:
        rows = [asdict(line) | {"webhook_url": url} for line, url in zip(lines, urls, strict=True)]
        as_json({"connections": rows})
        return
    shown = [
        (one.id, one.vendor or "–", one.state, _counts_from(one.settles_from), url, one.last_error)
        for one, url in zip(lines, urls, strict=True)
    ]
    table("", ("connection", "vendor", "state", "counts from", "webhooks to", "last error"), shown)
    for alarm in (alarm for line in lines for alarm in line.alarms):
        errors.print(f"✘ {alarm}", markup=False, soft_wrap=True)


def _counts_from(moment: datetime) -> str:
    """The connection that an installation begins with has counted from the first."""
    from renkei.ledger.entry import EPOCH

    return local(moment) if moment > EPOCH else "the beginning"


def webhook_url(settings: Settings, path: str | None) -> str | None:
    """Where a vendor reaches this hub."""
    base = settings.public_url or f"http://{settings.host}:{settings.port}"
    return None if path is None else f"{base.rstrip('/')}{path}"


def _ask() -> "Ask | None":
    """How to ask the person at the keyboard; None where there is none."""
    if not sys.stdin.isatty():
        return None
    return lambda what, hidden: str(
        typer.prompt(what, default="", show_default=False, hide_input=hidden, err=True)
    )
