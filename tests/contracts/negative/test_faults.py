"""For each check of ``faults`` a plugin that is wrong in that way."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from wrong import Around, checks_of, must_fail, wrapped

from renkei_contracts.capability import Product
from renkei_contracts.connection import Token
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import (
    AuthenticationFailed,
    NotFound,
    OutcomeUnknown,
    PayloadInvalid,
    RateLimited,
    Rejected,
    RenkeiError,
    TryLater,
    Unavailable,
)
from renkei_contracts.event import Observation
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import NewMember
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.reference.cart import VENDOR
from renkei_contracts.reference.cart.client import credentials
from renkei_contracts.reference.cart.twin import ReferenceTwin
from renkei_contracts.reference.till.plugin import COPY_VENDOR
from renkei_contracts.testing import CHECKS, run_check, run_checks
from renkei_contracts.testing.tier import judge
from renkei_contracts.toolkit.oauth import GrantedTokens
from renkei_contracts.vendor import Vendor

T = TypeVar("T")


def takes(was: type[RenkeiError], becomes: type[RenkeiError]) -> Any:
    """Takes one kind of failure for another."""

    class Mistaken(Around):
        def __getattr__(self, name: str) -> Any:
            found = getattr(self.right, name)
            if not inspect.iscoroutinefunction(found):
                return found

            async def call(*given: Any) -> Any:
                try:
                    return await found(*given)
                except was as error:
                    raise becomes(str(error)) from None

            return call

    return Mistaken


class NeverRenews(GrantedTokens):
    """A refused token is waited for to become good again."""

    async def authorized(self, call: Callable[[Token], Awaitable[T]]) -> T:
        try:
            return await call(await self.current())
        except AuthenticationFailed as error:
            raise Unavailable(str(error)) from None


class Waits(Around):
    def __init__(self, right: Any, connection: Any) -> None:
        super().__init__(right, connection)
        tokens = NeverRenews(connection, credentials(connection.settings))
        right._client._tokens = tokens


class NothingReadIsNothing(Around):
    """Points that cannot be read are none."""

    async def read(self, id: str) -> int:
        try:
            points: int = await self.right.read(id)
        except PayloadInvalid:
            return 0
        return points


class TriesAgain(Around):
    async def fetch(self, id: str) -> Order:
        for _ in range(3):
            try:
                return await self.right.fetch(id)  # type: ignore[no-any-return]
            except Unavailable:
                continue
        raise Unavailable("three times in vain")


class BearsAGrudge(Around):
    broken = False

    async def fetch(self, id: str) -> Order:
        if self.broken:
            raise Unavailable("it failed before")
        try:
            return await self.right.fetch(id)  # type: ignore[no-any-return]
        except Unavailable:
            self.broken = True
            raise


def without_calls(vendor: Vendor) -> Vendor:
    """Of all its capabilities the one that only reads."""
    others = [name for name in vendor.capabilities() if name != "webhooks"]
    return replace(vendor, **dict.fromkeys(others))


class CallsHome(Around):
    """Looks the order up beside reading of it."""

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        address = self.connection.settings.address("/v1/orders")
        self.asking = asyncio.get_running_loop().create_task(self.connection.http.get(address))
        return self.right.read(delivery)  # type: ignore[no-any-return]


def orders(wrap: Any) -> Vendor:
    return wrapped(VENDOR, "orders", wrap)


def balances(wrap: Any) -> Vendor:
    return wrapped(VENDOR, "balances", wrap)


WRONG: dict[str, Vendor] = {
    "a token refused once is renewed or reported": orders(Waits),
    "a token refused again asks for authorization": orders(takes(AuthenticationFailed, TryLater)),
    "a forbidden call is not tried later": orders(takes(AuthenticationFailed, Unavailable)),
    "too many calls are told with the wait": orders(takes(RateLimited, RateLimited)),
    "too many calls are told without a wait": orders(takes(RateLimited, Unavailable)),
    "a fault of the vendor is told as its own": orders(takes(Unavailable, Rejected)),
    "a call that broke before it was heard may be made later": orders(takes(TryLater, NotFound)),
    "a write whose answer was lost may have happened": balances(takes(OutcomeUnknown, Rejected)),
    "a write that is not answered in time may have happened": wrapped(
        VENDOR, "messages", takes(OutcomeUnknown, Unavailable)
    ),
    "half an answer is none": orders(takes(Unavailable, Rejected)),
    "an answer that is not json is invalid": orders(takes(PayloadInvalid, NotFound)),
    "a field that is gone never makes another amount": balances(NothingReadIsNothing),
    "a field of another type never makes another amount": balances(NothingReadIsNothing),
    "a failed call is not repeated by the plugin": orders(TriesAgain),
    "after a fault the next call succeeds": orders(BearsAGrudge),
    "a fault while logging in is told like any other": orders(takes(TryLater, Rejected)),
    "a plugin without calls makes none": without_calls(wrapped(VENDOR, "webhooks", CallsHome)),
}

TABLE = {f"faults: {name}": vendor for name, vendor in WRONG.items()}


def test_every_check_has_a_wrong_plugin() -> None:
    assert set(TABLE) == checks_of("faults")


@pytest.mark.parametrize("id", TABLE)
async def test_the_wrong_plugin_fails(id: str) -> None:
    await must_fail(TABLE[id], id)


class NeverCreatedIt(Around):
    """A creation that broke off is taken for one that never was."""

    async def create(self, member: NewMember) -> ExternalRef:
        try:
            return await self.right.create(member)  # type: ignore[no-any-return]
        except OutcomeUnknown as error:
            raise Unavailable(str(error)) from None


class GivesUpOnTheWay(Around):
    async def changed(self, window: Window, cursor: str | None) -> Page[Product]:
        try:
            return await self.right.changed(window, cursor)  # type: ignore[no-any-return]
        except Unavailable as error:
            raise (Rejected if cursor else Unavailable)(str(error)) from None


class RevokedInAnyCase(Around):
    async def revoke(self, code: str) -> None:
        try:
            await self.right.revoke(code)
        except RenkeiError:
            return


OF_EACH_CALL: dict[str, tuple[str, Vendor]] = {
    "creating a member": (
        "a write whose answer was lost may have happened",
        wrapped(COPY_VENDOR, "member_creation", NeverCreatedIt),
    ),
    "revoking a coupon": (
        "a fault of the vendor is told as its own",
        wrapped(VENDOR, "coupons", RevokedInAnyCase),
    ),
    "checking the connection": (
        "too many calls are told without a wait",
        wrapped(VENDOR, "check", takes(RateLimited, Rejected)),
    ),
    "finishing an authorization": (
        "a token refused again asks for authorization",
        wrapped(VENDOR, "install", takes(AuthenticationFailed, TryLater)),
    ),
    "polling products on": (
        "a fault of the vendor is told as its own",
        wrapped(VENDOR, "products", GivesUpOnTheWay),
    ),
}
"""Calls that a fault must be tried on as well, each with a plugin that is wrong in it alone."""


@pytest.mark.parametrize("call", OF_EACH_CALL)
async def test_a_fault_is_tried_on_every_call(call: str) -> None:
    name, vendor = OF_EACH_CALL[call]
    outcome = await run_check(vendor, CHECKS[f"faults: {name}"])
    assert (outcome.status, outcome.text.partition(",")[0]) == ("failed", call)


async def test_a_plugin_that_calls_nobody_is_told_so_and_can_be_silver() -> None:
    outcomes = await run_checks(without_calls(VENDOR))
    of_faults = [one for one in outcomes if one.check.suite == "faults"]
    told = {one.text for one in of_faults if one.status == "not applicable"}
    assert told == {"reference-cart calls nobody"}
    passed = [one.check.name for one in of_faults if one.status == "passed"]
    assert passed == ["a plugin without calls makes none"]
    assert judge(outcomes, {}).tier == "silver"


class SellsNothing(ReferenceTwin):
    """A vendor of members: what it tells of is who registers."""

    kind = "service"  # type: ignore[assignment] # the cart's own is one of two
    can = frozenset({"register", "rename", "withdraw", "merge", "rotate"})


async def test_deliveries_of_a_vendor_that_sells_nothing_are_looked_at() -> None:
    vendor = replace(without_calls(VENDOR), twin=SellsNothing)
    names = ("webhooks: a delivery of the vendor is accepted", "webhooks: a key is a short text")
    assert {(await run_check(vendor, CHECKS[one])).status for one in names} == {"passed"}


class LeavesPointsOut(ReferenceTwin):
    """A twin of a vendor that says nothing of points where there are none."""

    leaves_out = frozenset({"points"})


async def test_a_key_that_the_vendor_leaves_out_itself_is_not_taken_away() -> None:
    """Only its removal: another type of it is still no amount."""
    lenient = replace(balances(NothingReadIsNothing), twin=LeavesPointsOut)
    names = ("a field that is gone", "a field of another type")
    told = [CHECKS[f"faults: {name} never makes another amount"] for name in names]
    assert [(await run_check(lenient, one)).status for one in told] == ["passed", "failed"]
