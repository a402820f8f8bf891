"""Whether a simulation ended as it must: every violation says what, where and how. Pure.

The books' own consistency is ``ledger.verify``'s; here they are held against the traffic.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from renkei.ledger.invariants import Finding
from renkei.ledger.keys import OrderKey
from renkei.ledger.staged import NewRefund
from renkei.loyalty.earn import evaluate_order
from renkei.loyalty.refunds import effective
from renkei.services.command import Command
from renkei.services.members.merge import MergeMembers
from renkei.services.orders.order_of_sale import order_of
from renkei.services.orders.refund import BookRefund
from renkei.services.points.quota import ClaimQuota
from renkei.services.till.sale import CommitSale
from renkei.simulation.evidence import Evidence
from renkei.simulation.office import Deed
from renkei.simulation.people import member_of
from renkei.simulation.recording import Outcome, restored
from renkei.simulation.requests import justified, one_answer, request_of
from renkei.simulation.traffic import Plan
from renkei.simulation.workers import Answered
from renkei_contracts.event import OrderSeen
from renkei_contracts.order import Order

REFUSALS = {
    "PlaceHold": {"insufficient_points"},
    "CommitSale": {"insufficient_points", "hold_used"},
    "Adjust": {"insufficient_points"},
    "ExchangePoints": {"insufficient_points"},
    "WriteOffDebt": {"debt_smaller"},
}
"""The only refusals this traffic can meet; everything else is told in a way that must pass."""

Acts = Sequence[tuple[Command[Any], Outcome]]
States = dict[OrderKey, tuple[Order, str | None]]


def judge(
    plan: Plan,
    answers: Sequence[Answered],
    log: Sequence[Mapping[str, Any]],
    evidence: Evidence,
) -> list[Finding]:
    """Everything that is not as it must be."""
    commands = [restored(act["do"], act["command"]) for act in log]
    asked = [request_of(command, act) for command, act in zip(commands, log, strict=True)]
    requests = [one for one in asked if one is not None]
    acts = [(command, act["outcome"]) for command, act in zip(commands, log, strict=True)]
    return [
        *_refusals(acts),
        *one_answer(requests, answers),
        *justified(requests, evidence),
        *_targets(plan, newest(plan, acts), evidence),
        *_sums(plan, acts, evidence),
        *_quotas(plan, evidence),
    ]


def _refusals(acts: Acts) -> Iterator[Finding]:
    for number, (command, outcome) in enumerate(acts):
        do = type(command).__name__
        if "answer" not in outcome and outcome.get("refused") not in REFUSALS.get(do, set()):
            where = f"act {number}, {do}"
            yield Finding("nothing is refused without need", where, str(outcome))


def newest(plan: Plan, acts: Acts) -> States:
    """(newest state, whose it is) of every order that was told or accepted."""
    states: States = {}

    def see(order: Order, member: str | None) -> None:
        key = (order.ref.connection, order.ref.id)
        if key not in states or states[key][0].changed_at < order.changed_at:
            states[key] = (order, member)

    for fact in plan.facts:
        if isinstance(fact.told, OrderSeen):
            customer = fact.told.order.customer
            see(fact.told.order, member_of(customer) if customer else None)
    for command, outcome in acts:
        if isinstance(command, CommitSale) and "answer" in outcome:
            see(order_of(command.ask, command.connection), command.ask.member)
    return states


def _targets(plan: Plan, states: States, evidence: Evidence) -> Iterator[Finding]:
    """Each order stands at its newest state less its refunds, with its member and nobody else."""
    program, refunds = plan.scenario.program(), _refunds(plan)
    due: dict[tuple[str, OrderKey], tuple[int, int]] = {}
    for key, (order, member) in states.items():
        target = evaluate_order(effective(order, refunds.get(key, ())), program)
        if member is not None:
            due[member, key] = (target.earned, target.redeemed)
    for member, key in sorted({*due, *evidence.settled}):
        wanted, posted = due.get((member, key), (0, 0)), evidence.settled.get((member, key), (0, 0))
        if wanted != posted:
            detail = f"(earned, redeemed) is {posted} and should be {wanted}"
            name = f"{member} {key[0]}/{key[1]}"
            yield Finding("an order stands at its newest state's target", name, detail)


def _refunds(plan: Plan) -> dict[OrderKey, list[NewRefund]]:
    found: dict[OrderKey, list[NewRefund]] = {}
    for fact in plan.facts:
        if isinstance(fact.told, Deed) and isinstance(fact.told.command, BookRefund):
            refund = fact.told.command
            made = NewRefund(refund.key, b"", refund.refund.model_dump(mode="json"))
            found.setdefault(refund.order, []).append(made)
    return found


def _sums(plan: Plan, acts: Acts, evidence: Evidence) -> Iterator[Finding]:
    """Who was ever merged is counted together: an order of one uses points of the other."""
    if len(evidence.balances) != plan.scenario.members:
        detail = f"{len(evidence.balances)} of {plan.scenario.members}"
        yield Finding("every customer is one member", "members", detail)
    together = _ever_merged(evidence, acts)
    wanted: dict[str, int] = {}
    found: dict[str, int] = {}
    for (member, _), (earned, redeemed) in evidence.settled.items():
        wanted[together[member]] = wanted.get(together[member], 0) + earned - redeemed
    for member, (balance, expired) in evidence.balances.items():
        root = together[member]
        wanted[root] = wanted.get(root, 0) + evidence.others.get(member, 0) - expired
        found[root] = found.get(root, 0) + balance
    for root, balance in found.items():
        if balance != wanted[root]:
            detail = f"{balance} and should be {wanted[root]}"
            yield Finding("a member has what was given, less used and expired", root, detail)


def _ever_merged(evidence: Evidence, acts: Acts) -> dict[str, str]:
    """Each member with one name for all who were ever merged with them."""
    together = {member: member for member in evidence.balances}
    for command, _ in acts:
        if isinstance(command, MergeMembers):
            one, other = together[command.member], together[command.into]
            together = {m: one if name == other else name for m, name in together.items()}
    return together


def _quotas(plan: Plan, evidence: Evidence) -> Iterator[Finding]:
    """A quota gives all that is claimed, up to its limit."""
    claimed: dict[tuple[str, str], dict[str, int]] = {}
    for fact in plan.facts:
        if isinstance(fact.told, Deed) and isinstance(fact.told.command, ClaimQuota):
            claim = fact.told.command
            marks = claimed.setdefault((claim.scope, claim.period), {})
            marks[claim.claimant] = max(claim.wanted, marks.get(claim.claimant, 0))
    for key, (limit, used) in evidence.quotas.items():
        wanted = min(limit, sum(claimed.get(key, {}).values()))
        if used != wanted:
            detail = f"{used} of {limit} are used and should be {wanted}"
            yield Finding("a quota gives what is claimed, up to its limit", "/".join(key), detail)
