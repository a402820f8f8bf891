"""A step of the script: what happens, and what both stages must be able to do for it."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from renkei.pairing.scene import Scene
from renkei_contracts.stage import Action

Run = Callable[[Scene], Awaitable[None]]


class StepFailed(AssertionError):
    """Something is not as the step needs it; the text says what."""


@dataclass(frozen=True)
class Step:
    """One step. ``name`` is a sentence; ``polled``: it ends when polls have found it, too."""

    name: str
    run: Run
    cart: frozenset[Action]
    till: frozenset[Action]
    polled: bool


class Script:
    """Collects steps in the order in which they are played."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def step(
        self,
        *,
        cart: Collection[Action] = (),
        till: Collection[Action] = (),
        polled: bool = False,
    ) -> Callable[[Run], Run]:
        """Add a function as the next step; its name, with spaces, is the step's."""

        def add(run: Run) -> Run:
            name = getattr(run, "__name__").replace("_", " ")  # noqa: B009 - any callable
            self.steps.append(Step(name, run, frozenset(cart), frozenset(till), polled))
            return run

        return add


def lacking(step: Step, cart: Collection[Action], till: Collection[Action]) -> str:
    """What the step needs and the stages cannot do, in words; empty: it can be played."""
    missing = [f"the cart does not {one}" for one in sorted(step.cart - {*cart})]
    missing += [f"the till does not {one}" for one in sorted(step.till - {*till})]
    return "; ".join(missing)


def need(holds: bool, what: str) -> None:
    """End the script unless it holds; ``what`` says what must hold."""
    if not holds:
        raise StepFailed(what)
