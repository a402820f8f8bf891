"""For each check of the suite ``orders`` a plugin that is wrong in just that way."""

from datetime import timedelta
from typing import Any

import pytest
from wrong import altered, checks_of, must_fail, updated, wrapped
from wrong_lists import (
    AfterSince,
    AnyId,
    ByNumber,
    ByPlacedAt,
    ByTimeAlone,
    FirstPageOnly,
    NewestFirst,
    Nothing,
    NothingCameBackByDefault,
    PastOverAgain,
    PastWithoutEdits,
    RefusesWithoutAName,
    Remembered,
    StopsAtTheFirstBadRow,
    UnknownIsPaid,
    UntilIncluded,
    WithoutBeginning,
    WithoutEnd,
)

from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Identity, IdentityKind
from renkei_contracts.order import Order, OrderState
from renkei_contracts.reference.cart.plugin import VENDOR as CART
from renkei_contracts.reference.till.plugin import COPY_VENDOR
from renkei_contracts.vendor import Vendor

HOURS = timedelta(hours=9)


def orders(wrap: Any) -> Vendor:
    return wrapped(COPY_VENDOR, "orders", wrap)


def changed(**values: Any) -> Vendor:
    return orders(altered(updated(**values)))


def lines(**values: Any) -> Vendor:
    change = updated(**values)
    return changed(lines=lambda told: tuple(map(change, told)))


def counting(order: Order) -> Order:
    """Names each reading."""
    counting.n += 1  # type: ignore[attr-defined]
    return order.model_copy(update={"number": str(counting.n)})  # type: ignore[attr-defined]


counting.n = 0  # type: ignore[attr-defined]


def points_off_the_lines(order: Order) -> Order:
    first, *others = order.lines
    less = first.model_copy(update={"amount": first.amount - order.points_used})
    return order.model_copy(update={"lines": (less, *others)})


def returns_forgotten_when_cancelled(order: Order) -> Order:
    """The state of a sale that has refunds is not read."""
    if not any(line.returned_quantity for line in order.lines):
        return order
    return order.model_copy(update={"state": OrderState.FULFILLED})


def one_return_only(order: Order) -> Order:
    """Only the first line's refund is read."""
    first, *others = order.lines
    none = updated(returned_quantity=0, returned_amount=0)
    return order.model_copy(update={"lines": (first, *map(none, others))})


def at_least_one_piece_left(order: Order) -> Order:
    if all(line.returned_quantity == line.quantity for line in order.lines):
        return order.model_copy(update={"lines": tuple(map(NO_RETURN, order.lines))})
    return order


def one_line_a_product(order: Order) -> Order:
    """The last line of each product stands for all of them."""
    lines = {line.sku: line for line in order.lines}
    return order.model_copy(update={"lines": tuple(lines.values())})


def guests_lines_lost(order: Order) -> Order:
    return order if order.identities else order.model_copy(update={"lines": order.lines[:1]})


def edits_ignored(order: Order) -> Order:
    """The pieces as they were sold first."""
    first, *others = order.lines
    if first.quantity != 1:
        return order
    sold = {"quantity": 2, "amount": first.amount * 2}
    return order.model_copy(update={"lines": (first.model_copy(update=sold), *others)})


def edits_counted_as_returns(order: Order) -> Order:
    first, *others = order.lines
    if first.quantity != 1 or not first.returned_quantity:
        return order
    sold = {"quantity": 2, "amount": first.amount * 2}
    return order.model_copy(update={"lines": (first.model_copy(update=sold), *others)})


def nobody_is_zero(order: Order) -> Order:
    nobody = ExternalRef(connection=order.ref.connection, id="0")
    return order.model_copy(update={"customer": order.customer or nobody})


def of_the_till_only(order: Order) -> Order:
    assert order.till is not None
    key = order.till.model_copy(update={"receipt_number": "1"})
    return order.model_copy(update={"till": key})


def shop(ref: ExternalRef | None) -> ExternalRef | None:
    return ref and ref.model_copy(update={"connection": "shop"})


def addressed_to_none(order: Order) -> Order:
    mail = Identity(kind=IdentityKind.EMAIL, value="None")
    return order.model_copy(update={"identities": (*order.identities, mail)})


def lines_lost_without_an_address(order: Order) -> Order:
    """A guest's sale, or so it seems."""
    if any(one.kind is IdentityKind.EMAIL for one in order.identities) or not order.identities:
        return order
    return order.model_copy(update={"lines": order.lines[:1]})


NO_RETURN = updated(returned_quantity=0, returned_amount=0)

WRONG: dict[str, Vendor] = {
    "a sale is found by a poll": orders(Nothing),
    "what a poll gives is what fetching gives": orders(
        altered(updated(identities=()), fetched=False)
    ),
    "reading twice gives the same": orders(altered(counting)),
    "every reference is of the connection": changed(ref=shop, customer=shop),
    "an order that is not there is not found": orders(AnyId),
    "an order that cannot be understood is set aside": orders(StopsAtTheFirstBadRow),
    "the clock of the vendor is read with its zone": changed(
        changed_at=lambda at: at + HOURS, placed_at=lambda at: at + HOURS
    ),
    "a till sale has its natural key": orders(altered(of_the_till_only)),
    "an order names its customer": changed(customer=None, identities=()),
    "an order of nobody names nobody": orders(altered(nobody_is_zero)),
    "a cancelled order is cancelled": changed(state=OrderState.FULFILLED),
    "a word that nobody knows calls no sale off and none back": orders(UnknownIsPaid),
    "points paid with are told": orders(altered(points_off_the_lines)),
    "a delivered order is what fetching gives": wrapped(
        CART, "orders", altered(updated(shipping=0, number=""))
    ),
    "an order says when it was placed whatever comes later": orders(
        altered(lambda order: order.model_copy(update={"placed_at": order.changed_at}))
    ),
    "a newer state has a newer time": orders(
        altered(lambda order: order.model_copy(update={"changed_at": order.placed_at}))
    ),
    "a changed order is found by a poll from then on": orders(ByPlacedAt),
    "the lines of a sale are what the buyer owes": lines(amount=lambda yen: yen - 1),
    "the lines of a sale are the goods that were bought": lines(sku=""),
    "an order in another currency is refused by name": wrapped(CART, "orders", RefusesWithoutAName),
    "a product in two lines is owed twice": orders(altered(one_line_a_product)),
    "the lines of a guests sale are what the buyer owes": orders(altered(guests_lines_lost)),
    "a customer without an address owes the same": orders(altered(lines_lost_without_an_address)),
    "a piece that came back is owed no more": lines(returned_quantity=0, returned_amount=0),
    "pieces that came back one by one are owed no more": orders(altered(one_return_only)),
    "a sale that came back whole owes nothing": orders(altered(at_least_one_piece_left)),
    "a missing key never hides what came back": orders(NothingCameBackByDefault),
    "a piece that was taken out is owed no more": orders(altered(edits_ignored)),
    "what was taken out and what came back are both owed no more": orders(
        altered(edits_counted_as_returns)
    ),
    "a cancelled sale owes nothing after a refund either": orders(
        altered(returns_forgotten_when_cancelled)
    ),
    "paging ends and loses nothing": orders(FirstPageOnly),
    "orders of one second are all given": orders(ByTimeAlone),
    "no order is lost when others change between two pages": orders(ByNumber),
    "an order that changes between two pages comes again": orders(Remembered),
    "paging ends although new orders come": orders(WithoutEnd),
    "a window begins with its since": orders(AfterSince),
    "a window leaves out what is before it": orders(WithoutBeginning),
    "a window ends before its until": orders(UntilIncluded),
    "the oldest change comes first": orders(NewestFirst),
    "the past is what its pages tell": orders(PastWithoutEdits),
    "the past goes on behind a page": orders(PastOverAgain),
}
TABLE = {f"orders: {name}": vendor for name, vendor in WRONG.items()}


def test_every_check_has_a_wrong_plugin() -> None:
    assert set(TABLE) == checks_of("orders")


@pytest.mark.parametrize("id", TABLE)
async def test_the_wrong_plugin_fails(id: str) -> None:
    await must_fail(TABLE[id], id)


async def test_an_address_that_is_none_is_seen_as_well() -> None:
    name = "orders: a customer without an address owes the same"
    assert "no e-mail identity" in await must_fail(orders(altered(addressed_to_none)), name)
