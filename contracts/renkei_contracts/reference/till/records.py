"""The register's own format for asking the hub: records of comma-separated text in Shift_JIS.

Each record begins with its kind. An empty field says nothing; yes is ``1``, no is ``0``; times are
ISO 8601 with their zone. The field names here are those of the hub's commands and answers.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from renkei_contracts.errors import PayloadInvalid

CONTENT_TYPE = "text/csv; charset=shift_jis"
ENCODING = "cp932"

UNKNOWN_CHARACTER = "〓"
"""What a display shows for a character that Shift_JIS does not have."""

NEAR = str.maketrans("\u301c\u2212\u2014\u2016", "\uff5e\uff0d\u2015\u2225")
"""Characters that Windows' Shift_JIS knows by another code point."""

FIELDS: Mapping[str, Sequence[str]] = {
    # asked
    "WHO": ("scheme", "value"),
    "QUOTE": ("member", "points_wanted"),
    "HOLD": ("key", "member", "points", "ttl_seconds"),
    "COUPON-HOLD": ("code", "member", "ttl_seconds"),
    "COUPON-RELEASE": ("code",),
    "SALE": (
        "store", "till", "business_date", "settlement_count", "receipt_number", "revision",
        "sold_at", "member", "hold", "points_used", "occurred", "voided",
    ),
    "LINE": (
        "id", "sku", "title", "quantity", "amount", "tax_rate", "returned_quantity",
        "returned_amount",
    ),
    "TENDER": ("kind", "amount"),
    "USE": ("code",),
    # answered
    "MEMBER": ("member", "masked_name", "card", "spendable", "pending"),
    "QUOTED": ("earns", "max_usable", "points_used", "total"),
    "HELD": ("hold", "points", "lapses_at", "spendable"),
    "COUPON": ("code", "name", "title", "benefit", "lapses_at"),
    "BOOKED": ("sale", "revision", "earned", "used", "spendable"),
    "PROBLEM": ("code", "message", "retryable", "action"),
}  # fmt: skip

NUMBERS = frozenset({
    "amount", "earned", "earns", "max_usable", "pending", "points", "points_used", "points_wanted",
    "quantity", "returned_amount", "returned_quantity", "revision", "settlement_count", "spendable",
    "tax_rate", "total", "ttl_seconds", "used",
})  # fmt: skip
YES_OR_NO = frozenset({"occurred", "voided", "retryable"})

Record = tuple[str, dict[str, Any]]
"""A kind and its fields by name; those that say nothing are left out."""


def read(body: bytes) -> list[Record]:
    """The records; raises PayloadInvalid."""
    try:
        rows = [row for row in csv.reader(io.StringIO(body.decode(ENCODING)), strict=True) if row]
    except (UnicodeDecodeError, csv.Error):
        problem = PayloadInvalid("the body is no records in Shift_JIS")
    else:
        return [_record(row) for row in rows]
    # Raised outside: the decoder's error carries the whole body.
    raise problem


def write(records: Iterable[Record]) -> bytes:
    """The records as text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for kind, fields in records:
        writer.writerow([kind, *(_text(fields.get(name)) for name in FIELDS[kind])])
    return b"".join(map(_encoded, text.getvalue()))


def _record(row: list[str]) -> Record:
    kind, *texts = row
    names = FIELDS.get(kind, ())
    if len(texts) != len(names) or not names:
        raise PayloadInvalid(f"record {kind[:20]!a} is none of the format, or lacks fields")
    pairs = zip(names, texts, strict=True)
    return kind, {name: _value(name, text) for name, text in pairs if text}


def _value(name: str, text: str) -> object:
    if name in NUMBERS:
        if not (text.isascii() and text.isdigit() and len(text) <= 12):
            raise PayloadInvalid(f"{name} is not a number")
        return int(text)
    if name in YES_OR_NO:
        if text not in ("0", "1"):
            raise PayloadInvalid(f"{name} is neither 0 nor 1")
        return text == "1"
    return text


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "1" if value else "0"
        case date() | datetime():
            return value.isoformat()
    return str(value)


def _encoded(character: str) -> bytes:
    try:
        return character.translate(NEAR).encode(ENCODING)
    except UnicodeEncodeError:
        return UNKNOWN_CHARACTER.encode(ENCODING)
