"""A register, the rules that are in force at it, and what a member can spend there."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from renkei.ledger.balance import ChannelBalance, channel_balance
from renkei.ledger.books import Channel
from renkei.ledger.loading import read_groups
from renkei.loyalty.program import Program
from renkei.services.booking import Booking
from renkei.services.points.coupons import holder_of
from renkei.services.refusals import refused
from renkei_contracts.order import TillKey
from renkei_contracts.reconciliation import ZReport

PROGRAM = """
SELECT v.version, v.document, c.company_id, clock_timestamp(), EXISTS (SELECT FROM product)
FROM connection c JOIN program_version v USING (program_id)
WHERE c.connection_id = :c AND v.in_force_from <= clock_timestamp()
ORDER BY v.version DESC LIMIT 1"""


@dataclass(frozen=True)
class Terminal:
    """A register as its credential names it; an application is one without a store."""

    id: str
    connection: str
    store: str
    till: str

    @property
    def channel(self) -> Channel:
        """Where its points are spent."""
        return Channel(self.connection, self.store or None)

    @property
    def holder(self) -> str:
        """How it is named where it sets a coupon aside."""
        return holder_of(self.connection, self.store, self.till)

    def require_own(self, receipt: TillKey | ZReport) -> None:
        """Raise TillRefused where it is another till's."""
        if (receipt.store, receipt.till) != (self.store, self.till):
            raise refused("sale_of_other_till")


@dataclass(frozen=True)
class TillRules:
    """The program version in force for a register's connection, and the database's clock.

    ``products``: whether any product is known at all.
    """

    version: int
    program: Program
    company: str
    now: datetime
    products: bool


async def rules_there(booking: Booking, terminal: Terminal) -> TillRules:
    """The rules in force for this register now."""
    async with booking.database.begin() as conn:
        row = (await conn.execute(text(PROGRAM), {"c": terminal.connection})).one()
    return TillRules(row[0], Program.model_validate(row[1]), *row[2:])


async def balance_there(
    booking: Booking, terminal: Terminal, member: str
) -> tuple[datetime, ChannelBalance, tuple[str, ...]]:
    """The clock, the balance for this channel, and all whose points count with it.

    Raises TillRefused for a member who is not there.
    """
    rules = await rules_there(booking, terminal)
    async with booking.database.begin() as conn:
        group = (await read_groups(conn, [member])).get(member)
        now = (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one()
    if group is None:
        raise refused("member_not_found", member)
    homes = tuple(books.member for books in group.homes)
    return now, channel_balance(group, now, rules.program.clock, terminal.channel), homes
