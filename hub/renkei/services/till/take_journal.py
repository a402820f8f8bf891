"""Committing a sales journal: each sale once, by the same service as a register's commits."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from renkei.connections.store import load
from renkei.errors import BookingRefused, FileInvalid, RequestInvalid, TillRefused
from renkei.identity.cards import is_card
from renkei.services.members.lookup import members_by
from renkei.services.setup.spreadsheets import MOST_FAULTS
from renkei.services.till.sales_journal import Receipt, read_journal
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei.storage.trip import as_json
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member

KNOWN = """
SELECT x.n FROM json_to_recordset(CAST(:sales AS json))
  AS x(n int, s text, t text, d date, k int, r text)
JOIN order_key o ON (o.connection_id, o.store, o.till, o.business_date, o.settlement_count,
                     o.receipt_number) = (:c, x.s, x.t, x.d, x.k, x.r)"""

AT_ONCE = 100
"""Sales on their way together: one batch of the ledger."""


@dataclass(frozen=True)
class Refused:
    """A sale that was not booked, and why; the others were."""

    line: int
    sale: str
    why: str


@dataclass(frozen=True)
class Booked:
    """A sale that was committed."""

    sold_at: datetime
    earned: int
    used: int


@dataclass(frozen=True)
class Taken:
    """What became of a journal. With a dry run ``new`` are those that would be booked.

    ``history`` are kept and earn nothing: they were sold before the connection's orders count.
    """

    receipts: int
    new: int
    known: int
    history: int = 0
    earned: int = 0
    used: int = 0
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True)
class TakeJournal:
    """Takes a file of one connection."""

    till: TillService
    connection: str

    async def take(self, file: Path, *, dry_run: bool = False) -> Taken:
        """Book every sale that is not known yet; nothing where any line cannot be read.

        Raises FileInvalid, UnknownConnection.
        """
        receipts = read_journal(file)
        _require_cards(file, receipts)
        async with self.till.booking.database.begin() as conn:
            since = (await load(conn, self.connection)).settles_from
        new = await self._new(receipts)
        known = len(receipts) - len(new)
        if dry_run:
            old = sum(one.sale.sold_at < since for one in new)
            return Taken(len(receipts), len(new) - old, known, old)
        members = await self._members(new)
        parts = (new[n : n + AT_ONCE] for n in range(0, len(new), AT_ONCE))
        told = [one for part in parts for one in await self._book(part, members)]
        booked = [one for one in told if not isinstance(one, Refused)]
        old = sum(one.sold_at < since for one in booked)
        return Taken(
            receipts=len(receipts),
            new=len(booked) - old,
            known=known,
            history=old,
            earned=sum(one.earned for one in booked),
            used=sum(one.used for one in booked),
            refused=tuple(one for one in told if isinstance(one, Refused)),
        )

    async def _new(self, receipts: Sequence[Receipt]) -> list[Receipt]:
        """Those that no register and no poll has told of."""
        sales = [_row(n, one) for n, one in enumerate(receipts)]
        values = {"c": self.connection, "sales": as_json(sales)}
        async with self.till.booking.database.begin() as conn:
            known = set((await conn.execute(text(KNOWN), values)).scalars())
        return [one for n, one in enumerate(receipts) if n not in known]

    async def _members(self, receipts: Sequence[Receipt]) -> dict[str, str | None]:
        """Whose the cards are."""
        found: dict[str, str | None] = {"": None}
        for one in receipts:
            if one.card not in found:
                found[one.card] = await self._member(one.card, one.sale.sold_at)
        return found

    async def _member(self, card: str, seen_at: datetime) -> str:
        """Whose card it is; one that nobody has becomes a temporary member's, as at a counter."""
        named = Identity(kind=IdentityKind.CARD, value=card, grade=Grade.STRONG)
        found = await members_by(self.till.booking, [named])
        if found:
            return found[0]
        ref = ExternalRef(connection=self.connection, id=f"card/{card}")
        seen = Member(ref=ref, changed_at=seen_at, identities=(named,))
        return (await self.till.booking.enrol(seen)).member

    async def _book(
        self, receipts: Sequence[Receipt], members: dict[str, str | None]
    ) -> list[Booked | Refused]:
        return list(await asyncio.gather(*(self._one(one, members[one.card]) for one in receipts)))

    async def _one(self, receipt: Receipt, member: str | None) -> Booked | Refused:
        sale = receipt.sale.model_copy(update={"member": member})
        terminal = Terminal("journal", self.connection, sale.sale.store, sale.sale.till)
        try:
            answer = await self.till.commit(terminal, sale)
        except TillRefused as error:
            return Refused(receipt.at_line, str(sale.sale), error.problem.code)
        except (RequestInvalid, BookingRefused) as error:
            return Refused(receipt.at_line, str(sale.sale), str(error))
        return Booked(sale.sold_at, answer.earned, answer.used)


def _require_cards(file: Path, receipts: Sequence[Receipt]) -> None:
    """A sale whose card cannot be one is a misread column, not a sale without a member."""
    faults = [
        f"line {one.at_line}: card: {one.card!r:.40} is no card number"
        for one in receipts
        if one.card and not is_card(one.card)
    ]
    faults += [
        f"line {one.at_line}: points_used: points were used, and no card is named"
        for one in receipts
        if one.sale.points_used and not one.card
    ]
    if faults:
        raise FileInvalid(file.name, faults[:MOST_FAULTS])


def _row(n: int, receipt: Receipt) -> dict[str, Any]:
    key = receipt.sale.sale
    return {
        "n": n,
        "s": key.store,
        "t": key.till,
        "d": key.business_date,
        "k": key.settlement_count,
        "r": key.receipt_number,
    }
