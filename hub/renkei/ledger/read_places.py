"""The statements that ask what was stated of places and products (``places`` has the answers)."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.places import (
    Code,
    KnownPlace,
    KnownProduct,
    Place,
    places_of,
    products_of,
)
from renkei.storage.trip import Statement, as_json, travel

# A store's newest setting by then; facts of its own, of its area, and of everywhere.
PLACES = """
SELECT x.c, x.s, x.at, coalesce(p.area, ''), coalesce(p.day_ends, 0),
       f.name, f.day, f.value, f.source, f.stated_at, p.day_ends IS NOT NULL
FROM json_to_recordset(CAST(:places AS json))
  AS x(c text, s text, at timestamptz, known timestamptz, first date, last date)
LEFT JOIN LATERAL (
  SELECT area, day_ends FROM store_setting n
  WHERE n.connection_id = x.c AND n.store = x.s AND n.stated_at <= x.known
  ORDER BY n.stated_at DESC LIMIT 1) p ON true
LEFT JOIN fact f ON f.place IN ('', p.area, x.c || '/' || x.s)
  AND f.day BETWEEN x.first AND x.last AND f.stated_at <= x.known
ORDER BY x.c, x.s, x.at, f.place = x.c || '/' || x.s, f.place = p.area"""

# What was last stated of a code by then; a JAN names a product before a SKU does, and a SKU whose
# product has a JAN is that product.
PRODUCTS = """
SELECT x.c, x.at, p.jan, p.classes
FROM json_to_recordset(CAST(:codes AS json)) AS x(c text, at timestamptz, known timestamptz),
LATERAL (
  SELECT * FROM (
    (SELECT n.jan, n.classes, 1 AS rank FROM product n
     WHERE n.jan = x.c AND n.stated_at <= x.known ORDER BY n.stated_at DESC LIMIT 1)
    UNION ALL
    (SELECT n.jan, coalesce(
       (SELECT m.classes FROM product m
        WHERE n.jan <> '' AND m.jan = n.jan AND m.stated_at <= x.known
        ORDER BY m.stated_at DESC LIMIT 1), n.classes), 2
     FROM product n WHERE n.sku = x.c AND n.stated_at <= x.known
     ORDER BY n.stated_at DESC LIMIT 1)) found
  ORDER BY rank LIMIT 1) p"""

AROUND = timedelta(days=2)
"""No zone and no late shop puts a sale's business day further from its instant in UTC."""


def place_statement(places: Iterable[Place], *, by_now: bool = False) -> Statement | None:
    """Asks for these places; ``by_now``: with what was stated after their sales, too."""
    asked = [
        {
            "c": place.connection,
            "s": place.store,
            "at": place.at.isoformat(),
            "known": "infinity" if by_now else place.at.isoformat(),
            "first": (place.at - AROUND).date().isoformat(),
            "last": (place.at + AROUND).date().isoformat(),
        }
        for place in sorted(places)
    ]
    return Statement(PLACES, {"places": as_json(asked)}) if asked else None


def product_statement(codes: Iterable[Code], *, by_now: bool = False) -> Statement | None:
    """Asks for the products with these codes; ``by_now`` as above."""
    asked = [
        {
            "c": code.code,
            "at": code.at.isoformat(),
            "known": "infinity" if by_now else code.at.isoformat(),
        }
        for code in sorted(codes)
    ]
    return Statement(PRODUCTS, {"codes": as_json(asked)}) if asked else None


async def read_around(
    conn: AsyncConnection,
    places: Iterable[Place],
    codes: Iterable[Code],
    *,
    by_now: bool = False,
) -> tuple[dict[Place, KnownPlace], dict[Code, KnownProduct]]:
    """What is known of these, outside a batch; nothing is asked where there is nothing to ask."""
    place = place_statement(places, by_now=by_now)
    product = product_statement(codes, by_now=by_now)
    asked = [one for one in (place, product) if one is not None]
    answers = iter(await travel(conn, asked) if asked else ())
    known = places_of(next(answers).rows) if place else {}
    return known, products_of(next(answers).rows) if product else {}
