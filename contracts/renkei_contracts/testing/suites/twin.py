"""The twin: every call, answer and delivery is compared with a schema, and all of them fit.

A twin that names no schema is bronze at best: nothing here applies to it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import httpx

from renkei_contracts.member import NewMember
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import Balance, BalanceWrite
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import NotApplicable, Suite, must
from renkei_contracts.testing.shop import TARO, enrolled, sale
from renkei_contracts.twin.schema_log import SchemaLog

suite = Suite("twin")

T = TypeVar("T")
DAY = timedelta(days=1)
SPOILT: dict[str, object] = {"unexpected": {}}
"""A body that no call can mean."""


async def every_call(bench: Bench) -> None:
    """A sale, and each call the plugin makes once."""
    buyer = await enrolled(bench.twin)
    if bench.twin.kind != "service":
        await sale(bench.twin, buyer)
    bench.clock.forward(timedelta(minutes=1))
    await _orders(bench)
    await _members(bench, buyer.id)
    await _goods(bench)


async def _orders(bench: Bench) -> None:
    if bench.vendor.orders is None:
        return
    orders = bench.orders()
    for order in await _all(orders.changed, _window(bench)):
        await orders.fetch(order.ref.id)


async def _members(bench: Bench, customer: str) -> None:
    vendor, known = bench.vendor, [customer] if customer else []
    if vendor.member_creation is not None:
        new = NewMember(member="mem_1", card=TARO.card, family_name=TARO.family_name)
        created = await vendor.member_creation(bench.connection()).create(new)
        known.append(created.id)
    if vendor.members is not None:
        members = bench.members()
        known += [one.ref.id for one in await _all(members.changed, _window(bench))]
        for id in known[:1]:
            await members.fetch(id)
    if vendor.balances is not None and known:
        await bench.balances().read(known[0])
        await bench.balances().write(known[0], _write(bench))


async def _goods(bench: Bench) -> None:
    vendor, connection = bench.vendor, bench.connection()
    if vendor.products is not None:
        await _all(vendor.products(connection).changed, _window(bench))
    if vendor.stock is not None:
        first = (await bench.twin.catalogue())[0]
        for level in await vendor.stock(connection).read([first.sku]):
            await vendor.stock(connection).write(replace(level, quantity=level.quantity + 1))
    if vendor.coupons is not None:
        await vendor.coupons(connection).issue("SPRING-1", 100, bench.clock() + DAY)
        await vendor.coupons(connection).revoke("SPRING-1")
    if vendor.facts is not None:
        await vendor.facts(connection).facts(bench.clock().date())
    if vendor.check is not None:
        await vendor.check(connection).check()


async def _all(
    changed: Callable[[Window, str | None], Awaitable[Page[T]]], window: Window
) -> list[T]:
    page = await changed(window, None)
    found = list(page.items)
    while page.cursor is not None:
        page = await changed(window, page.cursor)
        found += page.items
    return found


def _window(bench: Bench) -> Window:
    return Window(bench.clock() - DAY, bench.clock())


def _write(bench: Bench) -> BalanceWrite:
    balance = Balance(spendable=120, version=1, as_of=bench.clock())
    return BalanceWrite(balance=balance, change=120)


def _compared(bench: Bench) -> SchemaLog:
    """What the twin compared, where it does."""
    if not bench.twin.schema.source:
        raise NotApplicable("the twin names no schema: see twin/schema_log.py")
    return bench.twin.schema


async def _calls(bench: Bench) -> int:
    """Make every call; how many there were."""
    await every_call(bench)
    if not bench.exchanges:
        raise NotApplicable(f"{bench.vendor.name} calls nobody")
    return len(bench.exchanges)


@suite.check()
async def every_request_is_compared_with_the_schema(bench: Bench) -> None:
    """A call that the vendor would refuse must not pass here."""
    log, made = _compared(bench), await _calls(bench)
    must(
        log.requests == made,
        f"the twin must compare every request: of {made} it compared {log.requests}",
    )


@suite.check()
async def every_answer_is_compared_with_the_schema(bench: Bench) -> None:
    """An answer the vendor would never give proves nothing."""
    log, made = _compared(bench), await _calls(bench)
    must(
        log.answers == made,
        f"the twin must compare every answer: of {made} it compared {log.answers}",
    )


@suite.check(needs=("webhooks",))
async def every_delivery_is_compared_with_the_schema(bench: Bench) -> None:
    """A delivery the vendor would never send proves nothing."""
    log, sent = _compared(bench), await bench.deliveries(lambda: sale(bench.twin))
    must(bool(sent), "the twin must send a delivery for a sale when the vendor has webhooks")
    must(
        log.deliveries == len(sent),
        f"the twin must compare every delivery: of {len(sent)} it compared {log.deliveries}",
    )


@suite.check()
async def calls_answers_and_deliveries_fit_the_schema(bench: Bench) -> None:
    """Plugin or twin is wrong about the vendor otherwise."""
    log = _compared(bench)
    await bench.deliveries(lambda: every_call(bench))
    must(
        not log.complaints,
        f"plugin and twin must keep to the schema: {'; '.join(log.complaints[:5])}",
    )


@suite.check()
async def a_request_outside_the_schema_is_noticed(bench: Bench) -> None:
    """A schema that takes everything is none."""
    log = _compared(bench)
    await every_call(bench)
    requests = [one.request for one in bench.exchanges if _is_json(one.request)]
    if not requests:
        raise NotApplicable(f"{bench.vendor.name} sends no JSON")
    for request in requests:
        complained = len(log.complaints)
        await _send_spoilt(request)
        must(
            len(log.complaints) > complained,
            f"the twin must complain of {request.method} {request.url.path} with another object "
            "as its body: its schema takes anything",
        )


async def _send_spoilt(request: httpx.Request) -> None:
    dropped = {"content-length", "host", "transfer-encoding"}
    headers = {key: value for key, value in request.headers.items() if key not in dropped}
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        await http.request(request.method, request.url, headers=headers, json=SPOILT)


def _is_json(request: httpx.Request) -> bool:
    return "json" in request.headers.get("content-type", "")
