"""What a till tells of its time offline: record by record, each by itself, in the till's order."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar

import structlog
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from renkei.errors import BookingRefused, Busy, DatabaseUnreachable, RequestInvalid, TillRefused
from renkei.ledger.entry import digest_of
from renkei.ledger.keys import RequestKey
from renkei.ledger.world import Known, Needs
from renkei.services.attempt import Attempt
from renkei.services.command import Command, further_needs
from renkei.services.points.hold import first_answer
from renkei.services.refusals import refused
from renkei.services.till.aftersale import AfterSale
from renkei.services.till.manner import PLAIN, Manner, Rehearsal
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei.storage.committer import LostRace, brief, passes
from renkei_contracts.aftersale import RefundAnswer
from renkei_contracts.batch import (
    AttachTold,
    CommitTold,
    OfflineRecord,
    RecordAnswer,
    RecordFault,
    RecordResult,
    RefundTold,
    ReleaseTold,
    ReturnTold,
    SequenceGap,
    VoidTold,
)
from renkei_contracts.till import TillProblem

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=BaseModel)

TOGETHER = 50
"""Sales of different members that are booked side by side."""

GAPS = 100
"""Gaps that an answer lists."""

DIGITS = 12
"""Of a sequence number as a key, so that keys stand in its order."""

LAST_BEFORE = "SELECT max(key) FROM request_key WHERE scope = :scope AND key < :first"

TAKEN = """
SELECT key FROM request_key
WHERE scope = :scope AND key > :after AND key <= :last ORDER BY key"""


@dataclass
class Heard:
    """Whether everything a record says was told before; its command's last decision says so."""

    again: bool = False


@dataclass(frozen=True)
class Numbered(Generic[M]):
    """Another command under a till's own number; the number with other content is refused.

    ``heard`` is beside the answer, which is that of the online call and passes through its service.
    """

    command: Command[M]
    request: RequestKey
    digest: bytes
    answers: type[M]
    heard: Heard

    def needs(self) -> Needs:
        """What the command needs, and the number."""
        return self._needs

    @cached_property
    def _needs(self) -> Needs:
        return self.command.needs() | Needs(requests=frozenset({self.request}))

    def further(self, known: Known) -> Needs:
        """What the command needs further."""
        return further_needs(self.command, known)

    def decide(self, attempt: Attempt) -> M:
        """The first answer again, or the command's; one that writes nothing was told before."""
        first = first_answer(attempt, self.request, self.digest, self.answers)
        if first is not None:
            self.heard.again = True
            return first
        answer = self.command.decide(attempt)
        self.heard.again = attempt.staged.is_empty()
        attempt.remember(self.request, self.digest, answer)
        return answer


@dataclass(frozen=True)
class _ByNumber(Manner):
    """The manner of a record: known by its number, however the services name what it asks."""

    request: RequestKey = ("", "")
    digest: bytes = b""
    heard: Heard = field(default_factory=Heard)

    def of(self, command: Command[M], answers: type[M]) -> Command[M]:
        """The command under the record's number."""
        numbered = Numbered(command, self.request, self.digest, answers, self.heard)
        return Rehearsal(numbered) if self.training else numbered


@dataclass(frozen=True)
class Offline:
    """Takes the records of one terminal."""

    till: TillService
    terminal: Terminal

    @property
    def scope(self) -> str:
        """Under which the terminal's numbers are known."""
        return f"batch/{self.terminal.id}"

    async def tell(
        self, records: Sequence[tuple[int, OfflineRecord]], manner: Manner = PLAIN
    ) -> list[RecordResult]:
        """Book (line, record) in this order; a refusal is that record's result and stops nobody."""
        results: list[RecordResult] = []
        for wave in waves(records):
            told = (self._one(line, record, manner) for line, record in wave)
            results += await asyncio.gather(*told)
        return results

    async def missing(self, told: Iterable[int]) -> tuple[SequenceGap, ...]:
        """Gaps in the terminal's numbers, from the newest before these on to the highest of these.

        What is told now fills its place, whatever became of it.
        """
        numbers = sorted({*told})
        if not numbers:
            return ()
        async with self.till.booking.database.begin() as conn:
            values = {"scope": self.scope, "first": _key(numbers[0])}
            before = (await conn.execute(text(LAST_BEFORE), values)).scalar_one() or "0"
            values = {"scope": self.scope, "after": before, "last": _key(numbers[-1])}
            taken = (await conn.execute(text(TAKEN), values)).scalars().all()
        return gaps(int(before), sorted({*numbers, *map(int, taken)}))

    async def _one(self, line: int, record: OfflineRecord, manner: Manner) -> RecordResult:
        sequence = record.sequence
        try:
            answer, again = await self._told(record, manner)
        except TillRefused as error:
            return rejected(line, sequence, error.problem)
        except RequestInvalid as error:
            fault = RecordFault(detail=error.why, pointer="#/body/" + error.field.replace(".", "/"))
            return rejected(line, sequence, refused("request_invalid").problem, (fault,))
        except BookingRefused as error:
            fault = RecordFault(detail=str(error), pointer="#/body")
            return rejected(line, sequence, refused("request_invalid").problem, (fault,))
        except Busy:
            return rejected(line, sequence, refused("busy").problem)
        except (LostRace, DatabaseUnreachable):
            raise  # nothing can be booked for the moment: the whole batch may be told again
        except Exception as error:
            if isinstance(error, SQLAlchemyError) and passes(error):
                raise
            # A bug of ours, or what the database refuses: this record's, never its neighbours'.
            log.error("record_failed", terminal=self.terminal.id, reason=brief(error))
            return rejected(line, sequence, refused("internal").problem)
        return _result(line, sequence, answer, again)

    async def _told(self, record: OfflineRecord, manner: Manner) -> tuple[RecordAnswer, bool]:
        """The online call's answer, and whether it was given before."""
        said = {"type": record.type, "body": record.body.model_dump(mode="json")}
        request = (self.scope, _key(record.sequence))
        how = _ByNumber(manner.training, request=request, digest=digest_of(said))
        answer = await self._booked(record, how)
        return answer, how.heard.again

    async def _booked(self, record: OfflineRecord, how: Manner) -> RecordAnswer:
        after, terminal = AfterSale(self.till.booking), self.terminal
        match record:
            case CommitTold(body=sale):
                return await self.till.commit(terminal, sale, how)
            case VoidTold(body=void):
                return await after.void(terminal, void, how)
            case RefundTold(body=refund):
                return await after.refund(terminal, refund, how)
            case ReturnTold(body=returned):
                return await after.take_back(terminal, returned, how)
            case AttachTold(body=attach):
                return await after.attach(terminal, attach, how)
            case ReleaseTold(body=release):
                return await self.till.release(terminal, release.hold, how)


def waves(
    records: Sequence[tuple[int, OfflineRecord]],
) -> list[list[tuple[int, OfflineRecord]]]:
    """Records that may be booked side by side: sales of different members, one after the other.

    Whatever is told of earlier sales waits for them, and what follows waits for it.
    """
    made: list[list[tuple[int, OfflineRecord]]] = []
    names: set[str] | None = None
    for line, record in records:
        own = _subjects(record)
        fits = names is not None and own is not None and not names & own
        if fits and len(made[-1]) < TOGETHER:
            made[-1].append((line, record))
        else:
            made.append([(line, record)])
            names = set() if own is not None else None
        if names is not None and own is not None:
            names |= own
    return made


def _subjects(record: OfflineRecord) -> set[str] | None:
    """Whose and which sale it is, and the record's number; None: of more than one sale."""
    if not isinstance(record, CommitTold) or record.body.returns:
        return None
    named = {f"sale {record.body.sale}", f"record {record.sequence}"}
    return named | ({f"member {record.body.member}"} if record.body.member else set())


def gaps(before: int, numbers: Sequence[int]) -> tuple[SequenceGap, ...]:
    """What is left out between these ascending numbers, the latest first to be kept."""
    steps = zip([before, *numbers], numbers, strict=False)
    found = [SequenceGap(first=one + 1, last=two - 1) for one, two in steps if two > one + 1]
    return tuple(found[-GAPS:])


def rejected(
    line: int,
    sequence: int | None,
    problem: TillProblem,
    faults: tuple[RecordFault, ...] = (),
) -> RecordResult:
    """The result of a record that was not taken."""
    return RecordResult(
        line=line,
        sequence=sequence,
        status="rejected",
        code=problem.code,
        message=problem.message,
        retryable=problem.retryable,
        action=problem.action,
        errors=faults,
    )


def _result(line: int, sequence: int, answer: RecordAnswer, again: bool) -> RecordResult:
    parked = isinstance(answer, RefundAnswer) and answer.outcome == "parked"
    status = "duplicate" if again else "parked" if parked else "applied"
    return RecordResult.model_validate(
        {"line": line, "sequence": sequence, "status": status, "answer": answer}
    )


def _key(sequence: int) -> str:
    return f"{sequence:0{DIGITS}}"
