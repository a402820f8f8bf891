"""What a receipt says of points and of each tax rate, in Japanese, for any till's printer. Pure.

Every line fits 32 half-width columns, which a roll of 58 mm holds, and consists of characters that
CP932 has. A rate's total is after coupons and points, and its tax is floored once (jp-retail-rules
§2); the mark ※ stands before a reduced rate and is explained once.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple
from unicodedata import east_asian_width
from zoneinfo import ZoneInfo

from renkei.ledger.balance import ChannelBalance
from renkei.loyalty.basket import RateSum

COLUMNS = 32
"""Half-width columns of a line."""

REDUCED = ((800, date(2019, 10, 1)),)
"""Reduced rates in basis points, each with the first day on which it was one."""

TRAINING = "※※ 練習モード・無効 ※※"
"""The first line of what a register in training prints."""

PARKED = ("ポイントは元の取引の登録後に", "計算します")
"""Said where goods come back before the hub has heard of their sale."""


class Moved(NamedTuple):
    """One movement as the receipt names it: whole points, and their sign as it is printed."""

    label: str
    points: int


def sale_receipt(
    earned: int, used: int, rates: Sequence[RateSum], balance: ChannelBalance, zone: ZoneInfo
) -> tuple[str, ...]:
    """The lines of a sale: earned, used, balance, what ends first, and the total of each rate."""
    moved = (Moved("今回付与ポイント", earned), Moved("今回利用ポイント", used))
    return _lines(moved, rates, balance, zone, debt=0)


def refund_receipt(
    taken: int,
    returned: int,
    debt: int,
    rates: Sequence[RateSum],
    balance: ChannelBalance,
    zone: ZoneInfo,
) -> tuple[str, ...]:
    """The lines of a void or refund; the rates are those of what is still sold."""
    moved = (Moved("付与取消ポイント", -taken), Moved("返却ポイント", returned))
    return _lines(moved, rates, balance, zone, debt=debt)


def width(text: str) -> int:
    """Columns on the paper: what is wide, or wide in Japanese type (ambiguous), takes two."""
    return sum(2 if east_asian_width(char) in "WFA" else 1 for char in text)


def _lines(
    moved: Iterable[Moved],
    rates: Sequence[RateSum],
    balance: ChannelBalance,
    zone: ZoneInfo,
    *,
    debt: int,
) -> tuple[str, ...]:
    now = balance.balance.as_of.astimezone(zone)
    said = [_row(one.label, f"{one.points:,}P") for one in moved if one.points]
    said.append(_row("ポイント残高", f"{balance.balance.spendable:,}P"))
    if debt:
        said.append(_row("マイナスポイント", f"-{debt:,}P"))
    said.append((f"({now:%Y/%m/%d %H:%M}現在)",))
    if balance.by_expiry:
        day, points = balance.by_expiry[0]
        said.append(_row(f"{day:%Y/%m/%d}まで有効", f"{points:,}P"))
    said += [_rate(one, now.date()) for one in rates]
    if any(_is_reduced(one.tax_rate, now.date()) for one in rates):
        said.append(("※は軽減税率対象",))
    return tuple(line for lines in said for line in lines)


def _rate(one: RateSum, day: date) -> tuple[str, ...]:
    mark = "※" if _is_reduced(one.tax_rate, day) else ""
    rows = [_row(f"{mark}{_percent(one.tax_rate)}対象(税込)", f"{one.total:,}円")]
    rows.append(_row(" 内消費税等", f"{one.tax:,}円"))
    if one.coupon_discount:
        rows.append(_row(" クーポン値引", f"-{one.coupon_discount:,}円"))
    if one.points_discount:
        rows.append(_row(" ポイント値引", f"-{one.points_discount:,}円"))
    return tuple(line for row in rows for line in row)


def _is_reduced(rate: int, day: date) -> bool:
    return any(rate == reduced and day >= since for reduced, since in REDUCED)


def _percent(rate: int) -> str:
    whole, part = divmod(rate, 100)
    return f"{whole}.{part:02d}".rstrip("0") + "%" if part else f"{whole}%"


def _row(label: str, value: str) -> tuple[str, ...]:
    """Label to the left and value to the right; on two lines where one is too short for both."""
    gap = COLUMNS - width(label) - width(value)
    if gap >= 1:
        return (f"{label}{' ' * gap}{value}",)
    return label, " " * (COLUMNS - width(value)) + value
