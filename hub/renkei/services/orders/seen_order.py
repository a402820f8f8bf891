"""An order as it was seen: its newest state, its refunds, and how a new state stands to it."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from renkei.ledger.keys import OrderKey
from renkei.ledger.staged import NewRefund, OrderRow
from renkei.services.attempt import Attempt
from renkei_contracts.order import Order, TillKey


def known_order(attempt: Attempt, key: OrderKey) -> OrderRow | None:
    """The order's newest kept state, with what this command has staged."""
    return attempt.staged.orders.get(key) or attempt.world.orders.get(key)


def names_of(order: Order) -> tuple[OrderKey, ...]:
    """What refunds call the order: its reference, and the place of its receipt's refunds."""
    named = (order.ref.connection, order.ref.id)
    return (named, refund_place(named[0], order.till)) if order.till is not None else (named,)


def refund_place(connection: str, sale: TillKey) -> OrderKey:
    """Where what a register refunds of a sale is kept, under whatever name the sale itself comes.

    No order ever has this name: its row only carries the refunds.
    """
    return (connection, f"refunds of {sale}")


def refunds_of(attempt: Attempt, order: Order) -> tuple[NewRefund, ...]:
    """The order's refunds by whatever name, with one that this command has staged."""
    if not attempt.world.refunds and not attempt.staged.refunds:
        return ()
    names = names_of(order)
    known = (one for name in names for one in attempt.world.refunds.get(name, ()))
    return (*known, *(one for one in attempt.staged.refunds if one.key[:2] in names))


def restated(row: OrderRow) -> Order:
    """The order as it was seen last."""
    return Order.model_validate_json(json.dumps(row.document))


def compare(
    row: OrderRow | None, clock: datetime, digest: bytes, read_at: datetime | None
) -> Literal["new", "newer", "same", "older", "reread"]:
    """How a state seen now stands to the one kept, by the vendor's clock and our reads."""
    if row is None or row.awaited:
        return "new"
    if clock != row.clock:
        return "newer" if clock > row.clock else "older"
    if digest == row.digest:
        return "same"
    read_later = read_at is not None and (row.read_at is None or read_at >= row.read_at)
    return "newer" if read_later else "reread"


def content_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """What makes two states of an order different: everything but the vendor's clock."""
    return {name: value for name, value in document.items() if name != "changed_at"}


def record(attempt: Attempt, row: OrderRow | None, new: OrderRow, delivery_key: str | None) -> None:
    """Keep the state; a newer clock with the same content is no new revision."""
    if row is not None and not row.awaited and row.digest == new.digest:
        new = new._replace(revision=row.revision)
    else:
        attempt.staged.revisions.append((new, delivery_key))
    attempt.staged.orders[new.key] = new
