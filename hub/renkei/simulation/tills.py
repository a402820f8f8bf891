"""What happens at a register, step by step: hold, commit, release, restate. Pure.

A register makes the content of its commit from the answer to its hold: ``filled`` does that.
"""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from renkei.simulation.people import member_id
from renkei.simulation.rounds import now_of
from renkei.simulation.stage import TILLS
from renkei_contracts.order import LineItem, TillKey
from renkei_contracts.till import CommitRequest, HoldRequest

MOST_AGAIN = 20
"""The most often that anything is told."""


@dataclass(frozen=True)
class Step:
    """One call; ``times`` is how often it is made. A commit's and a release's hold is filled in."""

    round: int
    times: int
    ask: HoldRequest | CommitRequest | Literal["release"]
    with_hold: bool = False


@dataclass(frozen=True)
class Visit:
    """The steps of one member's visit, made by one register, in order."""

    number: int
    till: str
    steps: tuple[Step, ...]

    @property
    def terminal(self) -> str:
        """The credential of the register."""
        return f"trm_{self.till}"


KINDS = (
    "captured",
    "captured",
    "released",
    "lapsed",
    "late",
    "direct",
    "direct",
    "offline",
    "twice",
)


def often(chance: random.Random) -> int:
    """How often something is told: mostly once, sometimes up to twenty times."""
    return chance.choice((1, 1, 1, 1, 1, 2, 2, 3, chance.randint(4, MOST_AGAIN)))


def hold_name(ask: HoldRequest) -> str:
    """How a hold is named in reports."""
    return f"hold {ask.key}"


def sale_name(ask: CommitRequest) -> str:
    """How a revision of a sale is named in reports."""
    return f"sale {ask.sale}#{ask.revision}"


def visit(chance: random.Random, members: int, number: int, rounds: int) -> Visit:
    """A random visit."""
    return _Visiting(chance, number, rounds, members).made()


def filled(step: Step, hold: str | None, refused: bool) -> HoldRequest | CommitRequest | None:
    """What the register sends; a sale whose hold was refused is made without points."""
    if not isinstance(step.ask, CommitRequest):
        return step.ask if isinstance(step.ask, HoldRequest) else None
    if not step.with_hold:
        return step.ask
    if refused:
        return step.ask.model_copy(update={"points_used": 0})
    return step.ask.model_copy(update={"hold": hold})


class _Visiting:
    def __init__(self, chance: random.Random, number: int, rounds: int, members: int) -> None:
        self._chance = chance
        self._number = number
        self._round = chance.randrange(rounds)
        self._last = rounds - 1
        self._till = chance.choice(TILLS)
        self._member = member_id(chance.randrange(members))
        self._points = chance.choice((chance.randint(1, 30), chance.randint(1, 150)))
        self._lines = (
            LineItem(id="l0", quantity=1, amount=chance.randint(200, 5000), tax_rate=1000),
        )

    def made(self) -> Visit:
        kind = self._chance.choice(KINDS)
        steps = getattr(self, f"_{kind}")()
        if kind in ("captured", "direct", "offline") and self._chance.random() < 0.4:
            steps.append(self._restated(steps[-1]))
        return Visit(self._number, self._till, tuple(steps))

    def _captured(self) -> list[Step]:
        return [self._hold(), self._commit(with_hold=True)]

    def _released(self) -> list[Step]:
        return [self._hold(), self._step("release")]

    def _lapsed(self) -> list[Step]:
        return [self._hold()]

    def _late(self) -> list[Step]:
        """The sale is told rounds after its hold has lapsed."""
        steps = [self._hold()]
        self._round = min(self._last, self._round + 1)
        return [*steps, self._commit(with_hold=True)]

    def _direct(self) -> list[Step]:
        return [self._commit(with_hold=False)]

    def _offline(self) -> list[Step]:
        return [self._commit(with_hold=False, occurred=True)]

    def _twice(self) -> list[Step]:
        """Two sales name one hold: it pays for the first."""
        hold, first = self._captured()
        return [hold, first, self._commit(with_hold=True, receipt="b")]

    def _hold(self) -> Step:
        ttl = self._chance.choice((10, 900, 86_400))
        ask = HoldRequest(
            key=f"h{self._number}", member=self._member, points=self._points, ttl_seconds=ttl
        )
        return self._step(ask)

    def _commit(self, *, with_hold: bool, occurred: bool = False, receipt: str = "a") -> Step:
        more = self._chance.choice((0, 0, 0, -self._points // 2, 10))
        used = min(self._lines[0].amount, self._points + more)
        key = TillKey(
            store="store",
            till=self._till,
            business_date=date(2026, 6, 1),
            receipt_number=f"{self._number}{receipt}",
        )
        ask = CommitRequest(
            sale=key,
            sold_at=now_of(self._round) - timedelta(minutes=self._chance.randint(1, 600)),
            member=self._member,
            points_used=used if with_hold or self._chance.random() < 0.7 else 0,
            lines=self._lines,
            occurred=occurred,
        )
        return self._step(ask, with_hold=with_hold)

    def _restated(self, step: Step) -> Step:
        """The sale is voided, or a part of it goes back."""
        assert isinstance(step.ask, CommitRequest)
        self._round = self._chance.randint(self._round, self._last)
        line = self._lines[0]
        back = self._chance.randint(0, line.amount)
        lines = (line.model_copy(update={"returned_amount": back}),)
        changes = self._chance.choice(
            ({"voided": True}, {"lines": lines}, {"lines": lines, "points_used": 0})
        )
        again = step.ask.model_copy(update={"revision": 2, "occurred": True, **changes})
        return self._step(again, with_hold=step.with_hold)

    def _step(
        self, ask: HoldRequest | CommitRequest | Literal["release"], *, with_hold: bool = False
    ) -> Step:
        return Step(self._round, often(self._chance), ask, with_hold or ask == "release")
