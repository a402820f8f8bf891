"""What a till tells of the time it was offline: records in its own order, and what became of each.

A batch is lines of JSON (NDJSON), each an OfflineRecord. What happened offline is a fact: a sale or
a void in a batch is ``occurred`` unless it says otherwise.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, TypeAdapter, model_validator

from renkei_contracts.aftersale import (
    AttachRequest,
    RefundAnswer,
    RefundRequest,
    ReturnRequest,
    SaleAnswer,
    VoidRequest,
)
from renkei_contracts.base import Canonical, Instant, Key, Text
from renkei_contracts.point import Corrected
from renkei_contracts.till import CashierMessage, CommitAnswer, CommitRequest, HoldAnswer

MEDIA_TYPE = "application/x-ndjson"

MOST_RECORDS = 2_000
"""Records of one batch."""

Sequence = Annotated[int, Field(strict=True, ge=1, le=999_999_999_999)]
"""A till's own number for a record: it grows by one from record to record, and never restarts."""

HoldId = Annotated[str, Field(pattern=r"^hld_[0-9A-Za-z]{1,64}_[0-9]{1,18}$")]
"""A hold as an earlier answer named it."""


class ReleaseRequest(Canonical):
    """Give a hold back that was placed before the till went offline."""

    hold: HoldId


class _Told(Canonical):
    """``device_time`` is the till's clock when the record was made."""

    sequence: Sequence
    device_time: Instant


class _Fact(_Told):
    """What happened offline has happened, unless it says otherwise."""

    @model_validator(mode="before")
    @classmethod
    def _occurred(cls, said: Any) -> Any:
        body = said.get("body") if isinstance(said, dict) else None
        if not isinstance(body, dict):
            return said
        return said | {"body": {"occurred": True} | body}


class CommitTold(_Fact):
    """A sale."""

    type: Literal["commit"]
    body: CommitRequest


class VoidTold(_Fact):
    """A void."""

    type: Literal["void"]
    body: VoidRequest


class RefundTold(_Told):
    """A refund."""

    type: Literal["refund"]
    body: RefundRequest


class ReturnTold(_Told):
    """A return without its receipt."""

    type: Literal["return"]
    body: ReturnRequest


class AttachTold(_Told):
    """Whose a sale was."""

    type: Literal["attach"]
    body: AttachRequest


class ReleaseTold(_Told):
    """A hold that was not needed."""

    type: Literal["release"]
    body: ReleaseRequest


OfflineRecord = Annotated[
    CommitTold | VoidTold | RefundTold | ReturnTold | AttachTold | ReleaseTold,
    Field(discriminator="type"),
]
"""One line of a batch; ``body`` is what the online call takes."""

RECORD: TypeAdapter[OfflineRecord] = TypeAdapter(OfflineRecord)

RecordAnswer = CommitAnswer | RefundAnswer | SaleAnswer | Corrected | HoldAnswer
"""What the online call would have answered."""


class RecordFault(Canonical):
    """One thing wrong with a record; ``pointer`` is a JSON pointer into its line."""

    detail: Text
    pointer: Text = ""


class RecordResult(Canonical):
    """What became of one record.

    ``line`` counts from one; ``sequence`` is None where it could not be read. ``duplicate``: the
    first answer again. ``parked``: it waits for its sale. ``rejected``: with the code, the words
    and the advice the online call would have been refused with; where ``retryable``, tell the
    record again as it is. A rejected record's number may be used again, for a better one.
    """

    line: int
    sequence: int | None
    status: Literal["applied", "duplicate", "parked", "rejected"]
    code: Key | None = None
    message: CashierMessage | None = None
    retryable: StrictBool = False
    action: Key | None = None
    errors: tuple[RecordFault, ...] = ()
    answer: RecordAnswer | None = None


class SequenceGap(Canonical):
    """Numbers, both included, of which the hub has taken no record."""

    first: int
    last: int


class BatchAnswer(Canonical):
    """A result for each record, in the order of the lines.

    ``missing``: numbers up to this batch's highest that neither it nor an earlier one brought, the
    latest hundred gaps since the newest record before this batch.
    """

    results: tuple[RecordResult, ...]
    missing: tuple[SequenceGap, ...] = ()
