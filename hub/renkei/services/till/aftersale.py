"""What a register may do after a sale: ask for it, void it, refund it, say whose it was."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TypeVar

from pydantic import BaseModel
from sqlalchemy import text

from renkei.ledger.staged import OrderRow
from renkei.ledger.world import Known, Needs
from renkei.loyalty.refunds import effective
from renkei.services.attempt import Attempt
from renkei.services.booking import Booking
from renkei.services.command import Command
from renkei.services.orders.late_link import LinkOrder
from renkei.services.orders.same_sale import sale_key
from renkei.services.orders.seen_order import refund_place, refunds_of, restated
from renkei.services.points.hold import ExtendHold, LookAtHold, parse_hold_id
from renkei.services.refusals import refused
from renkei.services.till.manner import PLAIN, Manner
from renkei.services.till.override import OverrideByCashier, ReturnWithoutReceipt
from renkei.services.till.till_refunds import (
    VOID,
    CountRefunds,
    RefundSale,
    counted_in,
    counted_sale,
    refund_of,
    void_of,
)
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.aftersale import (
    AttachRequest,
    ExtendRequest,
    OverrideRequest,
    RefundAnswer,
    RefundRequest,
    ReturnRequest,
    SaleAnswer,
    VoidRequest,
)
from renkei_contracts.order import OrderState, TillKey
from renkei_contracts.point import Corrected
from renkei_contracts.till import HoldAnswer, HoldState

M = TypeVar("M", bound=BaseModel)

HOLD_NAMED = "SELECT answer->>'hold' FROM request_key WHERE scope = :scope AND key = :key"


@dataclass(frozen=True)
class AfterSale:
    """The register's use cases after a sale; every refusal is a TillRefused."""

    booking: Booking

    async def extend(
        self, terminal: Terminal, hold: str, ask: ExtendRequest, manner: Manner = PLAIN
    ) -> HoldAnswer:
        """Keep a hold open for longer."""
        command = ExtendHold(parse_hold_id(hold), ask, terminal.channel)
        return await self._submit(manner, command, HoldAnswer)

    async def find(self, terminal: Terminal, sale: TillKey) -> SaleAnswer:
        """The sale as it is booked now.

        Whoever asks after a time-out may have been heard: what waits in this process comes first,
        whatever lane it is in.
        """
        await self.booking.committer.settled()
        return await self._submit(PLAIN, LookAtSale(sale, terminal.connection), SaleAnswer)

    async def find_hold(self, terminal: Terminal, key: str) -> HoldState:
        """The hold that this register named so, as it stands now; likewise."""
        await self.booking.committer.settled()
        values = {"scope": f"hold/{terminal.id}", "key": key}
        async with self.booking.database.begin() as conn:
            named = (await conn.execute(text(HOLD_NAMED), values)).scalar_one_or_none()
        if named is None:
            raise refused("hold_not_found", key)
        command = LookAtHold(parse_hold_id(named), terminal.channel)
        return await self._submit(PLAIN, command, HoldState)

    async def void(
        self, terminal: Terminal, ask: VoidRequest, manner: Manner = PLAIN
    ) -> RefundAnswer:
        """Undo a sale of this register."""
        terminal.require_own(ask.sale)
        command = void_of(ask, terminal.connection, self._alert(), terminal.store)
        return await self._refund(manner, command)

    async def refund(
        self, terminal: Terminal, ask: RefundRequest, manner: Manner = PLAIN
    ) -> RefundAnswer:
        """Take goods back that were sold at any till of this connection."""
        terminal.require_own(ask.receipt)
        command = refund_of(ask, terminal.connection, self._alert(), terminal.store)
        return await self._refund(manner, command)

    async def attach(
        self, terminal: Terminal, ask: AttachRequest, manner: Manner = PLAIN
    ) -> SaleAnswer:
        """Say whose a sale was; told again, it is the same."""
        command = AttachMember(ask, terminal.connection, self._alert())
        return await self._submit(manner, command, SaleAnswer)

    async def take_back(
        self, terminal: Terminal, ask: ReturnRequest, manner: Manner = PLAIN
    ) -> Corrected:
        """Take goods back whose receipt is lost."""
        terminal.require_own(ask.receipt)
        command = ReturnWithoutReceipt(ask, terminal.connection, self.booking.ring)
        return await self._submit(manner, command, Corrected)

    async def override(
        self, terminal: Terminal, ask: OverrideRequest, manner: Manner = PLAIN
    ) -> Corrected:
        """Move points by hand, as far as the program lets a cashier."""
        command = OverrideByCashier(ask, terminal, self.booking.ring)
        return await self._submit(manner, command, Corrected)

    async def _refund(self, manner: Manner, command: RefundSale) -> RefundAnswer:
        answer = await self._submit(manner, command, RefundAnswer)
        if answer.outcome == "parked" and not manner.training:
            await self.booking.committer.submit(CountRefunds(command))
        return answer

    async def _submit(self, manner: Manner, command: Command[M], answers: type[M]) -> M:
        answer: M = await self.booking.committer.submit_first(manner.of(command, answers))
        return answer

    def _alert(self) -> str:
        return self.booking.new_id("alr")


@dataclass(frozen=True)
class LookAtSale:
    """Reads a sale under its lock: what was told before, by whatever call, is in it."""

    sale: TillKey
    connection: str

    def needs(self) -> Needs:
        """The sale by either name."""
        return Needs(
            connections=frozenset({self.connection}),
            orders=frozenset(
                {(self.connection, str(self.sale)), refund_place(self.connection, self.sale)}
            ),
            sales=frozenset({sale_key(self.connection, self.sale)}),
        )

    def decide(self, attempt: Attempt) -> SaleAnswer:
        """Refused where no such sale has come."""
        row = counted_sale(attempt, self.connection, self.sale)
        if row is None:
            raise refused("sale_not_found", str(self.sale))
        return self.answer(attempt, row)

    def answer(self, attempt: Attempt, row: OrderRow) -> SaleAnswer:
        """The sale as it stands."""
        order = restated(row)
        refunds = refunds_of(attempt, order)
        stands = effective(order, refunds)
        named = [str(one.document["ref"]["id"]) for one in refunds]
        name = (row.member or "", row.key)
        settled = attempt.staged.settled.get(name) or attempt.settled_of(*name)
        return SaleAnswer(
            sale=str(self.sale),
            revision=self._revision(row),
            voided=stands.state is OrderState.CANCELLED,
            member=row.member or "",
            lines=stands.lines,
            earned=settled.earned,
            used=settled.redeemed,
            refunds=tuple(name for name in named if name != VOID),
            as_of=attempt.now,
        )

    def _revision(self, row: OrderRow) -> int:
        """The register's own count (orders/order_of_sale.py); 0 for a vendor's order."""
        if row.key[1] != str(self.sale):
            return 0
        day = datetime.combine(self.sale.business_date, time(), UTC)
        return (row.clock - day) // timedelta(microseconds=1)


@dataclass(frozen=True)
class AttachMember:
    """A sale becomes a member's who showed the card afterwards."""

    ask: AttachRequest
    connection: str
    alert_id: str

    def needs(self) -> Needs:
        """The sale and the member."""
        link = self._link((self.connection, str(self.ask.sale))).needs()
        return self._look.needs() | link | Needs(of_others=True)

    def further(self, known: Known) -> Needs:
        """What settling it for the member needs, where it is counted."""
        row = counted_in(known, self.connection, self.ask.sale)
        if row is None:
            return Needs()
        link = self._link(row.key)
        return link.needs() | link.further(known)

    def decide(self, attempt: Attempt) -> SaleAnswer:
        """Refused where the sale has not come, or is somebody else's."""
        if not attempt.knows(self.ask.member):
            raise refused("member_not_found", self.ask.member)
        row = counted_sale(attempt, self.connection, self.ask.sale)
        if row is None:
            raise refused("sale_not_found", str(self.ask.sale))
        mates = attempt.group_of(self.ask.member).members
        if row.member is not None and row.member not in mates:
            raise refused("sale_of_other_member")
        self._link(row.key).decide(attempt)
        linked = counted_sale(attempt, self.connection, self.ask.sale)
        assert linked is not None
        return self._look.answer(attempt, linked)

    @property
    def _look(self) -> LookAtSale:
        return LookAtSale(self.ask.sale, self.connection)

    def _link(self, order: tuple[str, str]) -> LinkOrder:
        return LinkOrder(order, self.ask.member, self.alert_id)
