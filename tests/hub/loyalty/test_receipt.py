"""What a receipt says, by examples."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from renkei.ledger.balance import ChannelBalance
from renkei.loyalty.basket import RateSum, basket_of
from renkei.loyalty.receipt import COLUMNS, PARKED, TRAINING, refund_receipt, sale_receipt, width
from renkei.loyalty.terms import Earn
from renkei_contracts.order import LineItem
from renkei_contracts.point import Balance

JST = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 26, 1, 5, tzinfo=UTC)
LARGEST = 999_999_999_999


def balance(points: int, *ends: tuple[date, int]) -> ChannelBalance:
    left = Balance(spendable=points, pending=0, version=7, as_of=NOW)
    return ChannelBalance(left, ends, None)


def rates(points: int) -> tuple[RateSum, ...]:
    """A basket of 5,500 yen at 10 % and 2,160 yen at 8 %, paid with so many points."""
    lines = (
        LineItem(id="1", quantity=1, amount=5_500, tax_rate=1_000),
        LineItem(id="2", quantity=2, amount=2_160, tax_rate=800),
    )
    return basket_of(lines, points, Earn(), lambda line: False).rates


def test_a_sale_of_two_rates_is_printed_with_totals_after_its_points() -> None:
    ends = ((date(2027, 1, 31), 120), (date(2027, 11, 30), 480))
    assert sale_receipt(66, 300, rates(300), balance(600, *ends), JST) == (
        "今回付与ポイント             66P",
        "今回利用ポイント            300P",
        "ポイント残高                600P",
        "(2026/11/26 10:05現在)",
        "2027/01/31まで有効          120P",
        "※8%対象(税込)           2,075円",
        " 内消費税等                153円",
        " ポイント値引              -85円",
        "10%対象(税込)            5,285円",
        " 内消費税等                480円",
        " ポイント値引             -215円",
        "※は軽減税率対象",
    )


def test_a_refund_says_what_went_back_and_what_is_owed() -> None:
    assert refund_receipt(50, 30, 20, (), balance(0), JST) == (
        "付与取消ポイント            -50P",
        "返却ポイント                 30P",
        "ポイント残高                  0P",
        "マイナスポイント            -20P",
        "(2026/11/26 10:05現在)",
    )


def test_every_line_fits_the_paper_and_cp932_however_large_the_amounts() -> None:
    largest = tuple(RateSum(rate, LARGEST, LARGEST, LARGEST, LARGEST) for rate in (0, 750, 800))
    ends = ((date(2200, 12, 31), LARGEST),)
    said = sale_receipt(LARGEST, LARGEST, largest, balance(LARGEST, *ends), JST)
    back = refund_receipt(LARGEST, LARGEST, LARGEST, largest, balance(LARGEST, *ends), JST)
    for line in (*said, *back, *PARKED, TRAINING):
        assert width(line) <= COLUMNS
        line.encode("cp932")


def test_a_rate_of_tenths_is_written_with_them() -> None:
    (_, _, line, *_) = sale_receipt(0, 0, (RateSum(750, 1_075, 0, 75),), balance(0), JST)
    assert line == "7.5%対象(税込)           1,075円"
