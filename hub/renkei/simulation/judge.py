"""Whether a simulation ended as it must: every violation says what, where and how. Pure.

The books' own consistency is ``ledger.verify``'s; here they are held against the traffic.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from renkei.ledger.verify import Finding
from renkei.ledger.world import OrderKey
from renkei.loyalty.earn import evaluate_order
from renkei.services.hold import PlaceHold, parse_hold_id
from renkei.services.sale import CommitSale, order_of
from renkei.simulation.evidence import Books, Evidence
from renkei.simulation.people import member_of
from renkei.simulation.recording import Outcome, restored
from renkei.simulation.tills import hold_name, sale_name
from renkei.simulation.traffic import Plan
from renkei.simulation.workers import Answered
from renkei_contracts.event import OrderSeen
from renkei_contracts.order import Order
from renkei_contracts.till import HoldRequest

Log = Sequence[Mapping[str, Any]]

REFUSALS = {
    "PlaceHold": {"insufficient_points"},
    "CommitSale": {"insufficient_points", "hold_used"},
}
"""The only refusals this traffic can meet; everything else is told in a way that must pass."""


@dataclass(frozen=True)
class Request:
    """A register's request as the log has it. ``points`` None: a fact, never refused for want."""

    name: str
    member: str
    points: int | None
    hold: str | None
    order: OrderKey | None
    now: datetime
    version: int
    outcome: Outcome


def judge(plan: Plan, answers: Sequence[Answered], log: Log, evidence: Evidence) -> list[Finding]:
    """Everything that is not as it must be."""
    commands = [restored(act["do"], act["command"]) for act in log]
    requests = [
        request_of(command, act)
        for command, act in zip(commands, log, strict=True)
        if isinstance(command, PlaceHold | CommitSale)
    ]
    sales = [
        (command, act["outcome"])
        for command, act in zip(commands, log, strict=True)
        if isinstance(command, CommitSale)
    ]
    return [
        *_refusals(log),
        *_first_answers(requests, answers),
        *_justified(requests, evidence),
        *_targets(plan, newest(plan, sales), evidence),
        *_sums(plan, evidence),
    ]


def request_of(command: PlaceHold | CommitSale, act: Mapping[str, Any]) -> Request:
    """The request that this act of the log was."""
    member = command.ask.member or ""
    now, version = datetime.fromisoformat(act["now"]), act["versions"].get(member, 0)
    if isinstance(command, PlaceHold):
        name, points = hold_name(command.ask), command.ask.points
        return Request(name, member, points, None, None, now, version, act["outcome"])
    ask = command.ask
    asked = None if ask.occurred or ask.voided or not ask.points_used else ask.points_used
    order = (command.connection, str(ask.sale))
    name = sale_name(ask)
    return Request(name, member, asked, ask.hold, order, now, version, act["outcome"])


def _refusals(log: Log) -> Iterator[Finding]:
    for number, act in enumerate(log):
        outcome, allowed = act["outcome"], REFUSALS.get(act["do"], set())
        if "answer" not in outcome and outcome.get("refused") not in allowed:
            where = f"act {number}, {act['do']}"
            yield Finding("nothing is refused without need", where, str(outcome))


def _first_answers(requests: Sequence[Request], answers: Sequence[Answered]) -> Iterator[Finding]:
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


def _justified(requests: Sequence[Request], evidence: Evidence) -> Iterator[Finding]:
    """What was refused for want of points was not covered; what was accepted first, was."""
    accepted: set[str] = set()
    for one in requests:
        yes = "answer" in one.outcome
        wanting = one.outcome.get("refused") == "insufficient_points"
        if one.points is None or one.name in accepted or not (yes or wanting):
            continue
        if yes:
            accepted.add(one.name)
        there = covered(one, evidence.books.get(one.member, Books()))
        if yes != (one.points <= there):
            verdict = "accepted" if yes else "refused"
            detail = f"{one.points} points were {verdict} where {there} were there"
            yield Finding("a request takes what is there, and no more", one.name, detail)


def covered(request: Request, books: Books) -> int:
    """What the request could use when it was decided."""
    there = books.spendable(request.version, request.now)
    if request.hold is not None:
        there += books.held(parse_hold_id(request.hold)[1], request.version, request.now)
    if request.order is not None:
        there += books.redeemed_by(request.order, request.version)
    return there


def newest(
    plan: Plan, sales: Sequence[tuple[CommitSale, Outcome]]
) -> dict[OrderKey, tuple[Order, str | None]]:
    """(newest state, whose it is) of every order that was told or accepted."""
    states: dict[OrderKey, tuple[Order, str | None]] = {}

    def see(order: Order, member: str | None) -> None:
        key = (order.ref.connection, order.ref.id)
        if key not in states or states[key][0].changed_at < order.changed_at:
            states[key] = (order, member)

    for fact in plan.facts:
        if isinstance(fact.seen, OrderSeen):
            customer = fact.seen.order.customer
            see(fact.seen.order, member_of(customer) if customer else None)
    for command, outcome in sales:
        if "answer" in outcome:
            see(order_of(command.ask, command.connection), command.ask.member)
    return states


def _targets(
    plan: Plan, states: Mapping[OrderKey, tuple[Order, str | None]], evidence: Evidence
) -> Iterator[Finding]:
    """Each order stands at its newest state's target, with its member and with nobody else."""
    program = plan.scenario.program()
    due: dict[tuple[str, OrderKey], tuple[int, int]] = {}
    for key, (order, member) in states.items():
        target = evaluate_order(order, program)
        if member is not None:
            due[member, key] = (target.earned, target.redeemed)
    for member, key in sorted({*due, *evidence.settled}):
        wanted, posted = due.get((member, key), (0, 0)), evidence.settled.get((member, key), (0, 0))
        if wanted != posted:
            detail = f"(earned, redeemed) is {posted} and should be {wanted}"
            name = f"{member} {key[0]}/{key[1]}"
            yield Finding("an order stands at its newest state's target", name, detail)


def _sums(plan: Plan, evidence: Evidence) -> Iterator[Finding]:
    """A member has what their orders earned, less what they used and what expired."""
    if len(evidence.balances) != plan.scenario.members:
        detail = f"{len(evidence.balances)} of {plan.scenario.members}"
        yield Finding("every customer is one member", "members", detail)
    sums: dict[str, int] = {}
    for (member, _), (earned, redeemed) in evidence.settled.items():
        sums[member] = sums.get(member, 0) + earned - redeemed
    for member, (balance, expired) in evidence.balances.items():
        wanted = sums.get(member, 0) - expired
        if balance != wanted:
            detail = f"{balance} and should be {wanted}"
            yield Finding("a member has what was earned, less used and expired", member, detail)
