"""A till's Z-report against what is booked: kept as it came, and an alert where they differ."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import get_args

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.entry import digest_of
from renkei.messaging.alerts import Alert, raise_all
from renkei.services.refusals import refused
from renkei.services.till.day_totals import Booked, Shift, booked_on
from renkei.services.till.receipt_numbers import between
from renkei.services.till.till_terminal import Terminal
from renkei.storage.engine import Database
from renkei_contracts.reconciliation import (
    Counted,
    Difference,
    Reconciled,
    StoreDay,
    TillDay,
    TillTotals,
    ZReport,
)

KIND = "till_differs"
MOST_NAMED = 1_000

KEPT = """
SELECT digest, answer FROM z_report
WHERE (connection_id, store, till, business_date, settlement_count, revision)
    = (:c, :s, :t, :d, :n, :r)"""

KEEP = """
INSERT INTO z_report (connection_id, store, till, business_date, settlement_count, revision,
                      digest, report, answer, recorded_at)
VALUES (:c, :s, :t, :d, :n, :r, :digest, CAST(:report AS json), CAST(:answer AS json), :now)
ON CONFLICT DO NOTHING"""

NEWEST = """
SELECT DISTINCT ON (till, settlement_count) till, settlement_count, report, answer FROM z_report
WHERE (connection_id, store, business_date) = (:c, :s, :d)
ORDER BY till, settlement_count, revision DESC"""

RETURNED = "SELECT key FROM request_key WHERE scope = :scope AND key = ANY(:keys)"

CLOCK = text("SELECT clock_timestamp()")


@dataclass(frozen=True)
class Reconciliation:
    """The use cases of a till that closes; every refusal is a TillRefused."""

    database: Database

    async def day(self, terminal: Terminal, store: str, day: date) -> StoreDay:
        """The store's day as it is booked now, beside what its tills have reported."""
        if store != terminal.store:
            raise refused("sale_of_other_till")
        async with self.database.begin() as conn:
            found = dict(await booked_on(conn, terminal.connection, store, day))
            place = {"c": terminal.connection, "s": store, "d": day}
            reports = {
                Shift(row[0], row[1]): (ZReport.model_validate(row[2]), row[3])
                for row in (await conn.execute(text(NEWEST), place)).all()
            }
            now = (await conn.execute(CLOCK)).scalar_one()
        tills = [
            _till_day(shift, found.get(shift, Booked()).totals, reports.get(shift))
            for shift in sorted({*found, *reports})
        ]
        return StoreDay(store=store, business_date=day, tills=tuple(tills), as_of=now)

    async def report(
        self, terminal: Terminal, report: ZReport, training: bool = False
    ) -> Reconciled:
        """Keep the report and say where it differs; the same again is answered the same.

        Of a register in training nothing is kept, and nobody is told.
        """
        terminal.require_own(report)
        async with self.database.begin() as conn:
            kept = await _kept(conn, terminal.connection, report)
            if kept is not None:
                return kept
            answer = await _compared(conn, terminal.connection, report)
            if training:
                return answer
            if await _keep(conn, terminal.connection, report, answer):
                await _warn(conn, terminal.connection, report, answer)
                return answer
        return await self.report(terminal, report)


def differences(report: ZReport, totals: TillTotals) -> tuple[Difference, ...]:
    """What the till counts, and counts differently."""
    names: Sequence[Counted] = get_args(Counted)
    pairs = ((name, getattr(report, name), getattr(totals, name)) for name in names)
    return tuple(
        Difference(total=name, till=till, hub=hub)
        for name, till, hub in pairs
        if till is not None and till != hub
    )


def _till_day(shift: Shift, totals: TillTotals, reported: tuple[ZReport, object] | None) -> TillDay:
    return TillDay(
        till=shift.till,
        settlement_count=shift.settlement_count,
        totals=totals,
        reported=Reconciled.model_validate(reported[1]) if reported else None,
        differences=differences(reported[0], totals) if reported else (),
    )


async def _kept(conn: AsyncConnection, connection: str, report: ZReport) -> Reconciled | None:
    """The first answer to this report; refused where it said something else."""
    row = (await conn.execute(text(KEPT), _key(connection, report))).first()
    if row is None:
        return None
    if bytes(row[0]) != _digest(report):
        raise refused("key_reused")
    return Reconciled.model_validate(row[1])


async def _compared(conn: AsyncConnection, connection: str, report: ZReport) -> Reconciled:
    now: datetime = (await conn.execute(CLOCK)).scalar_one()
    shifts = await booked_on(conn, connection, report.store, report.business_date)
    booked = shifts.get(Shift(report.till, report.settlement_count), Booked())
    numbers = _numbers(report)
    absent = [one for one in numbers or () if one not in booked.receipts]
    missing = await _without_returns(conn, connection, report, absent)
    found = differences(report, booked.totals)
    return Reconciled(
        revision=report.revision,
        agrees=not found and not missing,
        totals=booked.totals,
        differences=found,
        numbered=numbers is not None,
        missing=tuple(missing[:MOST_NAMED]),
        missing_count=len(missing),
        as_of=now,
    )


def _numbers(report: ZReport) -> list[str] | None:
    if report.first_receipt is None or report.last_receipt is None:
        return None
    return between(report.first_receipt, report.last_receipt)


async def _without_returns(
    conn: AsyncConnection, connection: str, report: ZReport, numbers: Sequence[str]
) -> list[str]:
    """Less the receipts of goods that came back without theirs: they are known by name only."""
    names = {str(report.receipt(number)): number for number in numbers}
    asked = {"scope": f"return/{connection}", "keys": list(names)}
    known = set((await conn.execute(text(RETURNED), asked)).scalars()) if names else set()
    return [number for name, number in names.items() if name not in known]


async def _keep(
    conn: AsyncConnection, connection: str, report: ZReport, answer: Reconciled
) -> bool:
    said = {
        "digest": _digest(report),
        "report": report.model_dump_json(),
        "answer": answer.model_dump_json(),
        "now": answer.as_of,
    }
    done = await conn.execute(text(KEEP), _key(connection, report) | said)
    return done.rowcount == 1


async def _warn(
    conn: AsyncConnection, connection: str, report: ZReport, answer: Reconciled
) -> None:
    if answer.agrees:
        return
    told = {one.total: [one.till, one.hub] for one in answer.differences}
    where = f"till {report.till} of {report.store} on {report.business_date}"
    message = (
        f"{where}, settlement {report.settlement_count}: the till and the hub count "
        f"{json.dumps(told)}; {answer.missing_count} receipts are missing"
    )
    subject = f"{report.store}/{report.till}/{report.business_date}/{report.settlement_count}"
    alert = Alert(KIND, connection, f"{subject}#{report.revision}", message)
    await raise_all(conn, [alert], answer.as_of)


def _digest(report: ZReport) -> bytes:
    return digest_of(report.model_dump(mode="json"))


def _key(connection: str, report: ZReport) -> dict[str, object]:
    return {
        "c": connection,
        "s": report.store,
        "t": report.till,
        "d": report.business_date,
        "n": report.settlement_count,
        "r": report.revision,
    }
