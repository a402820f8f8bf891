"""Seeded traffic: what happens in the shops of a simulation, and when. Pure.

The same ``Scenario`` gives the same traffic on every machine. Time goes in rounds: what happens in
a round is told during it or, in disorder, later; between two rounds the clock jumps.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from renkei.loyalty.program import Program
from renkei.loyalty.terms import Earn, Expiry
from renkei.services.orders.refund import BookRefund
from renkei.simulation.office import Deed, Office
from renkei.simulation.orders import OrderHistory
from renkei.simulation.people import seen_at
from renkei.simulation.rounds import BEGIN, ROUNDS, now_of, round_of
from renkei.simulation.stage import CARTS
from renkei.simulation.tills import Visit, visit
from renkei_contracts.event import MemberSeen, OrderSeen
from renkei_contracts.member import Member

OFFICE_SHARE = 0.12
FACTS_SHARE = 0.55
"""Up to here, of the decisions what happens next: the office's deeds, then orders at carts."""

MONTHS = 4
"""What the rounds span, rounded up: points that live longer do not expire."""

Told = OrderSeen | MemberSeen | Deed
Traffic = Literal["facts", "all"]
"""``facts``: only what happened and cannot be refused, so that its order must not matter."""


@dataclass(frozen=True)
class Scenario:
    """What a simulation is made from."""

    seed: int
    events: int
    members: int
    traffic: Traffic = "all"

    def random(self, purpose: str) -> random.Random:
        """Random numbers of this seed for one purpose: purposes do not disturb each other."""
        return random.Random(f"{self.seed}/{purpose}")  # noqa: S311 - chance, not secrets

    @property
    def redeems(self) -> bool:
        """Whether orders at the carts use points.

        Not where points expire and the order of facts must not matter: which points a use took was
        decided by what was known when it was told, and a lot told later may be over by then.
        """
        program = self.program()
        lasting = program.expiry.kind == "never" or program.expiry.months > MONTHS
        return self.traffic == "all" or lasting

    def program(self) -> Program:
        """The program of this seed."""
        chance = self.random("program")
        earn = Earn(
            per_yen=chance.choice((50, 100)),
            usable=chance.choice(("at_once", "at_once", "next_day")),
        )
        months, restore_days = chance.choice((1, 1, 2, 12, None)), chance.choice((5, 30))
        expiry = Expiry(restore_days=restore_days, kind="fixed" if months else "never")
        return Program(
            id="simulated", earn=earn, expiry=expiry.model_copy(update={"months": months or 0})
        )


@dataclass(frozen=True)
class Fact:
    """Something that happened in a round; it may be told again and later."""

    number: int
    round: int
    told: Told


@dataclass(frozen=True)
class Plan:
    """The traffic of a scenario."""

    scenario: Scenario
    facts: tuple[Fact, ...]
    visits: tuple[Visit, ...]

    @property
    def events(self) -> int:
        """How many events there are, each counted once."""
        return len(self.facts) + sum(len(visit.steps) for visit in self.visits)


@dataclass
class _Made:
    facts: list[Fact] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)

    @property
    def events(self) -> int:
        return len(self.facts) + sum(len(visit.steps) for visit in self.visits)

    def tell(self, told: Told) -> None:
        self.facts.append(Fact(len(self.facts), round_of(happened_at(told)), told))


def plan(scenario: Scenario) -> Plan:
    """The traffic of this scenario: at least its events, and at most one order's more."""
    chance = scenario.random("traffic")
    office = Office(scenario.random("office"), scenario.members, facts=scenario.traffic == "facts")
    made = _Made()
    for told in _late_customers(scenario):
        made.tell(told)
    while made.events < scenario.events:
        drawn = chance.random()
        if drawn < OFFICE_SHARE:
            made.tell(office.deed(made.events, _some_time(chance)))
        elif scenario.traffic == "facts" or drawn < FACTS_SHARE:
            _add_order(made, scenario, chance)
        else:
            made.visits.append(visit(chance, scenario.members, len(made.visits), ROUNDS))
    ordered = sorted(made.facts, key=lambda fact: (happened_at(fact.told), fact.number))
    return Plan(scenario, tuple(ordered), tuple(made.visits))


def _some_time(chance: random.Random) -> datetime:
    return BEGIN + chance.random() * (now_of(ROUNDS - 1) - BEGIN)


def _add_order(made: _Made, scenario: Scenario, chance: random.Random) -> None:
    ref, cart = f"o{len(made.facts)}", chance.choice(CARTS)
    history = OrderHistory(chance, ref, cart, scenario.members, scenario.redeems)
    states = list(history.states(BEGIN, now_of(ROUNDS - 1)))
    for order in states:
        made.tell(OrderSeen(order=order))
    for refund in history.refunds(states[0], now_of(ROUNDS - 1)):
        made.tell(Deed(refund.occurred_at, BookRefund(refund, None, f"alr_{refund.ref.id}")))


def happened_at(told: Told) -> datetime:
    """The vendor's clock of what was told."""
    if isinstance(told, Deed):
        return told.at
    return told.order.changed_at if isinstance(told, OrderSeen) else told.member.changed_at


def first_customers(scenario: Scenario) -> Iterator[Member]:
    """All members, in the order of their numbers, known at the first cart from the start."""
    for number in range(scenario.members):
        yield seen_at(CARTS[0], number, BEGIN)


def _late_customers(scenario: Scenario) -> Iterator[MemberSeen]:
    """The second cart tells of its customers some time; until then their orders wait."""
    chance = scenario.random("customers")
    for number in range(scenario.members):
        at = BEGIN + chance.random() * (now_of(ROUNDS - 2) - BEGIN)
        yield MemberSeen(member=seen_at(CARTS[1], number, at))
