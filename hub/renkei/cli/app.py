"""The commands by their names, and the options all of them share."""

from pathlib import Path
from typing import Annotated

import typer

from renkei import __version__
from renkei.cli import (
    adjust,
    alerts,
    application,
    backfill,
    backup,
    check,
    connect,
    demo,
    doctor,
    facts,
    journal,
    ledger,
    members,
    new_plugin,
    pair,
    plugins,
    products,
    program,
    queue,
    reconcile,
    serve,
    simulate,
    stores,
    terminal,
    till_test,
    trace,
)
from renkei.cli.invocation import Invocation
from renkei.cli.screen import say

app = typer.Typer(
    name="renkei",
    help="連携 Renkei: one ledger of points for every shop, online and on the street.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(asked: bool) -> None:
    if asked:
        say(f"renkei {__version__}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="settings file (else RENKEI_CONFIG, ./renkei.toml)")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="where the hub keeps its own files (else RENKEI_DATA_DIR)")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="say it, exit")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="tracebacks and every log line")] = False,
) -> None:
    """Options before the command."""
    context.obj = Invocation(config, data_dir, debug)


app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("plugins")(plugins.plugins)
app.command("pair")(pair.pair)
app.command("check")(check.check)
app.command("new-plugin")(new_plugin.new_plugin)
app.command("connect")(connect.connect)
app.command("connections")(connect.connections)
app.command("backfill")(backfill.backfill)
app.command("reconcile")(reconcile.reconcile)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("members")(members.members)
app.command("balance")(members.balance)
app.command("adjust")(adjust.adjust)
app.command("explain")(members.explain)
app.command("trace")(trace.trace)
app.command("queue")(queue.queue)
app.command("replay")(queue.replay)
app.command("dismiss")(queue.dismiss)
app.command("alerts")(alerts.alerts)
app.command("doctor")(doctor.doctor)
app.command("simulate")(simulate.simulate)
app.command("till-test")(till_test.till_test)
app.add_typer(terminal.commands, name="terminal")
app.add_typer(application.commands, name="application")
app.add_typer(program.commands, name="program")
app.add_typer(stores.commands, name="stores")
app.add_typer(facts.commands, name="facts")
app.add_typer(products.commands, name="products")
app.add_typer(journal.commands, name="journal")
app.add_typer(ledger.commands, name="ledger")
