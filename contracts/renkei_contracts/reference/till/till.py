"""What a register asks in its own format, as the hub's command, and the answer on its way back."""

from collections.abc import Sequence
from typing import Any

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.reference.till import records
from renkei_contracts.reference.till.settings import TillSettings
from renkei_contracts.till import (
    CommitAnswer,
    CommitRequest,
    CouponHoldAnswer,
    CouponHoldRequest,
    CouponReleaseRequest,
    HoldAnswer,
    HoldRequest,
    MemberAnswer,
    QuoteAnswer,
    QuoteRequest,
    ResolveMember,
    TillAnswer,
    TillCommand,
    TillProblem,
)
from renkei_contracts.toolkit.wire import parse

COMMANDS: dict[str, type[TillCommand]] = {
    "WHO": ResolveMember,
    "QUOTE": QuoteRequest,
    "HOLD": HoldRequest,
    "COUPON-HOLD": CouponHoldRequest,
    "COUPON-RELEASE": CouponReleaseRequest,
    "SALE": CommitRequest,
}

ANSWERS: dict[type[TillAnswer], str] = {
    MemberAnswer: "MEMBER",
    QuoteAnswer: "QUOTED",
    HoldAnswer: "HELD",
    CouponHoldAnswer: "COUPON",
    CommitAnswer: "BOOKED",
    TillProblem: "PROBLEM",
}

PARTS = {"LINE": "lines", "TENDER": "tenders", "USE": "coupons"}
"""Records that follow the first one, and what of the command they are."""

SALE_KEY = ("store", "till", "business_date", "settlement_count", "receipt_number")


class TillFormat:
    """Pure translation: nothing is remembered from one request to the next."""

    def __init__(self, connection: Connection[TillSettings]) -> None:
        """Nothing of a connection is needed: the format is the same in every shop."""

    def command(self, delivery: Delivery) -> TillCommand:
        """The command; raises PayloadInvalid for what is none."""
        (kind, fields), *parts = records.read(delivery.body) or [("", {})]
        if kind not in COMMANDS:
            raise PayloadInvalid("the first record is none that asks something")
        told = _sale(fields) if kind == "SALE" else fields
        return parse(COMMANDS[kind], {**told, **_parts(parts)}, kind)

    def answer(self, delivery: Delivery, answer: TillAnswer) -> tuple[bytes, str]:
        """One record: what the register's display and receipt have room for."""
        record = (ANSWERS[type(answer)], answer.model_dump())
        return records.write([record]), records.CONTENT_TYPE


def _sale(fields: dict[str, Any]) -> dict[str, Any]:
    """The natural key is a thing of its own in the command."""
    key = {name: fields[name] for name in SALE_KEY if name in fields}
    return {"sale": key, **{name: fields[name] for name in fields if name not in SALE_KEY}}


def _parts(found: Sequence[records.Record]) -> dict[str, list[Any]]:
    parts: dict[str, list[Any]] = {}
    for kind, fields in found:
        if kind not in PARTS:
            raise PayloadInvalid(f"record {kind} cannot follow another one")
        parts.setdefault(PARTS[kind], []).append(fields.get("code") if kind == "USE" else fields)
    return parts
