"""Running a race: the processes that run it, what they are told to do, and what came of it."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, text

from renkei.ledger.verify import verify
from renkei.services.booking import Booking
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState, TillKey
from renkei_contracts.till import CommitRequest, HoldRequest

PROCESSES = 8
LANES = 5
"""Connections of each process."""

Act = tuple[str, dict[str, Any]]
"""The name of an act in racer.py, and its content."""

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'"""

PLACED = datetime.now(UTC) - timedelta(hours=2)


@dataclass(frozen=True)
class Race:
    """What came of each act, in the order of the acts, and who took part.

    ``backends`` are the server's processes that worked for it, ``again`` why batches ran again.
    """

    outcomes: tuple[dict[str, Any], ...]
    processes: frozenset[int]
    backends: frozenset[int]
    again: Counter[str]

    @property
    def answers(self) -> list[Any]:
        """The answers of the acts that succeeded."""
        return [one["answer"] for one in self.outcomes if "answer" in one]

    @property
    def refusals(self) -> Counter[str]:
        """How many acts were refused with each code, or failed."""
        others = (one for one in self.outcomes if "answer" not in one)
        return Counter(one.get("refused") or one["failed"] for one in others)


@dataclass(frozen=True)
class Gate:
    """A lock in the lanes' way, held until every lane waits, for it or for another lane.

    So each of them has begun before any can end, however busy the machine is.
    """

    holder: Connection
    watcher: Connection

    def open(self) -> None:
        """Wait until all are at the gate, then let them go."""
        while self.watcher.execute(text(WAITING)).scalar_one() < PROCESSES * LANES:
            continue
        self.holder.rollback()


@contextmanager
def closed_gate(owner_url: str, lock: str) -> Iterator[Gate]:
    """Hold this lock; the one who watches is not part of the transaction that holds it."""
    engine = create_engine(owner_url)
    try:
        with engine.connect() as holder, engine.connect() as watcher:
            holder.execute(text(lock))
            yield Gate(holder, watcher.execution_options(isolation_level="AUTOCOMMIT"))
    finally:
        engine.dispose()


class Crew:
    """Eight processes that wait for races. They end when they are dismissed, or with us."""

    def __init__(self) -> None:
        program = [sys.executable, str(Path(__file__).with_name("racer.py"))]
        self._processes = [
            subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(PROCESSES)
        ]

    def race(self, url: str, acts: Sequence[Act], batch: int, gate: Gate) -> Race:
        """Deal the acts out, start when every lane is connected, wait for the reports."""
        for n, process in enumerate(self._processes):
            share = acts[n::PROCESSES]
            self._tell(process, {"url": url, "lanes": LANES, "batch": batch, "acts": share})
        ready = [self._hear(process) for process in self._processes]
        assert ready == [{"ready": LANES}] * PROCESSES
        for process in self._processes:
            self._tell(process, "go")
        gate.open()
        return _race([self._hear(process) for process in self._processes], len(acts))

    def dismiss(self) -> None:
        """Let the processes end."""
        for process in self._processes:
            with process:
                assert process.stdin is not None
                process.stdin.close()

    def _tell(self, process: "subprocess.Popen[str]", what: Any) -> None:
        assert process.stdin is not None
        process.stdin.write(json.dumps(what) + "\n")
        process.stdin.flush()

    def _hear(self, process: "subprocess.Popen[str]") -> Any:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"a racer ended with {process.poll()}"
        return json.loads(line)


def _race(reports: Sequence[dict[str, Any]], acts: int) -> Race:
    outcomes = tuple(reports[n % PROCESSES]["outcomes"][n // PROCESSES] for n in range(acts))
    return Race(
        outcomes=outcomes,
        processes=frozenset(report["process"] for report in reports),
        backends=frozenset(pid for report in reports for pid in report["backends"]),
        again=sum((Counter(report["again"]) for report in reports), Counter()),
    )


def person(id: str = "c1", connection: str = "cart", email: str = "hanako@example.jp") -> Member:
    """A customer with a proven address."""
    proven = Identity(kind=IdentityKind.EMAIL, value=email, grade=Grade.VERIFIED)
    ref = ExternalRef(connection=connection, id=id)
    return Member(ref=ref, changed_at=PLACED, given_name="花子", identities=(proven,))


def bought(id: str, yen: int, *, points: int = 0, tick: int = 0, customer: str = "c1") -> Order:
    """A paid order of the cart, its amount net of tax; ``tick`` moves the vendor's clock."""
    line = LineItem(id="1", quantity=1, amount=yen, tax_rate=1000, tax_included=False)
    return Order(
        ref=ExternalRef(connection="cart", id=id),
        changed_at=PLACED + timedelta(seconds=tick),
        placed_at=PLACED,
        state=OrderState.PAID,
        customer=ExternalRef(connection="cart", id=customer),
        lines=(line,),
        points_used=points,
        points_value=points,
    )


def holding(member: str, key: str, points: int) -> HoldRequest:
    """Points to set aside for an hour."""
    return HoldRequest(key=key, member=member, points=points, ttl_seconds=3600)


def sale(member: str, receipt: str, points: int, till: str = "1") -> CommitRequest:
    """A sale that costs what it pays in points, so that it earns nothing."""
    key = TillKey(
        store="shibuya", till=till, business_date=date(2026, 11, 1), receipt_number=receipt
    )
    line = LineItem(id="1", quantity=1, amount=points, tax_rate=1000)
    return CommitRequest(sale=key, sold_at=PLACED, member=member, points_used=points, lines=(line,))


def hold_act(ask: HoldRequest, till: str = "1") -> Act:
    """A register places a hold."""
    return ("hold", {"till": till, "ask": ask.model_dump(mode="json")})


def commit_act(ask: CommitRequest) -> Act:
    """A register commits a sale."""
    return ("commit", {"till": ask.sale.till, "ask": ask.model_dump(mode="json")})


def hold_and_commit_act(ask: CommitRequest) -> Act:
    """A register places a hold for a sale and commits the sale with it."""
    assert ask.member is not None
    placed = holding(ask.member, f"for {ask.sale}", ask.points_used)
    body = {"hold": placed.model_dump(mode="json"), "sale": ask.model_dump(mode="json")}
    return ("hold_and_commit", body | {"till": ask.sale.till})


def order_act(seen: Order) -> Act:
    """A cart tells of an order."""
    return ("order", seen.model_dump(mode="json"))


def enrol_act(seen: Member) -> Act:
    """A channel tells of a customer."""
    return ("enrol", seen.model_dump(mode="json"))


async def member_with(booking: Booking, points: int, id: str = "c1") -> str:
    """A member who has earned this many points."""
    member = (await booking.enrol(person(id, email=f"{id}@example.jp"))).member
    earning = bought(f"stock-{id}", points * 100, customer=id)
    await booking.settle(earning, read_at=None, delivery_key=None)
    return member


async def publish_campaign(booking: Booking, **campaign: Any) -> None:
    """The program's second version has this campaign, ``autumn``, from ever on."""
    document = json.dumps({"campaigns": [{"name": "autumn"} | campaign]})
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', 2, '1970-01-02Z', :d)"),
            {"d": document},
        )


async def scalar(booking: Booking, statement: str, **values: Any) -> Any:
    """One value from the database."""
    async with booking.database.begin() as conn:
        return (await conn.execute(text(statement), values)).scalar_one()


async def assert_books_hold(booking: Booking) -> None:
    """Everything recomputed from the log is as it is stored."""
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()
