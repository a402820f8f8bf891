"""Mutated payloads: understood rightly, or refused by name; never a crash, never a wrong amount."""

import json
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest

from renkei_colorme import wire
from renkei_colorme.mapping import to_member, to_order
from renkei_colorme.settings import ColormeSettings
from renkei_colorme.sync import ColormeBalances, ColormeMembers, ColormeOrders
from renkei_colorme.twin_shop import TwinShop
from renkei_contracts.connection import Connection
from renkei_contracts.errors import PayloadInvalid, RenkeiError
from renkei_contracts.member import Member
from renkei_contracts.order import Order, OrderState
from renkei_contracts.paging import Page, Window
from renkei_contracts.stage import Item
from renkei_contracts.testing.shop import HANAKO
from renkei_contracts.toolkit.wire import parse

Connect = Callable[..., Connection[ColormeSettings]]

HUGE = 10**30
ODD = (
    None, True, False, 0, -1, 1, 2, 500, 13_380, 2**31, 10**12, HUGE, -HUGE, 1.5, 1e300,
    float("inf"), float("nan"), "", "0", "1", "税", "\x00", "\ud800", "a" * 10_000, [], [None], {},
    {"id": 1}, [[]], "2026-11-26", 7_258_118_400, "true",
)  # fmt: skip
CHARGES = (
    "delivery_total_charge", "fee", "noshi_total_charge", "card_total_charge",
    "wrapping_total_charge",
)  # fmt: skip
UNDERSTOOD = {"fetch": 180, "poll": 950, "member": 185, "members": 160}
"""How many orders, balances and members are read from spoilt answers at least."""


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of the payload."""
    if isinstance(value, dict):
        return [(value, key) for key in value] + [p for one in value.values() for p in places(one)]
    if isinstance(value, list):
        found = [(value, at) for at in range(len(value))]
        return found + [place for one in value for place in places(one)]
    return []


def mutate(payload: Any, random: Random) -> None:
    """One change: a key dropped, a value of another kind, a row twice, a number a bit off."""
    container, key = random.choice(places(payload))
    value = container[key]
    kind = random.randrange(5)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, list):
        container.append(value)
    elif kind == 2 and isinstance(value, int):
        container[key] = value + random.choice([-1000, -1, 1, 1000])
    elif kind == 3:
        container[key] = [value] if random.random() < 0.5 else str(value)
    else:
        container[key] = deepcopy(random.choice(ODD))


def mutants(payload: Any, number: int, seed: int) -> Any:
    """So many mutated copies, the same each time."""
    random, text = Random(seed), json.dumps(payload)  # noqa: S311 - mutates, guards nothing
    for _ in range(number):
        mutant = json.loads(text)
        for _ in range(random.randint(1, 3)):
            if places(mutant):
                mutate(mutant, random)
        yield mutant


def is_right(order: Order, told: dict[str, Any]) -> bool:
    """Whether the order says what the payload says: state, buyer, points, and the total."""
    state = (
        OrderState.CANCELLED if told["canceled"]
        else OrderState.PLACED if not told["paid"]
        else OrderState.FULFILLED if told["delivered"]
        else OrderState.PAID
    )  # fmt: skip
    buyer = str(told["customer"]["id"]) if told["customer"]["member"] else None
    cut = told["segment"]
    whole = cut is None or (not cut["splitted"] and cut["parent_sale_id"] == told["id"])
    same = order.ref.id == str(told["id"]) and order.state is state and whole
    if not same or (order.customer.id if order.customer else None) != buyer:
        return False
    if told["canceled"]:
        return not (order.lines or order.shipping or order.points_used or order.points_value)
    goods = sum(line.amount for line in order.lines)
    tax = 0 if all(line.tax_included for line in order.lines) else told["tax"]
    shipping = sum(told[name] for name in CHARGES)
    points = (order.points_used, order.points_value)
    owed = goods + tax + order.shipping - order.points_value - told["gmo_point_discount"]
    return (
        owed == told["total_price"]
        and order.shipping == shipping
        and points == (told["use_points"], told["point_discount"])
        and goods == told["product_total_price"] - told["other_discount"]
        and Counter(line.tax_rate for line in order.lines)
        == Counter(800 if line["tax_reduced"] else 1000 for line in told["details"])
        and [line.quantity for line in order.lines]
        == [one["product_num"] for one in told["details"]]
    )


@pytest.fixture
def orders(shop: TwinShop) -> list[dict[str, Any]]:
    """Plain, with points and charges, discounted, cancelled, and with tax on top."""
    buyer = shop.register(HANAKO)
    items = [Item("CHA-01", "緑茶", 2, 1_080, 800), Item("KYUSU-01", "急須", 1, 11_220, 1000)]
    plain, rich, cancelled, on_top = (shop.place(buyer, items) for _ in range(4))
    rich |= {"use_points": 300, "point_discount": 300, "other_discount": 100, "fee": 330}
    rich["totals"] |= {"discount_amount_for_normal_tax": 60, "discount_amount_for_reduced_tax": 40}
    rich["segment"] = {"parent_sale_id": rich["id"], "splitted": False}
    rich["total_price"] += 330 - 400
    shop.cancel(cancelled["id"])
    on_top["details"][0]["price_with_tax"], on_top["details"][1]["price_with_tax"] = 1_166, 12_342
    on_top |= {"tax": 1_294, "total_price": on_top["total_price"] + 1_294}
    return [plain, rich, cancelled, on_top]


def test_mutated_orders_are_right_or_refused(orders: list[dict[str, Any]]) -> None:
    understood = Counter[int]()
    for seed, payload in enumerate(orders):
        assert is_right(to_order(parse(wire.Sale, payload, "order"), "shop"), payload)
        for mutant in mutants(payload, 1_500, seed):
            try:
                order = to_order(parse(wire.Sale, mutant, "order"), "shop")
            except PayloadInvalid:
                continue
            understood[seed] += 1
            assert is_right(order, mutant), json.dumps(mutant)
    assert len(understood) == len(orders)
    assert min(understood.values()) >= 720


def test_mutated_customers_are_right_or_refused(shop: TwinShop) -> None:
    understood = 0
    for mutant in mutants(shop.register(HANAKO), 2_000, 11):
        try:
            member = to_member(parse(wire.Customer, mutant, "customer"), "shop")
        except PayloadInvalid:
            continue
        understood += 1
        assert (member.ref.id, member.points_seen) == (str(mutant["id"]), mutant["points"])
    assert understood >= 1_280


def spoilt(body: bytes, random: Random) -> bytes:
    """Another encoding, a part, or bytes that are none."""
    text = body.decode()
    return random.choice(
        [
            body[: random.randrange(len(body))],
            text.encode("utf-16"),
            text.encode("cp932", "replace"),
            text.encode("utf-8-sig"),
            body.replace(b'"', b"'", random.randrange(1, 9)),
            bytes(byte ^ (random.random() < 0.01) for byte in body),
            b"[" * 50_000,
            b'{"errors":[]}',
            b"null",
            b"",
        ]
    )


async def test_mutated_answers_end_in_a_canonical_error_or_are_right(
    connect: Connect, orders: list[dict[str, Any]], clock: Any
) -> None:
    random = Random(5)  # noqa: S311 - mutates, guards nothing
    customer = orders[0]["customer"] | {"memo": ""}
    meta = {"total": len(orders), "limit": 100, "offset": 0}
    answers = {
        "fetch": {"sale": orders[0]},
        "poll": {"sales": orders, "meta": meta},
        "member": {"customer": customer},
        "members": {"customers": [customer], "meta": {**meta, "total": 1}},
    }
    body, understood = b"", Counter[str]()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    window = Window(clock() - timedelta(days=1), clock() + timedelta(days=1))
    async with httpx.AsyncClient(transport=transport) as http:
        given = connect()
        at = Connection("shop", given.settings, http, given.tokens, clock)
        calls: dict[str, Callable[[], Any]] = {
            "fetch": lambda: ColormeOrders(at).fetch(str(orders[0]["id"])),
            "poll": lambda: ColormeOrders(at).changed(window, None),
            "member": lambda: ColormeBalances(at).read(str(customer["id"])),
            "members": lambda: ColormeMembers(at).changed(window, None),
        }
        for name, call in calls.items():
            sent = list(mutants(answers[name], 250, 17))
            bodies = [json.dumps(one).encode("utf-8", "replace") for one in sent]
            original = json.dumps(answers[name], ensure_ascii=False).encode()
            for body in [*bodies, *(spoilt(original, random) for _ in range(250))]:
                try:
                    result = await call()
                except RenkeiError:
                    continue
                for seen in result.items if isinstance(result, Page) else [result]:
                    understood[name] += 1
                    assert agrees(seen, json.loads(body)), body
    assert all(understood[name] >= least for name, least in UNDERSTOOD.items()), understood


def agrees(seen: Order | Member | int, told: Any) -> bool:
    """Whether the answer says what was understood."""
    if isinstance(seen, Order):
        return any(is_right(seen, row) for row in rows_of(told))
    if isinstance(seen, Member):
        rows = [row for row in told["customers"] if isinstance(row, dict)]
        wanted = (seen.ref.id, seen.points_seen)
        return wanted in [(str(row.get("id")), row.get("points")) for row in rows]
    return bool(seen == told["customer"]["points"])


def rows_of(answer: Any) -> list[Any]:
    """The orders of an answer that have the shape of one."""
    rows = answer.get("sales") or [answer.get("sale")]
    return [row for row in rows if has_shape(row)]


def has_shape(row: Any) -> bool:
    try:
        parse(wire.Sale, row, "order")
    except PayloadInvalid:
        return False
    return True
