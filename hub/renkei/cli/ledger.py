"""``renkei ledger verify``: recomputing the books from their log."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.screen import as_json, say, table, working
from renkei.errors import UnknownMember

if TYPE_CHECKING:
    from renkei.bootstrap import Hub
    from renkei.ledger.verify import Report

commands = typer.Typer(help="Check the books.")


@commands.callback()
def group() -> None:
    """Check the books."""


@commands.command("verify")
def verify(
    context: typer.Context,
    member: Annotated[
        str | None, typer.Option(metavar="MEMBER", help="only this member: an id or a card number")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="for a program")] = False,
) -> None:
    """Recompute every balance from the log; exit code 1 where anything is not as it must be."""
    if member is not None and not member.strip():
        raise typer.BadParameter("give a member id or a card number", param_hint="--member")
    report = with_hub(invocation(context).settings(), lambda hub: verified(hub, member))
    if json:
        as_json({"ok": not report.findings, **asdict(report)})
    else:
        _show(report)
    if report.findings:
        raise typer.Exit(1)


async def verified(hub: "Hub", name: str | None = None) -> "Report":
    """The report, on one consistent view of the database; UnknownMember for a name of nobody."""
    from renkei.ledger.verify import verify_database
    from renkei.services.members.members import find_member

    member = await find_member(hub.booking, name) if name else None
    with working("recomputing the ledger"):
        report = await verify_database(hub.database.engine, member)
    if member and report.members == 0:
        raise UnknownMember(f"no member {member}; see `renkei members`")
    return report


def _show(report: "Report") -> None:
    looked = f"{report.transactions} transactions of {report.members} members"
    if not report.findings:
        say(f"✔ {report.checks} invariants hold over {looked}")
        return
    rows = [(one.invariant, one.subject, one.detail) for one in report.findings]
    table(f"✘ {len(rows)} findings over {looked}", ("invariant", "where", "what"), rows)
