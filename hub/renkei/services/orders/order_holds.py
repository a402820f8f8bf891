"""The holds that an order claims: the sale is paid with what was set aside for it."""

from collections.abc import Iterable

from renkei.errors import TillRefused
from renkei.ledger.books import Hold, HoldName
from renkei.ledger.entry import digest_of
from renkei.ledger.keys import OrderKey
from renkei.ledger.staged import Alert
from renkei.services.attempt import Attempt
from renkei.services.points.hold import parse_hold_id
from renkei_contracts.order import Order


def claimed(order: Order, hold: HoldName | None = None) -> tuple[HoldName, ...]:
    """The names of the holds this sale captures, each once; what is no name of a hold is none."""
    first = [hold] if hold is not None else []
    return tuple(dict.fromkeys([*first, *_named(order.hold_codes)]))


def parts_claimed(
    attempt: Attempt, names: Iterable[HoldName], connection: str, member: str
) -> tuple[Hold, ...]:
    """The open parts of those that this channel placed for the member, or for whom they joined."""
    mates = attempt.group_of(member).members
    return tuple(
        part
        for name in names
        if (known := attempt.known_hold(name)) is not None
        and known.connection == connection
        and known.for_member in mates
        for part in attempt.parts_of(name)
    )


def paying(attempt: Attempt, payer: str | None, buyer: str | None, order: OrderKey) -> str | None:
    """Whose sale it is that was paid with a code: the member's whose points the code holds.

    Another buyer's points would be taken for what was paid already, and the payer's come back.
    """
    if payer is None or not attempt.knows(payer):
        return None
    mates = attempt.group_of(payer).members
    if buyer in mates:
        return buyer
    if buyer is not None:
        message = f"bought by {buyer}, paid with points of {payer}, whose sale it is now"
        id = f"alr_{digest_of({'order': order, 'payer': payer}).hex()[:32]}"
        attempt.staged.alerts.append(Alert(id, "code_of_other_member", payer, order, message))
    return payer


def _named(codes: Iterable[str]) -> Iterable[HoldName]:
    for code in codes:
        try:
            yield parse_hold_id(code)
        except TillRefused:
            continue
