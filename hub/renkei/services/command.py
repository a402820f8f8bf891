"""A business act: what it needs, and its pure decision."""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from renkei.ledger.world import Known, Needs
from renkei.services.attempt import Attempt

A = TypeVar("A", covariant=True)


class Command(Protocol, Generic[A]):
    """A business act: what it needs locked and loaded, and its pure decision.

    ``decide`` raises to refuse; then nothing of it is kept.
    """

    def needs(self) -> Needs:
        """What to lock and load."""
        ...

    def decide(self, attempt: Attempt) -> A:
        """Decide over the attempt's world; gives the answer."""
        ...


def further_needs(command: Command[Any], known: Known) -> Needs:
    """What else the command needs locked and loaded once programs and names are known.

    Few commands have a ``further``: those whose quotas depend on the program and the member.
    """
    ask: Callable[[Known], Needs] | None = getattr(command, "further", None)
    return ask(known) if ask is not None else Needs()
