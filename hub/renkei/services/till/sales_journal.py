"""Sales journals of tills that only export files: rows become sales, told as what has happened."""

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated, NamedTuple, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from renkei.errors import FileInvalid
from renkei.services.setup.spreadsheets import MOST_FAULTS, read_lines, said
from renkei_contracts.base import DATED, Canonical, Day, Key, Points, Text, Yen
from renkei_contracts.order import LineItem, TillKey
from renkei_contracts.till import CommitRequest
from renkei_contracts.toolkit.japanese import JST, fold

HEADINGS = {
    "会社": "company",
    "会社コード": "company",
    "店舗": "store",
    "店舗コード": "store",
    "レジ": "till",
    "レジ番号": "till",
    "レジno": "till",
    "営業日": "business_date",
    "精算回数": "settlement_count",
    "レシート番号": "receipt_number",
    "伝票番号": "receipt_number",
    "取引日時": "sold_at",
    "会員番号": "card",
    "カード番号": "card",
    "利用ポイント": "points_used",
    "付与ポイント": "earned_printed",
    "取消": "voided",
    "行番号": "line",
    "明細番号": "line",
    "janコード": "jan",
    "商品コード": "sku",
    "商品名": "title",
    "数量": "quantity",
    "金額": "amount",
    "税率": "tax_rate",
    "税込": "tax_included",
}
"""What the columns are called in Japanese exports, folded and in lower case."""

OF_A_RECEIPT = ("sold_at", "card", "points_used", "earned_printed", "voided")
"""What every row of one receipt must say alike."""

YES, NO = ("1", "true", "yes", "はい", "○", "取消"), ("0", "false", "no", "いいえ", "×")
WHOLE = re.compile(r"-?[0-9]{1,15}")
PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?%?")
SLASHED = re.compile(r"^([0-9]{4})/([0-9]{1,2})/([0-9]{1,2})")


def _whole(cell: object) -> object:
    """``1,280`` as exports write it."""
    if not isinstance(cell, str):
        return cell
    digits = fold(cell).replace(",", "")
    if not WHOLE.fullmatch(digits):
        raise ValueError(f"{cell!r:.40} is no whole number")
    return int(digits)


def _basis_points(cell: object) -> object:
    """``10`` and ``8%`` are per cent."""
    found = PERCENT.fullmatch(fold(cell)) if isinstance(cell, str) else None
    if found is None:
        raise ValueError("is a rate in per cent: 10, 8")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _said_yes(cell: object) -> object:
    word = fold(cell).lower() if isinstance(cell, str) else ""
    if word not in (*YES, *NO):
        raise ValueError(f"is one of {', '.join((*YES, *NO))}")
    return word in YES


def _dashed(cell: object) -> object:
    """``2026/11/5`` as 2026-11-05."""
    if not isinstance(cell, str):
        return cell
    found = SLASHED.match(text := fold(cell))
    if found is None:
        return text
    # A spreadsheet writes nine o'clock with one digit.
    rest = re.sub(r"^[ T]+(?=\d:)", " 0", text[found.end() :])
    return f"{found[1]}-{int(found[2]):02d}-{int(found[3]):02d}{rest}"


def _dated(cell: object) -> object:
    """Digits alone would be read as seconds since 1970."""
    if isinstance(cell, str) and not DATED.match(cell):
        raise ValueError("is a date and a time: 2026-11-05 09:05")
    return cell


Whole = BeforeValidator(_whole)
Word = BeforeValidator(_said_yes)


class JournalRow(Canonical):
    """One line of a receipt in an export.

    ``sold_at`` without a zone is Japanese time; ``tax_rate`` is in per cent; ``amount`` is as in a
    LineItem. Without ``line`` the rows of a receipt are numbered as they come.
    """

    company: Text = ""
    store: Key
    till: Key
    business_date: Annotated[Day, BeforeValidator(_dashed)]
    settlement_count: Annotated[int, Whole, Field(ge=0, le=999)] = 0
    receipt_number: Key
    sold_at: Annotated[datetime, BeforeValidator(_dated), BeforeValidator(_dashed)]
    card: Text = ""
    points_used: Annotated[Points, Whole] = 0
    earned_printed: Annotated[Points, Whole] | None = None
    voided: Annotated[bool, Word] = False
    line: Text = ""
    sku: Text = ""
    jan: Text = ""
    title: Text = ""
    quantity: Annotated[int, Whole, Field(ge=0, le=1_000_000)] = 1
    amount: Annotated[Yen, Whole]
    tax_rate: Annotated[int, BeforeValidator(_basis_points), Field(le=10_000)]
    tax_included: Annotated[bool, Word] = True

    @field_validator("sold_at")
    @classmethod
    def _zoned(cls, at: datetime) -> datetime:
        return at if at.tzinfo else at.replace(tzinfo=JST)

    @model_validator(mode="after")
    def _names_a_receipt(self) -> Self:
        _ = self.key
        return self

    @property
    def key(self) -> TillKey:
        """The natural key of its receipt."""
        return TillKey(
            store=self.store,
            till=self.till,
            business_date=self.business_date,
            settlement_count=self.settlement_count,
            receipt_number=self.receipt_number,
            company=self.company,
        )


class Receipt(NamedTuple):
    """A sale of the journal: the line it begins on, whose card it names, and what is committed."""

    at_line: int
    card: str
    sale: CommitRequest


def read_journal(file: Path) -> list[Receipt]:
    """Every receipt, the earliest first; raises FileInvalid with each fault and its line."""
    rows = read_lines(file, JournalRow, HEADINGS)
    faults: list[str] = []
    receipts: list[Receipt] = []
    for _, group in groupby(sorted(rows, key=_by_receipt), key=lambda one: str(one[1].key)):
        try:
            receipts.append(_receipt(list(group)))
        except FileInvalid as error:
            faults += error.faults
    if faults:
        raise FileInvalid(file.name, faults[:MOST_FAULTS])
    return sorted(receipts, key=lambda one: (one.sale.sold_at, one.at_line))


def _by_receipt(row: tuple[int, JournalRow]) -> tuple[str, int]:
    return str(row[1].key), row[0]


def _receipt(rows: Sequence[tuple[int, JournalRow]]) -> Receipt:
    first_line, first = rows[0]
    for line, row in rows[1:]:
        for name in OF_A_RECEIPT:
            if getattr(row, name) != getattr(first, name):
                why = f"line {line}: {name} is another than on line {first_line}, the same receipt"
                raise FileInvalid("", [why])
    try:
        return Receipt(first_line, first.card, _sale(first, [row for _, row in rows]))
    except ValidationError as error:
        raise FileInvalid(
            "", [f"line {first_line}: {said(one)}" for one in error.errors()]
        ) from None


def _sale(first: JournalRow, rows: Sequence[JournalRow]) -> CommitRequest:
    return CommitRequest(
        sale=first.key,
        sold_at=first.sold_at,
        points_used=first.points_used,
        earned_printed=first.earned_printed,
        lines=tuple(_line(number, row) for number, row in enumerate(rows, 1)),
        occurred=True,
        voided=first.voided,
    )


def _line(number: int, row: JournalRow) -> LineItem:
    return LineItem(
        id=row.line or str(number),
        sku=row.sku,
        jan=row.jan,
        title=row.title,
        quantity=row.quantity,
        amount=row.amount,
        tax_rate=row.tax_rate,
        tax_included=row.tax_included,
    )
