"""What the demo says at the end: a table for a person, one document for a program."""

from dataclasses import dataclass
from typing import Any

from renkei.cli.demo_story import Step, Told
from renkei.cli.demo_watch import Seen
from renkei.cli.screen import output, table

CHANNELS = ("ledger", "cart", "till")


@dataclass(frozen=True)
class Report:
    """The story told, what the ledger says about it, and whether all is as it must be."""

    told: Told
    cart: str
    till: str
    explained: Any
    ledger: Any
    addresses: dict[str, str]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether everything is as it must be."""
        return not self.told.faults

    def as_json(self) -> dict[str, Any]:
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
            "explained": self.explained,
            "ledger": self.ledger,
            "seconds": round(self.seconds, 1),
        }


def _step(step: Step) -> dict[str, Any]:
    shown = {who: {"shows": one.shown, "ms": one.ms} for who, one in step.seen.items()}
    return {"name": step.name, "expected": step.expected, **shown}


def show_steps(report: Report) -> None:
    """The balances step by step, and what is not as it must be."""
    rows = [
        (step.name, step.expected, *(_cell(step.seen.get(who)) for who in CHANNELS))
        for step in report.told.steps
    ]
    table(
        f"cart: {report.cart} · till: {report.till} · card {report.told.card}"
        f" · {report.told.masked_name}",
        ("what happened", "must be", *CHANNELS),
        rows,
    )
    for fault in report.told.faults:
        output.print(f"✘ {fault}", markup=False, soft_wrap=True)
    if report.ok:
        output.print(f"✔ every number is as it must be ({report.seconds:.1f} s)", markup=False)


def _cell(seen: Seen | None) -> str:
    if seen is None:
        return ""
    shown = "nothing" if seen.shown is None else str(seen.shown)
    return f"{shown} ✘" if seen.ms is None else f"{shown} ({seen.ms} ms)"
