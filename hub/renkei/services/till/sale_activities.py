"""Activities told with a till's sale, such as a bag of one's own: booked with it, once."""

import hashlib

from renkei.errors import BookingRefused
from renkei.services.attempt import Attempt
from renkei.services.members.activity import BookActivity
from renkei_contracts.point import ActivityAnswer, ActivitySeen
from renkei_contracts.till import ActivityGiven, CommitRequest


def activities_of(ask: CommitRequest, connection: str) -> tuple[BookActivity, ...]:
    """The sale's activities; nobody's, and those of a voided sale, give nothing.

    They are named by the sale, so that telling them twice or with a later revision counts once.
    """
    if ask.member is None or ask.voided:
        return ()
    sale = str(ask.sale)
    return tuple(
        BookActivity(
            ActivitySeen(
                key=hashlib.sha256(f"{sale}/{one.kind}/{one.object}".encode()).hexdigest(),
                source=f"sale/{connection}",
                member=ask.member,
                kind=one.kind,
                object=one.object,
                receipt=hashlib.sha256(sale.encode()).hexdigest(),
                occurred_at=ask.sold_at,
            )
        )
        for one in dict.fromkeys(ask.activities)
    )


def book_with_sale(attempt: Attempt, activity: BookActivity) -> ActivityGiven:
    """What it gives; one that the program does not know gives nothing, and no sale is refused."""
    told = activity.ask
    known = attempt.world.requests.get(activity.request)
    try:
        done = ActivityAnswer.model_validate(known[1]) if known else activity.decide(attempt)
    except BookingRefused as refusal:
        if refusal.code != "activity_unknown":
            raise
        return ActivityGiven(kind=told.kind, object=told.object, points=0, reason=str(refusal))
    return ActivityGiven(kind=told.kind, object=told.object, points=done.points, reason=done.reason)
