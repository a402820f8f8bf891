"""What each command was, which instant it saw and what came of it, in the order of commits.

The log is written in the command's own database transaction: a killed process leaves neither or
both. Its number comes from one row that every commit locks last, so the order is the commits'.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, StrictInt, TypeAdapter, ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import BookingRefused, ConfigInvalid, TillRefused
from renkei.ledger.world import Known, Needs
from renkei.services.attempt import Attempt
from renkei.services.batch import run_batch
from renkei.services.command import Command, further_needs
from renkei.services.members.enrol import Enrol
from renkei.services.members.merge import MergeMembers, UnmergeMember
from renkei.services.orders.refund import BookRefund
from renkei.services.orders.settle import SettleAnswer, SettleOrder
from renkei.services.points.corrections import Adjust, ExchangePoints, ImportBalance, WriteOffDebt
from renkei.services.points.expire import ExpireLots
from renkei.services.points.hold import LapseHolds, PlaceHold, ReleaseHold
from renkei.services.points.quota import ClaimQuota, OpenQuota
from renkei.services.till.sale import CommitSale
from renkei.simulation.stage import RING
from renkei.simulation.traffic import Traffic
from renkei.storage.engine import Database
from renkei.storage.trip import Statement
from renkei_contracts.base import Instant
from renkei_contracts.errors import RenkeiError

COMMANDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        Enrol,
        SettleOrder,
        PlaceHold,
        ReleaseHold,
        CommitSale,
        LapseHolds,
        ExpireLots,
        BookRefund,
        Adjust,
        ImportBalance,
        ExchangePoints,
        WriteOffDebt,
        MergeMembers,
        UnmergeMember,
        OpenQuota,
        ClaimQuota,
    )
}
"""Every command the traffic may hold."""

APPEND = """
WITH h AS (UPDATE simulation.head SET seq = seq + 1 RETURNING seq)
INSERT INTO simulation.log (seq, acts) SELECT h.seq, CAST(:acts AS json) FROM h"""

LOG = "SELECT acts FROM simulation.log ORDER BY seq"

Outcome = Mapping[str, Any]
"""``{"answer": …}``, ``{"refused": code}`` or ``{"fault": what}``."""


@dataclass
class Act:
    """A command with what it saw and what came of it.

    ``versions``: where the books of its members' groups stood before it; ``beside``: those of other
    homes that its holds lie in. ``known``: the identities it found, by their blind index. They are
    read without a lock, so what it found is part of the record; ``given`` is that on a replay.
    It is itself a command, so that the committer and the batch run it like any other.
    """

    command: Command[Any]
    now: datetime | None = None
    versions: dict[str, int] = field(default_factory=dict)
    beside: dict[str, int] = field(default_factory=dict)
    known: list[str] = field(default_factory=list)
    given: Sequence[str] | None = None
    outcome: Outcome = field(default_factory=dict)

    def needs(self) -> Needs:
        """What the command needs."""
        return self.command.needs()

    def further(self, known: Known) -> Needs:
        """What the command needs further."""
        return further_needs(self.command, known)

    def decide(self, attempt: Attempt) -> Any:
        """The command's decision, noted."""
        self.now = attempt.now
        self._note_versions(attempt)
        self._meet_identities(attempt)
        try:
            answer = self.command.decide(attempt)
        except Exception as error:
            self.outcome = refusal(error)
            raise
        self.outcome = {"answer": plain(answer)}
        return answer

    def _note_versions(self, attempt: Attempt) -> None:
        needs = self.command.needs()
        known = [member for member in needs.members if attempt.knows(member)]
        homes = [books for member in known for books in attempt.group_of(member).homes]
        parts = [part.home for name in needs.holds for part in attempt.parts_of(name)]
        self.versions = {books.member: books.version for books in homes}
        self.beside = {
            home: attempt.books_of(home).version for home in parts if home not in self.versions
        }

    def _meet_identities(self, attempt: Attempt) -> None:
        seen, asked = attempt.world.identities, self.command.needs().identities
        if self.given is not None:
            for key in asked:
                if key[2].hex() not in self.given:
                    seen.pop(key, None)
        self.known = sorted(key[2].hex() for key in asked if key in seen)

    def to_json(self) -> dict[str, Any]:
        """For the log and the file."""
        assert self.now is not None
        return {
            "now": self.now.isoformat(),
            "do": type(self.command).__name__,
            "command": written(self.command),
            "versions": self.versions,
            "beside": self.beside,
            "known": self.known,
            "outcome": self.outcome,
        }


@dataclass(frozen=True)
class RecordedDatabase(Database):
    """A database whose transactions end with their record; ``now`` fixes the instant they see."""

    acts: Sequence[Act]
    now: str | None = None

    @asynccontextmanager
    async def begin_batch(self) -> AsyncIterator[AsyncConnection]:
        """One database transaction, at its fixed instant if there is one."""
        async with self.batches.begin() as conn:
            if self.now is not None:
                fix = text("SELECT set_config('simulation.now', :now, true)")
                await conn.execute(fix, {"now": self.now})
            yield conn

    def beside(self) -> Sequence[Statement]:
        """The record, in the order of the commits: its number is taken last."""
        acts = json.dumps([act.to_json() for act in self.acts], ensure_ascii=False)
        return [Statement(APPEND, {"acts": acts})]


async def run_recorded(database: Database, commands: Sequence[Command[Any]]) -> Sequence[Any]:
    """``run_batch`` with a record."""
    acts = [Act(command) for command in commands]
    return await run_batch(RecordedDatabase(database.engine, database.batches, acts), acts)


async def read_log(conn: AsyncConnection) -> list[dict[str, Any]]:
    """Every act that was committed, in the order of the commits."""
    rows = (await conn.execute(text(LOG))).scalars().all()
    return [act for acts in rows for act in acts]


def refusal(error: Exception) -> Outcome:
    """How an error is noted: a refusal by its code, anything else as a fault."""
    if isinstance(error, TillRefused):
        return {"refused": error.problem.code}
    if isinstance(error, BookingRefused):
        return {"refused": error.code}
    if isinstance(error, RenkeiError):
        return {"refused": type(error).__name__}
    return {"fault": f"{type(error).__name__}: {error}".splitlines()[0]}


def as_read(outcome: Outcome) -> Outcome:
    """An outcome as it stands in a file."""
    return dict(json.loads(json.dumps(outcome)))


def plain(answer: Any) -> Any:
    """An answer as JSON."""
    if isinstance(answer, BaseModel):
        return answer.model_dump(mode="json")
    if is_dataclass(answer) and not isinstance(answer, type):
        return asdict(answer)
    if isinstance(answer, SettleAnswer):
        return answer._asdict()
    return answer


def written(command: Command[Any]) -> dict[str, Any]:
    """A command as JSON, without the ring of keys that all simulations share."""
    [content] = json.loads(_adapter(type(command)).dump_json((command,)))
    content.pop("ring", None)
    return dict(content)


def restored(do: str, content: Mapping[str, Any]) -> Command[Any]:
    """The command again."""
    kind = COMMANDS[do]
    ring = {"ring": _ring()} if "ring" in kind.__dataclass_fields__ else {}
    (command,) = _adapter(kind).validate_json(json.dumps([{**content, **ring}]))
    return cast("Command[Any]", command)


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    """Of a tuple of one: only what stands inside of something takes a configuration."""
    return TypeAdapter(
        tuple[kind],  # type: ignore[valid-type]
        config=ConfigDict(ser_json_bytes="hex", val_json_bytes="hex"),
    )


def _ring() -> dict[str, Any]:
    return {"keys": {name: key.hex() for name, key in RING.keys.items()}, "current": RING.current}


def write_file(path: Path, header: Mapping[str, Any], acts: Sequence[Mapping[str, Any]]) -> None:
    """The record as JSON lines: the header, then the acts in the order of the commits."""
    with path.open("w", encoding="utf-8") as file:
        for line in (header, *acts):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


class Header(BaseModel):
    """The first line of a record: what was played, and how it ended."""

    seed: StrictInt
    events: Annotated[StrictInt, Field(ge=1)]
    members: Annotated[StrictInt, Field(ge=1)]
    traffic: Traffic
    state_hash: str
    rows: dict[str, str]


class Line(BaseModel):
    """Every other one: a command, the instant and the identities it saw, and what came of it."""

    now: Instant
    do: str
    command: dict[str, Any]
    known: list[str]
    outcome: dict[str, Any]


def read_file(path: Path) -> tuple[dict[str, Any], Sequence[dict[str, Any]]]:
    """(header, acts) of a record; raises ConfigInvalid where it cannot be read."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise ConfigInvalid(f"the record {path} cannot be read: {error}") from error
    if not lines:
        raise ConfigInvalid(f"the record {path} is empty")
    for number, line in enumerate(lines, 1):
        try:
            (Line if number > 1 else Header).model_validate(line)
            if number > 1:
                restored(line["do"], line["command"])
        except (KeyError, ValidationError):
            raise ConfigInvalid(
                f"{path} is no record of a simulation, as its line {number} shows: "
                "`renkei simulate --record` writes one"
            ) from None
    return lines[0], lines[1:]
