"""The requests in a simulation's log: what was asked for, whether it was there, what was said.

Pure. A request takes what is there and no more; it has one answer for ever.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from renkei.ledger.invariants import Finding
from renkei.ledger.keys import OrderKey
from renkei.services.command import Command
from renkei.services.points.corrections import Adjust, Correction, ExchangePoints
from renkei.services.points.hold import PlaceHold, parse_hold_id
from renkei.services.till.sale import CommitSale
from renkei.simulation.evidence import Books, Evidence
from renkei.simulation.recording import Outcome
from renkei.simulation.tills import hold_name, sale_name
from renkei.simulation.workers import Answered
from renkei_contracts.till import HoldRequest

WANTING = "insufficient_points"


@dataclass(frozen=True)
class Request:
    """A request as the log has it. ``points`` None: a fact, which is never refused for want.

    ``versions`` and ``beside``: where the books stood when it was decided (recording.Act).
    """

    name: str
    points: int | None
    hold: str | None
    order: OrderKey | None
    now: datetime
    versions: Mapping[str, int]
    beside: Mapping[str, int]
    outcome: Outcome

    def covered(self, evidence: Evidence) -> int:
        """What could be used for it when it was decided."""
        books = evidence.books
        homes = [(books.get(home, Books()), at) for home, at in self.versions.items()]
        there = max(0, sum(home.ready(version, self.now) for home, version in homes))
        homes += [(books.get(home, Books()), at) for home, at in self.beside.items()]
        for home, version in homes:
            if self.hold is not None:
                there += home.held(parse_hold_id(self.hold), version, self.now)
            if self.order is not None:
                there += home.redeemed_by(self.order, version)
        return there


def request_of(command: Command[Any], act: Mapping[str, Any]) -> Request | None:
    """The request that this act of the log was; None for what has no key of its own."""
    hold, order = None, None
    if isinstance(command, PlaceHold):
        name, points = hold_name(command.ask), command.ask.points
    elif isinstance(command, CommitSale):
        ask = command.ask
        name, points = sale_name(ask), 0 if ask.occurred or ask.voided else ask.points_used
        hold, order = ask.hold, (command.connection, str(ask.sale))
    elif isinstance(command, Correction):
        name, points = f"{command.kind} {command.ask.key}", taken_by(command)
    else:
        return None
    now = datetime.fromisoformat(act["now"])
    where = act["versions"], act["beside"]
    return Request(name, points or None, hold, order, now, *where, act["outcome"])


def taken_by(command: Correction[Any]) -> int:
    """How many points it asks for; 0: it gives some, or says what has happened."""
    if isinstance(command, Adjust):
        return 0 if command.ask.occurred else max(0, -command.ask.points)
    return max(0, -command.ask.points) if isinstance(command, ExchangePoints) else 0


def one_answer(requests: Sequence[Request], answers: Sequence[Answered]) -> Iterator[Finding]:
    """A request that was accepted has one answer, however often and by whomever it is asked."""
    heard = [(one.name, one.outcome) for one in requests]
    for one in answers:
        if one.ask is not None:
            named = hold_name(one.ask) if isinstance(one.ask, HoldRequest) else sale_name(one.ask)
            heard.append((named, one.outcome))
    first: dict[str, Any] = {}
    for name, outcome in heard:
        answer = outcome.get("answer")
        if answer is not None and first.setdefault(name, answer) != answer:
            detail = f"{first[name]} and then {answer}"
            yield Finding("a request has one answer for ever", name, detail)


def justified(requests: Sequence[Request], evidence: Evidence) -> Iterator[Finding]:
    """What was refused for want of points was not covered; what was accepted first, was."""
    accepted: set[str] = set()
    for one in requests:
        yes = "answer" in one.outcome
        if one.points is None or one.name in accepted:
            continue
        if yes:
            accepted.add(one.name)
        elif one.outcome.get("refused") != WANTING:
            continue
        there = one.covered(evidence)
        if yes != (one.points <= there):
            verdict = "accepted" if yes else "refused"
            detail = f"{one.points} points were {verdict} where {there} were there"
            yield Finding("a request takes what is there, and no more", one.name, detail)
