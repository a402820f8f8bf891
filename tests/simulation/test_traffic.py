"""The traffic itself: the same for the same seed, told often enough, and of every kind."""

from collections import Counter

from renkei.simulation.recording import COMMANDS
from renkei.simulation.rounds import ROUNDS
from renkei.simulation.schedule import Tell, Turn, schedule
from renkei.simulation.tills import MOST_AGAIN
from renkei.simulation.traffic import Scenario, plan
from renkei_contracts.event import MemberSeen, OrderSeen

SCENARIO = Scenario(7, 1_000, 30)


def test_the_same_seed_gives_the_same_traffic_and_another_seed_another() -> None:
    assert plan(SCENARIO) == plan(SCENARIO)
    assert plan(SCENARIO).facts != plan(Scenario(8, 1_000, 30)).facts


def test_every_fact_is_told_one_to_twenty_times_and_never_before_it_happened() -> None:
    traffic = plan(SCENARIO)
    told: Counter[int] = Counter()
    for number, lists in enumerate(schedule(traffic, 3, "disorder")):
        for errand in (one for errands in lists for one in errands if isinstance(one, Tell)):
            fact = int(errand.id[1:].partition(".")[0])
            told[fact] += 1
            assert number >= next(one.round for one in traffic.facts if one.number == fact)
    assert set(told) == {fact.number for fact in traffic.facts}
    assert max(told.values()) <= MOST_AGAIN
    assert max(told.values()) > MOST_AGAIN // 2


def test_a_visits_steps_are_made_by_one_worker_in_their_order() -> None:
    traffic = plan(SCENARIO)
    made: dict[int, list[tuple[int, int]]] = {}
    for lists in schedule(traffic, 3, "disorder"):
        for worker, errands in enumerate(lists):
            for turn in (one for one in errands if isinstance(one, Turn)):
                steps = range(turn.first, turn.first + len(turn.steps))
                made.setdefault(turn.visit.number, []).extend((worker, step) for step in steps)
    for visit in traffic.visits:
        workers, steps = zip(*made[visit.number], strict=True)
        assert len(set(workers)) == 1
        assert steps == tuple(range(len(visit.steps)))


def test_in_order_every_fact_is_told_once_by_its_own_clock() -> None:
    traffic = plan(Scenario(7, 1_000, 30, "facts"))
    rounds = schedule(traffic, 1, "clean")
    told = [one.id for [errands] in rounds for one in errands if isinstance(one, Tell)]
    assert told == [f"f{fact.number}" for fact in traffic.facts]
    assert len(rounds) == ROUNDS


def test_the_traffic_holds_every_kind_of_command() -> None:
    kinds = {"LapseHolds", "ExpireLots", "OpenQuota"}  # the jobs' and the opening's
    for seed in range(3):
        for fact in plan(Scenario(seed, 1_000, 30)).facts:
            if isinstance(fact.told, OrderSeen | MemberSeen):
                kinds.add("SettleOrder" if isinstance(fact.told, OrderSeen) else "Enrol")
            else:
                kinds.add(type(fact.told.command).__name__)
    assert kinds | {"PlaceHold", "ReleaseHold", "CommitSale"} == set(COMMANDS)
