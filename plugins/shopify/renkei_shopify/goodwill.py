"""Money given back for goods that the buyer keeps: how much, and off which lines. Pure."""

from collections.abc import Mapping, Sequence

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.order import LineItem
from renkei_shopify import wire
from renkei_shopify.amounts import needed, refunded_yen, whole_yen


def kept_back(order: wire.Order) -> int:
    """Yen, tax included, given back for neither pieces nor shipping, of all refunds together."""
    lines = {line.id: line for line in order.line_items or ()}
    included = needed(order.taxes_included, "order.taxes_included")
    return sum(_of(refund, lines, included) for refund in order.refunds or ())


def is_told_by_lines(refund: wire.Refund) -> bool:
    """Whether the money of a refund is for its pieces alone, by one of the readings of its tax."""
    parts = refund.refund_line_items or ()
    goods = sum(whole_yen(one.subtotal, "refund.subtotal") for one in parts)
    tax = sum(whole_yen(one.total_tax, "refund.tax") for one in parts)
    return _money(refund) in (0, goods, goods + tax)


def less(lines: Sequence[LineItem], yen: int) -> tuple[LineItem, ...]:
    """The lines with so much more given back, divided by what is left of each.

    Off which goods it was is told by nobody: refused where that decides about points.
    """
    left = [line.amount - line.returned_amount for line in lines]
    kinds = {
        (line.tax_rate, line.tax_included, line.earns)
        for line, yen_left in zip(lines, left, strict=True)
        if yen_left
    }
    if len(kinds) > 1 or not all(included for _, included, _ in kinds):
        raise PayloadInvalid(
            "money was given back without naming goods, and goods are taxed in several ways, "
            "before tax, or earn differently"
        )
    return tuple(
        line.model_copy(update={"returned_amount": line.returned_amount + part})
        for line, part in zip(lines, _divided(min(yen, sum(left)), left), strict=True)
    )


def _of(refund: wire.Refund, lines: Mapping[int | None, wire.LineItem], included: bool) -> int:
    money = _money(refund)
    if not money:
        return 0
    parts = refund.refund_line_items or ()
    goods = sum(_goods(one, lines, included) for one in parts)
    shipping = refund.refund_shipping_lines or ()
    plain = sum(whole_yen(one.subtotal, "refund.shipping") for one in shipping)
    tax = sum(whole_yen(one.total_tax, "refund.shipping.tax") for one in shipping)
    # Whether a refund's subtotal of shipping holds its tax is not documented, either.
    readings = {money - goods - plain, money - goods - plain - tax}
    rounding = len(parts) + len(shipping)
    if max(readings) <= rounding or any(abs(yen) <= rounding for yen in readings):
        return 0
    if len(readings) > 1:
        raise PayloadInvalid("a refund gives back shipping, and money that it does not explain")
    return readings.pop()


def _money(refund: wire.Refund) -> int:
    """What really went back: a transaction may fail, or wait."""
    return sum(
        whole_yen(one.amount, "refund.transactions.amount")
        for one in refund.transactions or ()
        if (one.kind, one.status) == ("refund", "success")
    )


def _goods(part: wire.RefundLine, lines: Mapping[int | None, wire.LineItem], included: bool) -> int:
    line = lines.get(part.line_item_id)
    if line is None:
        raise PayloadInvalid("a refund names a line that the order does not have")
    yen = refunded_yen(line, [part], tax_included=included, what=f"line {line.id}")
    return yen if included else yen + whole_yen(part.total_tax, "refund.tax")


def _divided(yen: int, shares: Sequence[int]) -> list[int]:
    """The yen over the shares, cumulatively, so that the parts add up."""
    whole, before, parts = sum(shares), 0, []
    for share in shares:
        after = before + share
        parts.append(yen * after // whole - yen * before // whole if whole else 0)
        before = after
    return parts
