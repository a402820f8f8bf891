"""Who tells what, when and how often: traffic as errands of worker processes. Pure."""

import random
from dataclasses import dataclass
from typing import Literal

from renkei.simulation.rounds import ROUNDS
from renkei.simulation.tills import Step, Visit, often
from renkei.simulation.traffic import Fact, Plan, Told

Order = Literal["clean", "disorder"]


@dataclass(frozen=True)
class Tell:
    """Tell the hub what happened."""

    id: str
    told: Told


@dataclass(frozen=True)
class Turn:
    """A register makes the next steps of a visit; ``first`` is the number of the first of them."""

    id: str
    visit: Visit
    first: int
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Jobs:
    """Book what has lapsed and expired, as the hub's worker does."""

    id: str


Errand = Tell | Turn | Jobs
Rounds = list[list[list[Errand]]]
"""[round][worker] → errands, in the order in which they are begun."""


def schedule(plan: Plan, workers: int, order: Order) -> Rounds:
    """Each fact once and in order, or again and again by anybody and late."""
    chance = plan.scenario.random("schedule")
    rounds: Rounds = [[[] for _ in range(workers)] for _ in range(ROUNDS)]
    for fact in plan.facts:
        if order == "clean":
            rounds[fact.round][0].append(Tell(f"f{fact.number}", fact.told))
        else:
            _scatter(rounds, fact, chance)
    for visit in plan.visits:
        _turns(rounds, visit, chance.randrange(workers))
    for number, lists in enumerate(rounds):
        for worker, errands in enumerate(lists):
            if order == "disorder":
                chance.shuffle(errands)
            at = len(errands) if order == "clean" else chance.randint(0, len(errands))
            errands.insert(at, Jobs(f"j{number}.{worker}"))
    return rounds


def _scatter(rounds: Rounds, fact: Fact, chance: random.Random) -> None:
    for time in range(often(chance)):
        late = chance.choice((fact.round, fact.round, chance.randint(fact.round, ROUNDS - 1)))
        errands = chance.choice(rounds[late])
        errands.append(Tell(f"f{fact.number}.{time}", fact.told))


def _turns(rounds: Rounds, visit: Visit, worker: int) -> None:
    """The steps of one visit stay with one worker, as one register makes them."""
    for number in sorted({step.round for step in visit.steps}):
        mine = [n for n, step in enumerate(visit.steps) if step.round == number]
        steps = tuple(visit.steps[n] for n in mine)
        turn = Turn(f"v{visit.number}.{mine[0]}", visit, mine[0], steps)
        rounds[number][worker].append(turn)
