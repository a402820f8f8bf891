"""What the lines of an order are worth, and proof that they explain its total. Pure."""

from collections.abc import Sequence

from renkei_colorme import wire
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.toolkit.shares import divide

NORMAL, REDUCED = 1000, 800
"""Consumption tax in basis points; Color Me Shop knows these two."""

BASIS_POINTS = 10_000


def rate(line: wire.Detail) -> int:
    """The line's tax rate in basis points."""
    return REDUCED if line.tax_reduced else NORMAL


def line_amounts(sale: wire.Sale, what: str) -> tuple[bool, Sequence[int]]:
    """Whether tax is in the lines, and what each is worth after discounts, before points.

    The shop's setting (内税 or 外税) is not in the order: the two readings are held against its
    totals, and an order that neither explains to the yen is refused.
    """
    goods = _goods_charged(sale, what)
    with_tax = [line.price_with_tax * line.product_num for line in sale.details]
    if sum(with_tax) == sale.product_total_price == goods:
        return True, _discounted(sale, with_tax, what)
    without = [line.price * line.product_num for line in sale.details]
    if sum(without) == sale.product_total_price and goods == sale.product_total_price + sale.tax:
        return False, _taxed_on_top(sale, without, what)
    raise PayloadInvalid(f"{what}: its total is not the sum of its lines, charges and discounts")


def shipping(sale: wire.Sale) -> int:
    """What was charged besides the goods: delivery, payment and wrapping."""
    charges = (sale.delivery_total_charge, sale.fee, sale.noshi_total_charge)
    return sum(charges) + sale.card_total_charge + sale.wrapping_total_charge


def _goods_charged(sale: wire.Sale, what: str) -> int:
    """The total before discounts and without other charges; tax is in it."""
    off = sale.point_discount + sale.gmo_point_discount + sale.other_discount
    goods = sale.total_price + off - shipping(sale)
    if goods < 0:
        raise PayloadInvalid(f"{what}: its charges exceed its total")
    return goods


def _discounted(sale: wire.Sale, amounts: Sequence[int], what: str) -> Sequence[int]:
    """The discount taken off the lines of each tax rate, in proportion to their amounts."""
    if not sale.other_discount:
        return amounts
    if sale.other_discount == sale.delivery_total_charge:
        raise PayloadInvalid(f"{what}: its discount may be one on the delivery: adjust by hand")
    left = list(amounts)
    for tax_rate, discount in _discounts(sale, amounts, what).items():
        places = [place for place, line in enumerate(sale.details) if rate(line) == tax_rate]
        goods = [amounts[place] for place in places]
        if discount > sum(goods):
            raise PayloadInvalid(f"{what}: its discount exceeds its goods")
        for place, share in zip(places, divide(discount, goods), strict=True):
            left[place] -= share
    return left


def _discounts(sale: wire.Sale, amounts: Sequence[int], what: str) -> dict[int, int]:
    """The discount by tax rate: as the order says, or all of it where there is one rate only."""
    rates = {rate(line) for line, yen in zip(sale.details, amounts, strict=True) if yen}
    if len(rates) == 1:
        return dict.fromkeys(rates, sale.other_discount)
    told = sale.totals
    if told is not None:
        by_rate = {
            NORMAL: told.discount_amount_for_normal_tax,
            REDUCED: told.discount_amount_for_reduced_tax,
        }
        if sum(by_rate.values()) == sale.other_discount:
            return by_rate
    raise PayloadInvalid(f"{what}: its discount cannot be told apart by tax rate: adjust by hand")


def _taxed_on_top(sale: wire.Sale, amounts: Sequence[int], what: str) -> Sequence[int]:
    """Tax comes on top: a yen of rounding for each line, and no discount, which is after tax."""
    if sale.other_discount:
        raise PayloadInvalid(f"{what}: a discount where tax comes on top: adjust by hand")
    exact = sum(yen * rate(line) for line, yen in zip(sale.details, amounts, strict=True))
    # Rounded once for each tax rate, or once for each piece, as the shop has it.
    pieces = sum(line.product_num for line in sale.details) + 2
    if abs(sale.tax * BASIS_POINTS - exact) > pieces * BASIS_POINTS:
        raise PayloadInvalid(f"{what}: its tax is not that of its lines")
    return amounts
