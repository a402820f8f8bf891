"""One sale seen through two vendors is one order: by reference, natural key, or look.

What is seen later points at what was seen first and is granted nothing. A doubtful match waits for
a person, and is granted nothing until then.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from renkei.ledger.keys import OrderKey, SaleKey
from renkei.ledger.staged import Alert, OrderRow
from renkei.services.attempt import Attempt
from renkei_contracts.order import Order, OrderState, TillKey


class Seen(NamedTuple):
    """At which other order this sale is counted (``same``), or perhaps is (``doubt``)."""

    same: OrderKey | None = None
    doubt: OrderKey | None = None
    evidence: str = ""


def tell_of_copy(
    attempt: Attempt, alert_id: str, copy: OrderKey, counted: OrderKey, refund: str
) -> None:
    """A person must look: what is refunded at one vendor is counted at another, which may not hear
    of it, or tell of it as well."""
    message = f"refund {refund} is of a copy; {'/'.join(counted)} is what counts"
    number = f"{alert_id}.{len(attempt.staged.alerts)}"
    attempt.staged.alerts.append(Alert(number, "refund_of_copy", None, copy, message))


def same_sale(attempt: Attempt, order: Order, row: OrderRow | None, member: str | None) -> Seen:
    """Whether this sale is counted at another order."""
    key = (order.ref.connection, order.ref.id)
    for ref in order.same_as:
        counted = _referenced(attempt, (ref.connection, ref.id), key, order)
        if counted is not None:
            return Seen(None if counted == key else counted, None, "the vendor's own reference")
    natural = _same_natural_key(attempt, order, key, member) if order.till is not None else None
    if natural:
        return Seen(natural, None, "natural key")
    if row is not None and (row.same or row.doubt):
        return seen_before(row)
    judged = row is not None and not row.awaited and (row.member is not None or row.apart)
    return Seen() if judged else _lookalike(attempt, order, key, member)


def _referenced(attempt: Attempt, other: OrderKey, key: OrderKey, order: Order) -> OrderKey | None:
    """At which order this sale is counted by a vendor's reference; None: none that says so.

    An order that has not come gets a place that points here, so that whichever of the two is told
    first, by whatever process, the other finds it.
    """
    row = attempt.staged.orders.get(other) or attempt.world.orders.get(other)
    if other == key or (row is None and other[0] not in attempt.world.connections):
        return None
    if row is not None and row.doubt == key:
        # It was perhaps this sale, and this state says that it is: it was granted nothing yet.
        attempt.staged.orders[other] = row._replace(doubt=None, same=key)
        attempt.staged.same.append((other, key, "the vendor's own reference"))
        return key
    if row is None or (row.awaited and row.same is None):
        place = row or awaited(other, order.placed_at)
        attempt.staged.orders[other] = place._replace(same=key)
        return None
    counted = row.same or other
    return counted if counted != key else None


def awaited(key: OrderKey, at: datetime) -> OrderRow:
    """A place for an order that has not come: its key orders those who speak of it."""
    return OrderRow(
        key=key,
        revision=0,
        clock=at,
        read_at=None,
        digest=b"",
        placed_at=at,
        customer=None,
        member=None,
        same=None,
        program=None,
        program_version=None,
        document={},
    )


def seen_before(row: OrderRow | None) -> Seen:
    """What was found when the order was seen."""
    return Seen(row.same, row.doubt, "seen before") if row else Seen()


def sale_key(connection: str, till: TillKey) -> SaleKey:
    """The natural key as the books keep it."""
    day, count = till.business_date, till.settlement_count
    return (connection, till.store, till.till, day, count, till.receipt_number)


def total_of(order: Order) -> int:
    """What the sale comes to in yen as it was sold, before points: what two vendors agree on."""
    return sum(line.amount for line in order.lines) + order.shipping


def _same_natural_key(
    attempt: Attempt, order: Order, key: OrderKey, member: str | None
) -> OrderKey | None:
    """A sale is counted where it was seen first, or where its member is known.

    A poll may see a sale, without a member, before the register commits it with one.
    """
    assert order.till is not None
    natural = sale_key(key[0], order.till)
    first_ref = attempt.world.sales.get(natural)
    if first_ref is None:
        attempt.staged.sales[natural] = key[1]
        return None
    first = attempt.world.orders.get((key[0], first_ref))
    if first is None or first.same == key:
        return None
    if first.key == key:
        return first.same
    if first.same is None and first.member is None and member is not None:
        attempt.staged.orders[first.key] = first._replace(same=key)
        attempt.staged.same.append((first.key, key, "natural key; its member became known"))
        return None
    return first.same or first.key


def _lookalike(attempt: Attempt, order: Order, key: OrderKey, member: str | None) -> Seen:
    """What a link app copied, by the rule for these two connections (table sale_pair)."""
    if order.state is OrderState.CANCELLED or order.test:
        return Seen()
    others = [row for row in _candidates(attempt, order, key) if _may_be_of(attempt, row, member)]
    live = [row for row in others if row.document["state"] != OrderState.CANCELLED]
    lines = _lines_of(order.model_dump(mode="json")) if live else Counter()
    sure = [row for row in live if _lines_of(row.document) == lines]
    if len(sure) == 1 and len(others) == 1 and (sure[0].member or member is None):
        return Seen(sure[0].key, None, "amount, time, lines and member agree")
    return Seen(None, others[0].key) if others else Seen()


def _candidates(attempt: Attempt, order: Order, key: OrderKey) -> list[OrderRow]:
    """Sales of paired connections that have the same total at about the same time."""
    world = attempt.world
    if not world.windows:
        return []
    taken = {other for one, other, _ in world.staged.same if one[0] == key[0]}
    known = {**world.lookalikes, **world.orders}
    return [
        row
        for _, row in sorted(known.items())
        if (key[0], row.key[0]) in world.windows
        and not (row.awaited or row.same or row.key in taken)
        and row.total == total_of(order)
        and abs(row.placed_at - order.placed_at) <= world.windows[key[0], row.key[0]]
    ]


def _may_be_of(attempt: Attempt, row: OrderRow, member: str | None) -> bool:
    if row.member is None or member is None or row.member == member:
        return True
    return attempt.knows(row.member) and row.member in {
        books.member for books in attempt.group_of(member).homes
    }


def _lines_of(document: Mapping[str, Any]) -> Counter[tuple[str, int, int]]:
    """What was sold, in whatever order: by JAN, else SKU, else title."""
    return Counter(
        (line["jan"] or line["sku"] or line["title"], line["quantity"], line["amount"])
        for line in document["lines"]
    )
