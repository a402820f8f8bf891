"""The one list of every call that a plugin can make, each ready to be made again and again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import NewMember
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import Balance, BalanceWrite
from renkei_contracts.testing.bench import CONNECTION, Bench
from renkei_contracts.testing.checks import NotApplicable
from renkei_contracts.testing.consent import callback
from renkei_contracts.testing.shop import HANAKO, Buyer

DAY = timedelta(days=1)
NEW_CARDS = "29900000"
"""How the cards begin that members are created with."""

Run = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Operation:
    """One call of a capability. ``idempotent``: made twice it is as if made once.

    ``before`` is what must be so at the vendor, a coupon that can be taken back: it is done anew
    each time, while the vendor is well. ``looks``: a write may find that nothing is to be done;
    ``anew``: its result is another one each time.
    """

    name: str
    run: Run
    writes: bool = False
    idempotent: bool = True
    looks: bool = False
    anew: bool = False
    before: Run | None = None


@dataclass(frozen=True)
class _Shop:
    """A connection, the window that all of it lies in, and somebody who bought."""

    bench: Bench
    connection: Connection[Any]
    window: Window
    buyer: Buyer


async def operations(bench: Bench, connection: Connection[Any], buyer: Buyer) -> list[Operation]:
    """Every call of every capability; the buyer is the vendor's customer, where it keeps them."""
    # It stays open, since what the operations write counts as changed from then on.
    window = Window(bench.clock() - DAY, bench.clock() + DAY)
    shop = _Shop(bench, connection, window, buyer)
    return [
        *await _orders(shop),
        *await _members(shop),
        *_creation(shop),
        *_balances(shop),
        *await _goods(shop),
        *_coupons(shop),
        *_rest(shop),
        *await _install(bench),
    ]


async def _polled(
    what: str, changed: Callable[[Window, str | None], Awaitable[Page[Any]]], window: Window
) -> list[Operation]:
    """The first page, and the one after it where there is one."""
    first = Operation(f"polling {what}", lambda: changed(window, None))
    cursor = (await changed(window, None)).cursor
    if cursor is None:
        return [first]
    return [first, Operation(f"polling {what} on", lambda: changed(window, cursor))]


async def _orders(shop: _Shop) -> list[Operation]:
    if shop.bench.vendor.orders is None:
        return []
    orders = shop.bench.vendor.orders(shop.connection)
    known = (await orders.changed(shop.window, None)).items
    fetch = [Operation("reading an order", lambda: orders.fetch(known[0].ref.id))] if known else []
    return [*fetch, *await _polled("orders", orders.changed, shop.window)]


async def _members(shop: _Shop) -> list[Operation]:
    if shop.bench.vendor.members is None:
        return []
    members, id = shop.bench.vendor.members(shop.connection), shop.buyer.id
    fetch = [Operation("reading a member", lambda: members.fetch(id))] if id else []
    return [*await _polled("members", members.changed, shop.window), *fetch]


def _creation(shop: _Shop) -> list[Operation]:
    if shop.bench.vendor.member_creation is None:
        return []
    creation, numbers = shop.bench.vendor.member_creation(shop.connection), count(1)
    names = {"family_name": HANAKO.family_name, "given_name": HANAKO.given_name}
    known = NewMember(member="mem_0", card=HANAKO.card, **names)

    def new() -> NewMember:
        number = next(numbers)
        return NewMember(member=f"mem_{number}", card=f"{NEW_CARDS}{number:05}", **names)

    return [
        Operation("finding a member by card", lambda: creation.create(known), True, looks=True),
        Operation("creating a member", lambda: creation.create(new()), writes=True, anew=True),
    ]


def _balances(shop: _Shop) -> list[Operation]:
    id = shop.buyer.id
    if shop.bench.vendor.balances is None or not id:
        return []
    balances = shop.bench.vendor.balances(shop.connection)
    balance = Balance(spendable=120, version=1, as_of=shop.bench.clock())
    write = BalanceWrite(balance=balance, change=1)
    return [
        Operation("reading a balance", lambda: balances.read(id)),
        Operation(
            "writing a balance", lambda: balances.write(id, write), True, balances.idempotent
        ),
    ]


async def _goods(shop: _Shop) -> list[Operation]:
    bench, found = shop.bench, list[Operation]()
    if bench.vendor.products is not None:
        products = bench.vendor.products(shop.connection)
        found += await _polled("products", products.changed, shop.window)
    if bench.vendor.stock is not None:
        stock, sku = bench.vendor.stock(shop.connection), (await bench.twin.catalogue())[0].sku
        levels = await stock.read([sku])
        found.append(Operation("reading stock", lambda: stock.read([sku])))
        if levels:
            level = replace(levels[0], at=bench.clock())
            found.append(Operation("writing stock", lambda: stock.write(level), writes=True))
    return found


def _coupons(shop: _Shop) -> list[Operation]:
    if shop.bench.vendor.coupons is None:
        return []
    coupons, numbers = shop.bench.vendor.coupons(shop.connection), count(1)
    until = shop.bench.clock() + 2 * DAY  # issued again, it is the same coupon

    async def issue(code: str) -> None:
        await coupons.issue(code, 100, until)

    return [
        Operation("issuing a coupon", lambda: issue(f"RENKEI-{next(numbers)}"), writes=True),
        Operation(
            "revoking a coupon",
            lambda: coupons.revoke("RENKEI-0"),
            writes=True,
            before=lambda: issue("RENKEI-0"),
        ),
    ]


def _rest(shop: _Shop) -> list[Operation]:
    vendor, found = shop.bench.vendor, list[Operation]()
    if vendor.messages is not None and shop.buyer.id:
        messages = vendor.messages(shop.connection)
        ref = ExternalRef(connection=CONNECTION, id=shop.buyer.id)
        send = lambda: messages.send(ref, "ポイントが付きました")  # noqa: E731
        found.append(Operation("sending a message", send, writes=True, idempotent=False))
    if vendor.facts is not None:
        facts, day = vendor.facts(shop.connection), shop.bench.clock().date()
        found.append(Operation("reading facts", lambda: facts.facts(day)))
    if vendor.check is not None:
        check = vendor.check(shop.connection)
        found.append(Operation("checking the connection", check.check))
    return found


async def _install(bench: Bench) -> list[Operation]:
    """On a connection of its own: the others keep their token."""
    if bench.vendor.install is None:
        return []
    install, brought = bench.install(bench.connection()), list[Delivery]()

    async def consent() -> None:
        brought[:] = [await callback(bench)]

    try:
        await consent()
    except NotApplicable:
        return []
    finish = lambda: install.finish(brought[0])  # noqa: E731 - as short as the others
    return [Operation("finishing an authorization", finish, before=consent)]
