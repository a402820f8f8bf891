"""``renkei doctor``: what is wrong with this installation, and how to mend it."""

from typing import Annotated

import typer

from renkei.cli.doctor_checks import Finding, examine
from renkei.cli.invocation import invocation
from renkei.cli.screen import as_json, say


def doctor(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="for a program")] = False,
) -> None:
    """Check everything the hub needs; exit code 1 where something must be mended."""
    findings = examine(invocation(context))
    if json:
        as_json(
            {"ok": all(one.ok for one in findings), "checks": [one.as_json() for one in findings]}
        )
    else:
        for finding in findings:
            _show(finding)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    mark = "✔" if finding.ok else "✘"
    say(f"{mark} {finding.check}: {finding.said}")
    if finding.mend:
        say(f"    {finding.mend}")
