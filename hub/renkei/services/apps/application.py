"""What a merchant's own cart, app or site may do: ask for a quote, tell of activities, facts."""

from typing import Protocol

from renkei.errors import BookingRefused, KeyReused, UnknownMember
from renkei.services.members.activity import BookActivity
from renkei.services.members.lookup import customer_of, members_by
from renkei.services.refusals import refused
from renkei.services.setup.facts import NewFact, state
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.application import ActivityTold, CartQuote, FactsKept, FactsTold
from renkei_contracts.ids import ExternalRef
from renkei_contracts.point import ActivityAnswer, ActivitySeen
from renkei_contracts.till import QuoteAnswer, QuoteRequest


async def quote(till: TillService, caller: Terminal, ask: CartQuote) -> QuoteAnswer:
    """What this cart earns and may use, as its sale would."""
    member = await member_named(till, caller, ask)
    asked = QuoteRequest(
        member=member,
        lines=ask.lines,
        points_wanted=ask.points_wanted,
        tenders=ask.tenders,
        coupons=ask.coupons,
        pickup=ask.pickup,
    )
    return await till.quote(caller, asked)


async def activity(till: TillService, caller: Terminal, ask: ActivityTold) -> ActivityAnswer:
    """Book it once; every refusal is a TillRefused."""
    member = await member_named(till, caller, ask)
    assert member is not None
    seen = ActivitySeen(
        key=ask.key,
        source=caller.connection,
        member=member,
        kind=ask.kind,
        object=ask.object,
        receipt=ask.receipt,
        occurred_at=ask.occurred_at,
    )
    try:
        answer: ActivityAnswer = await till.booking.committer.submit_first(BookActivity(seen))
    except UnknownMember:
        raise refused("member_not_found", member) from None
    except KeyReused:
        raise refused("key_reused", ask.key) from None
    except BookingRefused as refusal:
        if refusal.code != "activity_unknown":
            raise
        raise refused(refusal.code, ask.kind) from None
    return answer


async def facts(till: TillService, caller: Terminal, ask: FactsTold) -> FactsKept:
    """State them; raises RequestInvalid where two of them contradict each other."""
    source = f"{caller.connection}/{caller.till}"
    stated = [
        NewFact(
            name=one.name,
            area=one.area or "",
            store=f"{caller.connection}/{one.store}" if one.store else "",
            day=one.day,
            value=one.value,
            source=source,
        )
        for one in ask.facts
    ]
    done = await state(till.booking.database, stated)
    return FactsKept(new=done.new, differ=len(done.differ))


class _Named(Protocol):
    @property
    def member(self) -> str | None: ...
    @property
    def customer(self) -> str | None: ...


async def member_named(till: TillService, caller: Terminal, ask: _Named) -> str | None:
    """Our id of the member that is named by it, or by the channel's own id of its customer."""
    if ask.customer is None:
        return ask.member
    ref = ExternalRef(connection=caller.connection, id=ask.customer)
    found = await members_by(till.booking, [customer_of(ref)])
    if len(found) != 1:
        raise refused("member_not_found", ask.customer)
    return found[0]
