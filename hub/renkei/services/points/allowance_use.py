"""A sale that is paid from an allowance: may it be, what is left of it, what stays held."""

from collections.abc import Mapping, Sequence
from typing import Any

from renkei.ledger.allowances import Allowance, AllowanceUse
from renkei.ledger.books import Hold
from renkei.ledger.entry import micros
from renkei.ledger.holds import in_home
from renkei.ledger.lots import Taken
from renkei.ledger.staged import Alert, NewHold
from renkei.services.attempt import Attempt, Entries
from renkei.services.refusals import refused
from renkei_contracts.till import CommitRequest


def allowance_of_sale(
    attempt: Attempt, ask: CommitRequest, connection: str, terminal: str, alert_id: str
) -> Allowance | None:
    """The allowance that pays for this sale.

    A request that may not use it is refused; a fact is booked without it, and a person is told.
    """
    if ask.allowance is None:
        return None
    allowance = attempt.world.allowances.get(ask.allowance.id)
    why = _misuse(attempt, ask, allowance, terminal)
    if why is None:
        return allowance
    if not ask.occurred:
        raise refused(why, ask.allowance.id)
    message = f"{why} at use {ask.allowance.counter} of {ask.allowance.id}; paid without it"
    _tell(attempt, ask, connection, alert_id, "allowance_misused", message)
    return None


def _misuse(
    attempt: Attempt, ask: CommitRequest, allowance: Allowance | None, terminal: str
) -> str | None:
    """The code of the refusal; None: it may be used."""
    assert ask.allowance is not None
    if allowance is None or allowance.terminal != terminal:
        return "allowance_not_found"
    mates = attempt.group_of(allowance.member).members
    if ask.member not in mates:
        return "allowance_of_other_member"
    counts = {sale: counter for counter, sale in allowance.sales.items()}
    if counts.get(str(ask.sale), ask.allowance.counter) != ask.allowance.counter:
        return "allowance_counter"
    sale = allowance.sales.get(ask.allowance.counter)
    # What happened may be told in any order, each count once; what can be refused keeps the order.
    jumps = not ask.occurred and ask.allowance.counter != allowance.next_counter
    if sale != str(ask.sale) and (sale is not None or jumps):
        return "allowance_counter"
    over = allowance.expires_at <= (ask.sold_at if ask.occurred else attempt.now)
    return "allowance_over" if over else None


def require_left(
    attempt: Attempt, ask: CommitRequest, allowance: Allowance, redeemed: int, alert_id: str
) -> None:
    """A sale uses no more than the allowance still holds, and what it has used already.

    A request is refused; of a fact, or of one told after the grace, a person is told.
    """
    left = sum(part.amount for part in open_parts(attempt, allowance))
    beyond = ask.points_used - left - redeemed
    if beyond <= 0:
        return
    if not ask.occurred:
        raise refused("allowance_exceeded", allowance.id)
    message = f"{beyond} points beyond what {allowance.id} still holds"
    _tell(attempt, ask, allowance.connection, alert_id, "allowance_exceeded", message)


def open_parts(attempt: Attempt, allowance: Allowance) -> tuple[Hold, ...]:
    """The open parts of the hold that funds it; none once the time to report is over."""
    return tuple(
        hold
        for hold in attempt.group_of(allowance.member).holds
        if (hold.scope, hold.key) == (allowance.scope, allowance.key)
        and hold.lapses_at > attempt.now
    )


def note_use(attempt: Attempt, ask: CommitRequest, allowance: Allowance) -> None:
    """Keep which sale the count was for, and what it says it used."""
    assert ask.allowance is not None
    used = 0 if ask.voided else ask.points_used
    use = AllowanceUse(ask.allowance.counter, ask.revision, str(ask.sale), used)
    attempt.use_allowance(allowance, use)


def hold_facts(part: Hold) -> Mapping[str, Any]:
    """What the chain shall cover of a hold that goes on (ledger/hold_checks.py)."""
    name = f"{part.scope}/{part.key}"
    facts = {"connection": part.connection, "lapses_at": micros(part.lapses_at), "name": name}
    return {"hold": facts}


def carry_on(
    attempt: Attempt, parts: Sequence[Hold], entries: Entries, kept: Taken, member: str
) -> None:
    """What is held on is a hold of these entries, with the name and the time of the one before."""
    if not kept:
        return
    home, before = kept[0][0][0], parts[0]
    lead = (home, entries[home].version)
    for home in sorted({ref[0] for ref, _ in kept}):
        part = NewHold(
            member=home,
            version=entries[home].version,
            scope=before.scope,
            key=before.key,
            connection=before.connection,
            amount=in_home(kept, home),
            lapses_at=before.lapses_at,
            lead=lead,
            for_member=member,
        )
        attempt.add_hold(part, kept)


def _tell(
    attempt: Attempt, ask: CommitRequest, connection: str, alert_id: str, kind: str, message: str
) -> None:
    sale = (connection, str(ask.sale))
    attempt.staged.alerts.append(Alert(f"{alert_id}.{kind}", kind, ask.member, sale, message))
