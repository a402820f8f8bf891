"""What the lines of a sale are worth before points, and whether they add up. Pure.

Everything is read off what Square has computed itself; nothing is divided or rounded here.
"""

from collections.abc import Collection
from decimal import Decimal, InvalidOperation

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.toolkit.wire import known
from renkei_square import wire

TAX_INCLUDED = {"INCLUSIVE": True, "ADDITIVE": False}


def yen(money: wire.Money | None, what: str) -> int:
    """Whole yen; nothing where Square leaves the amount out. Another currency is refused."""
    if money is None:
        return 0
    if money.currency != "JPY":
        raise PayloadInvalid(f"{what} is not in yen")
    return money.amount


def pieces(quantity: str, *, measured: bool, what: str) -> int:
    """Pieces; what is weighed or measured is one piece with its price."""
    try:
        value = Decimal(quantity)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or not 0 <= value <= 1_000_000:
        raise PayloadInvalid(f"{what}: its quantity is no number of pieces")
    if measured or value != value.to_integral_value():
        return 1
    return int(value)


def tax_of(line: wire.Line, order: wire.Order, what: str) -> tuple[int, bool]:
    """The rate in basis points, and whether the tax is in the price; without a tax it is 0."""
    taxes = {tax.uid: tax for tax in order.taxes}
    applied = [share.tax_uid for share in line.applied_taxes]
    if not applied:
        if yen(line.total_tax_money, what):
            raise PayloadInvalid(f"{what} bears a tax that is not told")
        return 0, True
    tax = taxes.get(applied[0] or "")
    if tax is None or len(applied) > 1:
        raise PayloadInvalid(f"{what} does not bear one tax of the sale: adjust by hand")
    return _basis_points(tax.percentage, what), known(TAX_INCLUDED, tax.type, f"{what}: its tax")


def _basis_points(percentage: str, what: str) -> int:
    try:
        points = Decimal(percentage) * 100
    except InvalidOperation:
        points = Decimal(-1)
    if not points.is_finite() or not 0 <= points <= 10_000 or points != points.to_integral_value():
        raise PayloadInvalid(f"{what}: its tax rate is not one")
    return int(points)


def by_points(shares: tuple[wire.Applied, ...], uids: Collection[str], what: str) -> int:
    """The part of a line that was paid by points, as discounts of these uids."""
    return sum(yen(one.applied_money, what) for one in shares if one.discount_uid in uids)


def line_amount(line: wire.Line, included: bool, uids: Collection[str], what: str) -> int:
    """What the buyer owes for the line before points, on the line's own tax basis."""
    if yen(line.total_service_charge_money, what):
        raise PayloadInvalid(f"{what} bears a share of a service charge: adjust by hand")
    discounts = sum(yen(share.applied_money, what) for share in line.applied_discounts)
    if discounts != yen(line.total_discount_money, what):
        raise PayloadInvalid(f"{what}: its discounts are not its shares of them")
    tax = 0 if included else yen(line.total_tax_money, what)
    return yen(line.total_money, what) - tax + by_points(line.applied_discounts, uids, what)


def returned_amount(line: wire.ReturnLine, included: bool, uids: Collection[str], what: str) -> int:
    """The part of a line's amount that came back, on the same basis as ``line_amount``."""
    tax = 0 if included else yen(line.total_tax_money, what)
    return yen(line.total_money, what) - tax + by_points(line.applied_discounts, uids, what)


def require_sums(order: wire.Order, what: str) -> None:
    """Raise PayloadInvalid unless lines, service charges and tip are the total, to the yen."""
    if order.total_money is None:
        raise PayloadInvalid(f"{what}.total_money is missing")
    lines = sum(yen(line.total_money, what) for line in order.line_items)
    charges = sum(yen(charge.total_money, what) for charge in order.service_charges)
    parts = lines + charges + yen(order.total_tip_money, what)
    total = yen(order.total_money, what)
    if total != parts:
        raise PayloadInvalid(f"{what}: its total is {total}, its parts say {parts}")
