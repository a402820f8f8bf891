"""The register's side of its own format: what it sends to ask, and what it takes from an answer."""

from collections.abc import Mapping

from renkei_contracts.reference.till import records
from renkei_contracts.till import (
    CommitRequest,
    CouponHoldRequest,
    CouponReleaseRequest,
    HoldRequest,
    QuoteRequest,
    ResolveMember,
    TillCommand,
)
from renkei_contracts.twin.emitter import Outgoing

KINDS: dict[type[TillCommand], str] = {
    ResolveMember: "WHO",
    QuoteRequest: "QUOTE",
    HoldRequest: "HOLD",
    CouponHoldRequest: "COUPON-HOLD",
    CouponReleaseRequest: "COUPON-RELEASE",
    CommitRequest: "SALE",
}


def request(command: TillCommand) -> Outgoing:
    """The command as the register sends it."""
    fields = command.model_dump()
    fields.update(fields.pop("sale", {}))
    asked = [(KINDS[type(command)], fields)]
    asked += [("LINE", line) for line in fields.get("lines", ())]
    asked += [("TENDER", tender) for tender in fields.get("tenders", ())]
    asked += [("USE", {"code": code}) for code in fields.get("coupons", ())]
    return Outgoing({"content-type": records.CONTENT_TYPE}, records.write(asked))


def understood(body: bytes, content_type: str) -> Mapping[str, object]:
    """What is on the display; a content type it does not know is not read."""
    if content_type != records.CONTENT_TYPE:
        raise ValueError(f"the register does not read {content_type}")
    ((_, fields),) = records.read(body)
    return fields
