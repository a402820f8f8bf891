"""What an operation comes to, and what it says that is not so."""

from collections.abc import Sequence
from typing import Any

from renkei_contracts.capability import CheckFinding, Fact, StockLevel
from renkei_contracts.errors import RenkeiError
from renkei_contracts.member import IdentityKind, Member
from renkei_contracts.order import Order
from renkei_contracts.paging import Page
from renkei_contracts.point import BalanceWritten
from renkei_contracts.testing.trying import Tried


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
    if normal.operation.anew:
        return None
    match given.result:
        case Page():
            return _wrong_page(normal.result, given.result)
        case BalanceWritten():
            return None
        case list() | tuple() as found if any(isinstance(one, CheckFinding) for one in found):
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
