"""For each check of ``balances`` and ``member_creation`` a plugin that is wrong in that way."""

from typing import Any

import pytest
from wrong import Around, checks_of, must_fail, wrapped
from wrong_lists import FAR, LONG_AGO

from renkei_contracts.errors import (
    NotFound,
    OutcomeUnknown,
    PayloadInvalid,
    Rejected,
    RenkeiError,
    Unavailable,
)
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import MemberState, NewMember
from renkei_contracts.order import Order, OrderState
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import BalanceWrite, BalanceWritten
from renkei_contracts.reference.till.client import TillClient
from renkei_contracts.reference.till.plugin import COPY_VENDOR
from renkei_contracts.reference.till.sync import TillMembers
from renkei_contracts.vendor import Vendor


class Written(Around):
    """Changes what is written, or what is asked."""

    def other(self, write: BalanceWrite) -> BalanceWrite:
        return write

    async def read(self, id: str) -> int:
        return int(await self.right.read(id))

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        done: BalanceWritten = await self.right.write(id, self.other(write))
        return done


class WritesTheBalance(Written):
    """Adds the balance itself."""

    def other(self, write: BalanceWrite) -> BalanceWrite:
        return write.model_copy(update={"change": write.balance.spendable})


class ShowsNobody(Written):
    """Writes where nobody looks."""

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        return BalanceWritten()


class NoRowIsAnError(Written):
    async def read(self, id: str) -> int:
        if not (points := await self.right.read(id)):
            raise NotFound(f"{id} has no row of points")
        return int(points)


class NeverEmpty(Written):
    """Takes zero for nothing to do."""

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        if not write.balance.spendable:
            return BalanceWritten()
        return await super().write(id, write)


class CutsOff(Written):
    def other(self, write: BalanceWrite) -> BalanceWrite:
        return write.model_copy(update={"change": min(write.change, 999_999)})


class SaysIdempotent(Written):
    idempotent = True


class Sets(Written):
    """Reads, and makes it the balance wanted: a sale meanwhile is overwritten."""

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        change = write.balance.spendable - await self.right.read(id)
        return await super().write(id, write.model_copy(update={"change": change}))


class ToTheFirstOfAll(Written):
    """Whoever's points they are, the first customer gets them as well."""

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        if id != "M1":
            await super().write("M1", write)
        return await super().write(id, write)


class AnswersWhatWasWanted(Written):
    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        await super().write(id, write)
        return BalanceWritten(points=write.balance.spendable)


class RemembersWhatItWrote(Written):
    """Reads from a memory of its own."""

    seen: dict[str, int] = {}  # noqa: RUF012 - a cache, which no plugin may have

    async def read(self, id: str) -> int:
        if id not in self.seen:
            self.seen[id] = await super().read(id)
        return self.seen[id]

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        self.seen.pop(id, None)
        done = await super().write(id, write)
        self.seen[id] = await super().read(id)
        return done


class TakesItForAway(Written):
    """A broken connection is taken for one that never was."""

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        try:
            return await super().write(id, write)
        except OutcomeUnknown as error:
            raise Unavailable(str(error)) from None


class Repeats(Written):
    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        try:
            return await super().write(id, write)
        except OutcomeUnknown:
            self.connection.http._transport._bench.on_the_way = None
            return await super().write(id, write)


class UnreadableIsForGood(Written):
    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        try:
            return await super().write(id, write)
        except OutcomeUnknown as error:
            raise PayloadInvalid(str(error)) from None


class NobodyHasNothing(Written):
    async def read(self, id: str) -> int:
        try:
            return await super().read(id)
        except NotFound:
            return 0


class RefusalIsSuccess(Written):
    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        try:
            return await super().write(id, write)
        except Rejected:
            return BalanceWritten()


class SaysExpiry(Written):
    shows_expiry = True


class LagsByANumber(Written):
    settles_after = 10


class PointsAreSales(Around):
    """Every member's points come as a sale."""

    async def changed(self, window: Window, cursor: str | None) -> Page[Order]:
        members = TillMembers(self.connection)
        page = await members.changed(Window(LONG_AGO, FAR), None)
        sales = [
            Order(
                ref=one.ref, changed_at=one.changed_at, placed_at=one.changed_at, lines=(),
                state=OrderState.FULFILLED,
            )
            for one in page.items
            if one.points_seen
        ]  # fmt: skip
        return Page(tuple(sales))


def balances(wrap: Any) -> Vendor:
    return wrapped(COPY_VENDOR, "balances", wrap)


BALANCES: dict[str, Vendor] = {
    "what was written is read": balances(WritesTheBalance),
    "what was written is shown to the customer": balances(ShowsNobody),
    "a new customer has no points": balances(NoRowIsAnError),
    "points can become none": balances(NeverEmpty),
    "many points are written whole or refused": balances(CutsOff),
    "the same write again does what is declared": balances(SaysIdempotent),
    "what is written is what the mode says": balances(Sets),
    "one customers points are nobody elses": balances(ToTheFirstOfAll),
    "an answer says what the vendor shows now": balances(AnswersWhatWasWanted),
    "points changed by hand are read": balances(RemembersWhatItWrote),
    "a write whose outcome is unknown says so": balances(TakesItForAway),
    "a write whose outcome is unknown is not repeated": balances(Repeats),
    "a write whose answer cannot be read says so": balances(UnreadableIsForGood),
    "a customer who is not there has no balance": balances(NobodyHasNothing),
    "a write that the vendor refuses is no success": balances(RefusalIsSuccess),
    "an expiry is said where it is declared": balances(SaysExpiry),
    "how long a read may lag is a time": balances(LagsByANumber),
    "a written balance is no sale": wrapped(COPY_VENDOR, "orders", PointsAreSales),
}


class CardLost(Around):
    """Creates without what the register scans."""

    async def create(self, member: NewMember) -> ExternalRef:
        other = member.model_copy(update={"card": member.card[-8:]})
        return await self.right.create(other)  # type: ignore[no-any-return]


class CutsCards(Around):
    """Only what fits."""

    async def create(self, member: NewMember) -> ExternalRef:
        other = member.model_copy(update={"card": member.card[:20]})
        return await self.right.create(other)  # type: ignore[no-any-return]


class AlwaysNew(Around):
    """Makes the card another one each time, rather than to look for it."""

    n = 0

    async def create(self, member: NewMember) -> ExternalRef:
        AlwaysNew.n += 1
        other = member.model_copy(update={"card": f"{member.card[:10]}{AlwaysNew.n:03}"})
        return await self.right.create(other)  # type: ignore[no-any-return]


class Unnamed(Around):
    async def create(self, member: NewMember) -> ExternalRef:
        names = {"family_name": member.family_name or "会員", "given_name": member.given_name}
        return await self.right.create(member.model_copy(update=names))  # type: ignore[no-any-return]


class GivesWhoLeft(Around):
    """The first member that ever had the card."""

    async def create(self, member: NewMember) -> ExternalRef:
        page = await TillMembers(self.connection).changed(Window(LONG_AGO, FAR), None)
        for one in page.items:
            if one.state is MemberState.WITHDRAWN:
                return one.ref
        return await self.right.create(member)  # type: ignore[no-any-return]


class LooksNowhere(Around):
    """Creates first; what is there already is an error."""

    async def create(self, member: NewMember) -> ExternalRef:
        body = member.model_dump(include={"card", "family_name", "given_name"})
        answer = await TillClient(self.connection).write("POST", "/members", body)
        return ExternalRef(connection=self.connection.id, id=answer.json()["id"])


class Otherwise(Around):
    """Raises another error."""

    error: type[RenkeiError]

    async def create(self, member: NewMember) -> ExternalRef:
        try:
            return await self.right.create(member)  # type: ignore[no-any-return]
        except OutcomeUnknown as error:
            raise self.error(str(error)) from None


class NotThere(Otherwise):
    error = Unavailable


class ForGood(Otherwise):
    error = PayloadInvalid


def creation(wrap: Any) -> Vendor:
    return wrapped(COPY_VENDOR, "member_creation", wrap)


CREATION: dict[str, Vendor] = {
    "a created member has the card and the name": creation(CardLost),
    "asking again creates no second member": creation(AlwaysNew),
    "a card that the vendor knows is found": creation(LooksNowhere),
    "a member without a name is created": creation(Unnamed),
    "a card that does not fit is refused and never cut": creation(CutsCards),
    "a card whose holder left gives nobody who left": creation(GivesWhoLeft),
    "a creation that broke off is found again": creation(LooksNowhere),
    "a creation whose outcome is unknown says so": creation(NotThere),
    "a creation whose answer cannot be read says so": creation(ForGood),
}

TABLE = {f"balances: {name}": vendor for name, vendor in BALANCES.items()} | {
    f"member_creation: {name}": vendor for name, vendor in CREATION.items()
}


def test_every_check_has_a_wrong_plugin() -> None:
    assert set(TABLE) == checks_of("balances") | checks_of("member_creation")


@pytest.mark.parametrize("id", TABLE)
async def test_the_wrong_plugin_fails(id: str) -> None:
    await must_fail(TABLE[id], id)
