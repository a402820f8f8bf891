"""What a store's tills sold and took back on a business day, by settlement, as booked now."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei_contracts.order import quoted, unquoted
from renkei_contracts.reconciliation import TillTotals

# Each natural key has one row, however often the sale was seen; it counts where it is booked.
SALES = """
SELECT k.till, k.settlement_count, k.receipt_number, c.total,
       c.document->>'state' = 'cancelled', coalesce(s.earned, 0), coalesce(s.redeemed, 0)
FROM order_key k
JOIN orders o ON (o.connection_id, o.order_ref) = (k.connection_id, k.order_ref)
JOIN orders c ON c.connection_id = coalesce(o.same_connection, o.connection_id)
             AND c.order_ref = coalesce(o.same_ref, o.order_ref)
LEFT JOIN settled s ON (s.member_id, s.connection_id, s.order_ref)
                     = (c.member_id, c.connection_id, c.order_ref)
WHERE (k.connection_id, k.store, k.business_date) = (:c, :s, :d)"""

# A till's refunds carry the natural key of their receipt (TillKey), voids that of their sale.
VOIDS = """
SELECT split_part(order_ref, '|', 3), split_part(order_ref, '|', 5), split_part(order_ref, '|', 6)
FROM refund WHERE connection_id = :c AND refund_ref = connection_id || '/void'
  AND split_part(order_ref, '|', 2) = :s AND split_part(order_ref, '|', 4) = :d"""

REFUNDS = """
SELECT split_part(refund_ref, '|', 3), split_part(refund_ref, '|', 5),
       split_part(refund_ref, '|', 6),
       (SELECT coalesce(sum(CAST(line->>'amount' AS bigint)), 0)
        FROM json_array_elements(document->'lines') line)
FROM refund WHERE connection_id = :c
  AND split_part(refund_ref, '|', 2) = :s AND split_part(refund_ref, '|', 4) = :d"""

SWAP = re.compile("~[0-9]+$")
"""What the goods that came back on a sale's receipt add to its number."""


class Shift(NamedTuple):
    """A till between two settlements."""

    till: str
    settlement_count: int


@dataclass
class Booked:
    """What is booked for a shift, and the numbers of its receipts."""

    totals: TillTotals = field(default_factory=TillTotals)
    receipts: set[str] = field(default_factory=set)

    def count(self, **more: int) -> None:
        """Add to these totals."""
        grown = {name: getattr(self.totals, name) + value for name, value in more.items()}
        self.totals = self.totals.model_copy(update=grown)


async def booked_on(
    conn: AsyncConnection, connection: str, store: str, day: date
) -> Mapping[Shift, Booked]:
    """Every shift of the store's day that has a receipt."""
    found: dict[Shift, Booked] = defaultdict(Booked)
    named = {"c": connection, "s": quoted(store), "d": day.isoformat()}
    voids = {_name(row) for row in (await conn.execute(text(VOIDS), named)).all()}
    sales = {"c": connection, "s": store, "d": day}
    for till, count, receipt, yen, gone, earned, used in await conn.execute(text(SALES), sales):
        shift = found[Shift(till, count)]
        shift.receipts.add(receipt)
        if gone or (Shift(till, count), receipt) in voids:
            shift.count(voids=1)
        else:
            shift.count(sales=1, yen=yen, earned=earned, used=used)
    await _add_refunds(conn, named, found)
    return found


async def _add_refunds(
    conn: AsyncConnection, named: Mapping[str, str], found: Mapping[Shift, Booked]
) -> None:
    """One receipt may take back goods of several sales: it is one refund."""
    yen: dict[tuple[Shift, str], int] = {}
    for row in (await conn.execute(text(REFUNDS), named)).all():
        shift, receipt = _name(row)
        sale = SWAP.sub("", receipt)
        # A receipt of its own may be numbered like that, too.
        name = (shift, sale if sale in found[shift].receipts else receipt)
        yen[name] = yen.get(name, 0) + int(row[3])
    for (shift, receipt), amount in yen.items():
        found[shift].receipts.add(receipt)
        found[shift].count(refunds=1, refund_yen=amount)


def _name(row: Any) -> tuple[Shift, str]:
    """The shift and receipt number of a natural key's parts."""
    till, count, receipt = row[:3]
    return Shift(unquoted(till), int(count) if count.isdecimal() else 0), unquoted(receipt)
