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
from renkei.simulation.orders import OrderHistory
from renkei.simulation.people import seen_at
from renkei.simulation.rounds import BEGIN, ROUNDS, now_of, round_of
from renkei.simulation.stage import CARTS
from renkei.simulation.tills import Visit, visit
from renkei_contracts.event import MemberSeen, OrderSeen
from renkei_contracts.member import Member

FACTS_SHARE = 0.55
"""Of the events, where registers ask for holds, too."""

MONTHS = 4
"""What the rounds span, rounded up: points that live longer do not expire."""

Seen = OrderSeen | MemberSeen
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
        lasting = program.expires_months is None or program.expires_months > MONTHS
        return self.traffic == "all" or lasting

    def program(self) -> Program:
        """The program of this seed."""
        chance = self.random("program")
        return Program(
            id="simulated",
            per_yen=chance.choice((50, 100)),
            usable=chance.choice(("at_once", "at_once", "next_day")),
            expires_months=chance.choice((1, 1, 2, 12, None)),
            restore_days=chance.choice((5, 30)),
        )


@dataclass(frozen=True)
class Fact:
    """Something that happened in a round; it may be told again and later."""

    number: int
    round: int
    seen: Seen


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
    events: int = 0


def plan(scenario: Scenario) -> Plan:
    """The traffic of this scenario: at least its events, and at most one order's more."""
    chance = scenario.random("traffic")
    made = _Made()
    for seen in _late_customers(scenario):
        happened = seen.member.changed_at
        made.facts.append(Fact(len(made.facts), round_of(happened), seen))
    made.events = len(made.facts)
    while made.events < scenario.events:
        if scenario.traffic == "facts" or chance.random() < FACTS_SHARE:
            _add_order(made, scenario, chance)
        else:
            added = visit(chance, scenario.members, len(made.visits), ROUNDS)
            made.visits.append(added)
            made.events += len(added.steps)
    ordered = sorted(made.facts, key=lambda fact: (happened_at(fact.seen), fact.number))
    return Plan(scenario, tuple(ordered), tuple(made.visits))


def _add_order(made: _Made, scenario: Scenario, chance: random.Random) -> None:
    number, redeems = len(made.facts), scenario.redeems
    history = OrderHistory(chance, f"o{number}", chance.choice(CARTS), scenario.members, redeems)
    for order in history.states(BEGIN, now_of(ROUNDS - 1)):
        made.facts.append(Fact(len(made.facts), round_of(order.changed_at), OrderSeen(order=order)))
        made.events += 1


def happened_at(seen: Seen) -> datetime:
    """The vendor's clock of what was seen."""
    return seen.order.changed_at if isinstance(seen, OrderSeen) else seen.member.changed_at


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
