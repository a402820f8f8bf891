"""The statements that ask for the coupons that commands name (``coupons`` reads the answers)."""

from collections.abc import Collection

from renkei.ledger import queries as sql
from renkei.ledger.coupons import CouponName
from renkei.storage.trip import Statement, as_json


def coupon_members_statement(names: Collection[CouponName]) -> Statement | None:
    """Whose the coupons are that are named by their codes."""
    return Statement(sql.COUPON_MEMBERS, {"codes": _codes(names)}) if names else None


def coupon_statement(names: Collection[CouponName]) -> Statement | None:
    """The coupons with their newest moves; their members' locks guard them."""
    if not names:
        return None
    occasions = sorted(one for one in names if not isinstance(one, str))
    keys = [{"m": member, "k": kind, "o": occasion} for member, kind, occasion in occasions]
    return Statement(sql.COUPONS, {"codes": _codes(names), "keys": as_json(keys)})


def _codes(names: Collection[CouponName]) -> str:
    return as_json(sorted(one for one in names if isinstance(one, str)))
