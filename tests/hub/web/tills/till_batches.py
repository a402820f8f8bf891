"""Acts that were done offline, told in a batch: each a record under the till's own number."""

from collections.abc import Sequence
from typing import Any

from reference_ledger import Answer
from reference_tills import Sale, TillLedger
from till_acts import Act, Said, order_of

KINDS = ("commit", "void", "refund", "attach", "release")


def record(act: Act, sequence: int, at: str) -> Said:
    """The line of one act."""
    body = act.said if act.said is not None else {"hold": act.content[1]}
    return {"type": act.content[0], "sequence": sequence, "device_time": at, "body": body}


def tell(till: str, acts: Sequence[tuple[int, Act]], at: str) -> Act:
    """A batch of them; its answer is that of each, in order."""

    def decide(ledger: TillLedger) -> Answer:
        return tuple(
            ledger.numbered(till, sequence, act.content, lambda act=act: _as_fact(act, ledger))
            for sequence, act in acts
        )

    def read(said: Said) -> Answer:
        assert [one["sequence"] for one in said["results"]] == [sequence for sequence, _ in acts]
        return tuple(_read(act, one) for (_, act), one in zip(acts, said["results"], strict=True))

    lines = [record(act, sequence, at) for sequence, act in acts]
    return Act(till, "/pos/v1/batches", lines, decide, read, known=False)


def _as_fact(act: Act, ledger: TillLedger) -> Answer:
    """A sale that is told in a batch has happened."""
    if act.content[0] != "commit":
        return act.decide(ledger)
    sale = act.content[1]
    assert isinstance(sale, Sale)
    return ledger.sell(sale, order_of(sale), occurred=True)


def _read(act: Act, result: dict[str, Any]) -> Answer:
    if result["status"] == "rejected":
        return ("rejected", result["code"])
    return (result["status"], *act.read(result["answer"]))
