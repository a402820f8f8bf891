"""What the demo says at the end: tables for a person, one document for a program."""

from dataclasses import asdict, dataclass
from typing import Any

from renkei.cli.demo_story import Step, Told
from renkei.cli.demo_watch import Seen
from renkei.cli.members import show_lines
from renkei.cli.screen import say, table
from renkei.ledger.verify import Report as Verified
from renkei.services.members.members import Line

CHANNELS = ("ledger", "cart", "till")


@dataclass(frozen=True)
class Report:
    """The story told, what the ledger says about it, and whether all is as it must be."""

    told: Told
    cart: str
    till: str
    lines: list[Line]
    ledger: Verified
    addresses: dict[str, str]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether everything is as it must be."""
        return not self.told.faults

    def document(self) -> dict[str, Any]:
        """Everything, for a program."""
        return {
            "ok": self.ok,
            "faults": self.told.faults,
            "cart": self.cart,
            "till": self.till,
            "member": self.told.member,
            "card": self.told.card,
            "masked_name": self.told.masked_name,
            "steps": [_step(step) for step in self.told.steps],
            "explained": [line._asdict() for line in self.lines],
            "ledger": asdict(self.ledger),
            "addresses": self.addresses,
            "seconds": round(self.seconds, 1),
        }


def _step(step: Step) -> dict[str, Any]:
    shown = {who: asdict(seen) for who, seen in step.seen.items()}
    return {"name": step.name, "expected": step.expected, **shown}


def show(report: Report) -> None:
    """The balances step by step, the explained ledger, and what is not as it must be."""
    told = report.told
    rows = [
        (step.name, step.expected, *(_cell(step.seen.get(who)) for who in CHANNELS))
        for step in told.steps
    ]
    title = f"cart: {report.cart} · till: {report.till} · {told.masked_name} {told.card}"
    table(title, ("what happened", "must be", *CHANNELS), rows)
    show_lines(f"the ledger of {told.member}", report.lines)
    looked = f"{report.ledger.checks} invariants over {report.ledger.transactions} transactions"
    say(f"checked: {looked}")
    for fault in told.faults:
        say(f"✘ {fault}")
    if report.ok:
        say(f"✔ everything is as it must be ({report.seconds:.1f} s)")


def show_addresses(report: Report) -> None:
    """Where to look around."""
    for what, where in report.addresses.items():
        say(f"{what}: {where}")
    say("Ctrl-C ends it.")


def _cell(seen: Seen | None) -> str:
    if seen is None:
        return ""
    shown = "nothing" if seen.shown is None else str(seen.shown)
    return f"{shown} ✘" if seen.ms is None else f"{shown} ({seen.ms} ms)"
