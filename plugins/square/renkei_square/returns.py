"""What came back of a sale. Pure.

A return of goods is an order of its own that names the lines of the sale; what is refunded must
be what those goods cost, or everything. A refund of an amount alone does not say of which goods.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.order import LineItem
from renkei_contracts.toolkit.wire import canonical
from renkei_square import amounts, wire


@dataclass(frozen=True)
class Back:
    """What came back, by the uid of the line; ``whole``: everything. ``by_points`` is in yen."""

    pieces: Mapping[str, int]
    yen: Mapping[str, int]
    by_points: int
    whole: bool = False

    def taken_off(self, line: LineItem) -> LineItem:
        """The line with what came back of it."""
        yen = line.amount if self.whole else self.yen.get(line.id, 0)
        # What is weighed is one piece, which came back when all of it did.
        few = self.pieces.get(line.id, 0) if yen < line.amount else line.quantity
        given = {**line.model_dump(), "returned_quantity": few, "returned_amount": yen}
        return canonical(f"line {line.id}", lambda: LineItem.model_validate(given))


def of(
    order: wire.Order,
    refunds: Sequence[wire.Refund],
    returned: Sequence[wire.Order],
    uids: Collection[str],
) -> Back:
    """What was refunded of the sale; ``uids`` are its discounts that paid by points."""
    what = f"order {order.id}"
    refunded = sum(amounts.yen(refund.amount_money, what) for refund in refunds)
    found = [one for given in returned for one in given.returns if one.source_order_id == order.id]
    rows = [row for one in found for row in one.return_line_items]
    told = sum(amounts.yen(row.total_money, what) for row in rows)
    if refunded and refunded == amounts.yen(order.total_money, what):
        paid = sum(
            amounts.yen(one.applied_money, what) for one in order.discounts if one.uid in uids
        )
        return Back({}, {}, paid, whole=True)
    if refunded != told:
        raise PayloadInvalid(
            f"{what}: {refunded} yen were refunded, but the goods that came back are worth {told}: "
            "adjust by hand"
        )
    return _itemized(order, found, uids, what)


def _itemized(
    order: wire.Order, found: Sequence[wire.Return], uids: Collection[str], what: str
) -> Back:
    lines = {line.uid: line for line in order.line_items}
    pieces: Counter[str] = Counter()
    yen: Counter[str] = Counter()
    by_points = 0
    for one in found:
        of_points = _of_points(one, uids)
        for row in one.return_line_items:
            line = lines.get(row.source_line_item_uid or "")
            if line is None:
                raise PayloadInvalid(f"{what}: goods came back that were not in it: adjust by hand")
            _, included = amounts.tax_of(line, order, what)
            measured = line.quantity_unit is not None
            if not measured:
                pieces[line.uid] += amounts.pieces(row.quantity, measured=False, what=what)
            yen[line.uid] += amounts.returned_amount(row, included, of_points, what)
            by_points += amounts.by_points(row.applied_discounts, of_points, what)
    return Back(pieces, yen, by_points)


def _of_points(one: wire.Return, uids: Collection[str]) -> frozenset[str]:
    """The discounts of a return that give back a discount of the sale which paid by points."""
    given = (discount for discount in one.return_discounts if discount.source_discount_uid in uids)
    return frozenset(discount.uid for discount in given)
