"""How a request is meant: once under the caller's own key, or only rehearsed."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from renkei.ledger.keys import RequestKey
from renkei.ledger.world import Known, Needs
from renkei.loyalty.receipt import TRAINING
from renkei.services.attempt import Attempt
from renkei.services.command import Command, further_needs
from renkei.services.points.hold import first_answer

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Once(Generic[M]):
    """Another command under the caller's key: the same key and content give the first answer."""

    command: Command[M]
    request: RequestKey
    digest: bytes
    answers: type[M]

    def needs(self) -> Needs:
        """What the command needs, and the key."""
        return self.command.needs() | Needs(requests=frozenset({self.request}))

    def further(self, known: Known) -> Needs:
        """What the command needs further."""
        return further_needs(self.command, known)

    def decide(self, attempt: Attempt) -> M:
        """The first answer again, or the command's."""
        first = first_answer(attempt, self.request, self.digest, self.answers)
        if first is not None:
            return first
        answer = self.command.decide(attempt)
        attempt.remember(self.request, self.digest, answer)
        return answer


@dataclass(frozen=True)
class Rehearsal(Generic[M]):
    """A command of a register in training: it is decided as it would be, and nothing is kept."""

    command: Command[M]

    def needs(self) -> Needs:
        """What the command needs."""
        return self.command.needs()

    def further(self, known: Known) -> Needs:
        """What the command needs further."""
        return further_needs(self.command, known)

    def decide(self, attempt: Attempt) -> M:
        """Its answer, out of an attempt that is forgotten; what is printed says that it is none."""
        answer = self.command.decide(Attempt(attempt.world))
        receipt = getattr(answer, "receipt", ())
        return answer.model_copy(update={"receipt": (TRAINING, *receipt)}) if receipt else answer


@dataclass(frozen=True)
class Manner:
    """``key``: the caller's own name for the request, its scope, and what it says; or none."""

    training: bool = False
    key: tuple[RequestKey, bytes] | None = None

    def of(self, command: Command[M], answers: type[M]) -> Command[M]:
        """The command as it is meant."""
        if self.training:
            return Rehearsal(command)
        return Once(command, *self.key, answers) if self.key else command


PLAIN = Manner()
"""In earnest, and known by what the request itself says."""
