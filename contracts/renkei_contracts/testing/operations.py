"""Every call that a plugin can make, ready to be made again and again, and what may come of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from renkei_contracts.capability import Fact, StockLevel
from renkei_contracts.connection import Connection
from renkei_contracts.errors import RateLimited, RenkeiError
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import IdentityKind, Member
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import Balance, BalanceWrite, BalanceWritten
from renkei_contracts.testing.bench import CONNECTION, Bench
from renkei_contracts.testing.checks import NotApplicable
from renkei_contracts.testing.shop import Buyer, enrolled, sale
from renkei_contracts.twin.faults import Fault

DAY = timedelta(days=1)
BETWEEN = timedelta(seconds=10)
"""What passes between two failures of a vendor, so that its limit of calls is never in the way."""
PLENTY = 20
"""More calls than one operation makes."""


@dataclass(frozen=True)
class Operation:
    """One call of a capability. ``idempotent``: made twice it is as if made once."""

    name: str
    run: Callable[[], Awaitable[Any]]
    writes: bool = False
    idempotent: bool = True


@dataclass(frozen=True)
class Tried:
    """What came of an operation: its result, or what it raised, and how many calls it took."""

    operation: Operation
    result: Any = None
    error: BaseException | None = None
    calls: int = 0


@dataclass(frozen=True)
class Ready:
    """A plugin at work: one connection with a token, and its operations with their results."""

    bench: Bench
    connection: Connection[Any]
    normal: Sequence[Tried]

    async def suffer(self, operation: Operation, *faults: Fault) -> Tried:
        """Make the call while the vendor fails so; afterwards the vendor is well again."""
        self.bench.clock.forward(BETWEEN)
        script = self.bench.twin.faults
        script.plan(faults)
        try:
            return await attempt(self.bench, operation)
        finally:
            script.planned.clear()

    async def well(self, operation: Operation) -> Tried:
        """Make the call while nothing fails; a twin that limits real seconds is waited for once."""
        tried = await self.suffer(operation)
        if isinstance(tried.error, RateLimited):
            await asyncio.sleep(min(tried.error.retry_after or 1, 2))
            tried = await self.suffer(operation)
        if tried.error is not None:
            raise tried.error
        return tried


async def attempt(bench: Bench, operation: Operation) -> Tried:
    """Make the call, whatever comes of it."""
    before = len(bench.exchanges)
    try:
        result = await operation.run()
    except Exception as error:  # whatever a plugin raises is what the check looks at
        return Tried(operation, error=error, calls=len(bench.exchanges) - before)
    return Tried(operation, result, calls=len(bench.exchanges) - before)


async def ready(bench: Bench) -> Ready:
    """A shop with a member and a sale, and every operation made once."""
    buyer = await enrolled(bench.twin)
    if bench.twin.kind != "service":
        await sale(bench.twin, buyer)
    bench.clock.forward(timedelta(minutes=1))
    connection = bench.connection()
    # It stays open, since what the operations write counts as changed from then on.
    window = Window(bench.clock() - DAY, bench.clock() + DAY)
    found = [
        *await _orders(bench, connection, window),
        *await _members(bench, connection, window, buyer),
        *await _goods(bench, connection, window, buyer),
    ]
    if not found:
        raise NotApplicable("the plugin makes no calls")
    # Made once for the token, and once more for what it takes without.
    normal = [await attempt(bench, one) for _ in range(2) for one in found][len(found) :]
    for tried in normal:
        if tried.error is not None:
            raise tried.error
    return Ready(bench, connection, normal)


async def _orders(bench: Bench, connection: Connection[Any], window: Window) -> list[Operation]:
    if bench.vendor.orders is None:
        return []
    orders = bench.vendor.orders(connection)
    known = (await orders.changed(window, None)).items
    fetch = [Operation("reading an order", lambda: orders.fetch(known[0].ref.id))] if known else []
    return [*fetch, Operation("polling orders", lambda: orders.changed(window, None))]


async def _members(
    bench: Bench, connection: Connection[Any], window: Window, buyer: Buyer
) -> list[Operation]:
    vendor, id, found = bench.vendor, buyer.id, []
    if vendor.members is not None:
        members = vendor.members(connection)
        found.append(Operation("polling members", lambda: members.changed(window, None)))
        if id:
            found.append(Operation("reading a member", lambda: members.fetch(id)))
    if vendor.balances is not None and id:
        balances = vendor.balances(connection)
        write = _write(bench)
        found.append(Operation("reading a balance", lambda: balances.read(id)))
        run = lambda: balances.write(id, write)  # noqa: E731 - as short as the others
        found.append(Operation("writing a balance", run, True, balances.idempotent))
    return found


async def _goods(
    bench: Bench, connection: Connection[Any], window: Window, buyer: Buyer
) -> list[Operation]:
    vendor, found = bench.vendor, []
    if vendor.products is not None:
        products = vendor.products(connection)
        found.append(Operation("polling products", lambda: products.changed(window, None)))
    if vendor.stock is not None:
        stock, sku = vendor.stock(connection), (await bench.twin.catalogue())[0].sku
        levels = await stock.read([sku])
        found.append(Operation("reading stock", lambda: stock.read([sku])))
        if levels:
            level = replace(levels[0], at=bench.clock())
            found.append(Operation("writing stock", lambda: stock.write(level), writes=True))
    if vendor.coupons is not None:
        coupons, until = vendor.coupons(connection), bench.clock() + DAY
        issue = lambda: coupons.issue("RENKEI-1", 100, until)  # noqa: E731
        found.append(Operation("issuing a coupon", issue, writes=True))
    if vendor.messages is not None and buyer.id:
        messages, ref = vendor.messages(connection), ExternalRef(connection=CONNECTION, id=buyer.id)
        send = lambda: messages.send(ref, "ポイントが付きました")  # noqa: E731
        found.append(Operation("sending a message", send, writes=True, idempotent=False))
    if vendor.facts is not None:
        facts, day = vendor.facts(connection), bench.clock().date()
        found.append(Operation("reading facts", lambda: facts.facts(day)))
    return found


def _write(bench: Bench) -> BalanceWrite:
    balance = Balance(spendable=120, version=1, as_of=bench.clock())
    return BalanceWrite(balance=balance, change=1)


def canonical(tried: Tried) -> bool:
    """Whether it succeeded or ended in one of the errors of renkei_contracts.errors."""
    return tried.error is None or isinstance(tried.error, RenkeiError)


def worth(order: Order) -> object:
    """What an order comes to, in which state, and whether it is somebody's."""
    lines = [line.model_dump(exclude={"id", "sku", "jan", "title"}) for line in order.lines]
    used = (order.points_used, order.points_value, order.shipping)
    # A card is as good as a customer: the hub finds the member by either.
    carded = any(one.kind is IdentityKind.CARD for one in order.identities)
    buyer = carded or order.customer is not None
    return (order.ref, order.state, order.currency, buyer, order.test, lines, used)


def wrong(normal: Tried, given: Tried) -> str | None:
    """What a result says that is not so, compared with the one of a vendor that is well."""
    match given.result:
        case Page():
            return _wrong_page(normal.result, given.result)
        case BalanceWritten():
            return None
        case list() | tuple():
            return None if _told(given.result) == _told(normal.result) else "other values"
        case result:
            return None if _told([result]) == _told([normal.result]) else "other values"


def _wrong_page(normal: Page[Any], given: Page[Any]) -> str | None:
    if len(given.items) + len(given.rejected) < len(normal.items) + len(normal.rejected):
        return "fewer rows, and none of them rejected"
    if normal.cursor is not None and given.cursor is None:
        return "that this was the last page"
    known = _told(normal.items)
    return None if all(one in known for one in _told(given.items)) else "other values"


def _told(things: Sequence[Any]) -> list[object]:
    return [_of(thing) for thing in things]


def _of(thing: object) -> object:
    match thing:
        case Order():
            return worth(thing)
        case Member():
            return (thing.ref, thing.state, thing.merged_into, thing.points_seen)
        case StockLevel():
            return (thing.sku, thing.location, thing.quantity)
        case Fact():
            return (thing.name, thing.area, thing.day, thing.value)
    return thing
