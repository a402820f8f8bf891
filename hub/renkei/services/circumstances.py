"""What rules speak of besides the sale: its store's day, facts, products; asked for if they do."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.places import Code, KnownPlace, KnownProduct, Place
from renkei.ledger.read_places import read_around
from renkei.loyalty.calendar import business_day
from renkei.loyalty.context import Facts
from renkei.loyalty.products import codes_of
from renkei.loyalty.program import Program
from renkei_contracts.order import Order


def place_of(order: Order) -> Place:
    """Where and when the sale was made."""
    store = order.location or (order.till.store if order.till else "")
    return Place(order.ref.connection, store, order.placed_at)


def places_asked(order: Order, rules: Program) -> frozenset[Place]:
    """The sale's place, if these rules speak of its day or of facts."""
    return frozenset({place_of(order)} if rules.asks_for_places else ())


def codes_asked(order: Order, rules: Program) -> frozenset[Code]:
    """The codes of what was sold, if these rules speak of products."""
    if not rules.asks_for_products:
        return frozenset()
    return frozenset(Code(code, order.placed_at) for line in order.lines for code in codes_of(line))


def in_place(
    facts: Facts,
    order: Order,
    rules: Program,
    places: Mapping[Place, KnownPlace],
    products: Mapping[Code, KnownProduct],
) -> Facts:
    """The facts with what was loaded about the sale's place and products, as conditions see it."""
    place = places.get(place_of(order))
    if place is None and not products:
        return facts
    place = place or KnownPlace()
    stated = place.on(business_day(order, rules.clock, place.day_ends))
    found = {
        code: products[key]
        for line in order.lines
        for code in codes_of(line)
        if (key := Code(code, order.placed_at)) in products
    }
    return replace(
        facts,
        classes={code: product.classes for code, product in found.items()},
        jans={code: product.jan for code, product in found.items()},
        stated={name: fact.value for name, fact in stated.items()},
        sources={name: fact.source for name, fact in stated.items()},
        day_ends=place.day_ends,
    )


async def knows_products(conn: AsyncConnection) -> bool:
    """Whether any product is known at all."""
    return bool((await conn.execute(text("SELECT EXISTS (SELECT FROM product)"))).scalar_one())


async def read_circumstances(
    conn: AsyncConnection,
    orders: Sequence[Order],
    rules: Program,
    *,
    products: bool,
    by_now: bool = False,
) -> tuple[Mapping[Place, KnownPlace], Mapping[Code, KnownProduct]]:
    """What ``in_place`` takes for these orders, outside a batch; ``products``: if any are known.

    ``by_now``: with what was stated after they were placed, too, as a draft may want to be tried.
    """
    places = frozenset().union(*(places_asked(order, rules) for order in orders))
    codes = frozenset().union(*(codes_asked(order, rules) for order in orders if products))
    return await read_around(conn, places, codes, by_now=by_now)
