"""Points at a vendor's cart: a hold for which a code stands there, and the order that brings it."""

import json
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.books import CODED, Channel
from renkei.ledger.entry import digest_of
from renkei.ledger.hold_codes import HoldCode
from renkei.ledger.keys import RequestKey
from renkei.ledger.world import Needs
from renkei.loyalty.basket import gross_of
from renkei.loyalty.program import Program
from renkei.services.attempt import Attempt
from renkei.services.points.hold import (
    PlaceHold,
    book_lapses,
    first_answer,
    hold_answer,
    hold_id,
    place_hold,
)
from renkei.services.refusals import refused
from renkei_contracts.application import CartHoldAnswer
from renkei_contracts.base import MAX_AMOUNT
from renkei_contracts.order import Order
from renkei_contracts.till import HoldRequest

GRACE = timedelta(hours=1)
"""The hold outlives its code: an order placed at the last moment is still to be told."""

OF_CODES = """
SELECT h.code, h.connection_id, h.member_id, h.version, h.for_member, h.points, h.yen_per_point,
       h.usable_until
FROM hold_code h JOIN json_array_elements_text(CAST(:codes AS json)) AS x(code) USING (code)
WHERE h.connection_id = :c"""


@dataclass(frozen=True)
class PlaceCodedHold:
    """A hold with a code; the code is issued at the vendor once this is booked."""

    ask: HoldRequest
    caller: str
    channel: Channel
    code: str

    @property
    def scope(self) -> str:
        """Who asks."""
        return f"{CODED}{self.caller}"

    @property
    def request(self) -> RequestKey:
        """The application's own name for this hold."""
        return (f"hold/{self.scope}", self.ask.key)

    def needs(self) -> Needs:
        """The member and the key."""
        return PlaceHold(self.ask, self.scope, self.channel).needs()

    def decide(self, attempt: Attempt) -> CartHoldAnswer:
        """The same key gives the first code again; refused beyond the balance, or in odd parts."""
        digest = digest_of(self.ask.model_dump(mode="json"))
        first = first_answer(attempt, self.request, digest, CartHoldAnswer)
        if first is not None:
            return first
        rules = self._rules(attempt)
        member, points = self.ask.member, self.ask.points
        if not attempt.knows(member):
            raise refused("member_not_found", member)
        if rules.redeem.most(points, MAX_AMOUNT) != points:
            raise refused("points_not_usable")
        book_lapses(attempt, member)
        until = attempt.now + timedelta(seconds=self.ask.ttl_seconds)
        name, lapses_at = (self.scope, self.ask.key), until + GRACE
        lead = place_hold(attempt, name, member, points, lapses_at, self.channel)
        worth = rules.redeem.yen_per_point
        made = HoldCode(self.code, self.channel.connection, lead, member, points, worth, until)
        attempt.staged.hold_codes.append(made)
        held = hold_answer(attempt, member, lead, points, lapses_at, self.channel)
        answer = CartHoldAnswer(
            **held.model_dump(), code=self.code, code_yen=made.yen, code_until=until
        )
        attempt.remember(self.request, digest, answer)
        return answer

    def _rules(self, attempt: Attempt) -> Program:
        program = attempt.connection(self.channel.connection).program
        found = attempt.program_in_force(program, attempt.now)
        return found[1] if found else Program()


@dataclass(frozen=True)
class Paid:
    """An order in which codes are points; ``payer`` is whose points they are."""

    order: Order
    payer: str | None = None


async def codes_of(conn: AsyncConnection, order: Order) -> list[HoldCode]:
    """The codes of ours that the order brings, in its order."""
    values = {"c": order.ref.connection, "codes": json.dumps(order.hold_codes)}
    rows = (await conn.execute(text(OF_CODES), values)).all()
    found = {row[0]: HoldCode(row[0], row[1], (row[2], row[3]), *row[4:]) for row in rows}
    return [found[code] for code in dict.fromkeys(order.hold_codes) if code in found]


def paid_with(order: Order, codes: list[HoldCode]) -> Paid:
    """The order as if its member had used the points of these codes.

    A code takes off no more than the goods cost; what is left of it stays with the member. Of what
    comes back the shop repays only the rest, so that the same share of the points comes back, too.
    """
    if not codes:
        return Paid(order)
    whole = sum(line.amount for line in order.lines)
    back = sum(line.returned_amount for line in order.lines)
    points, value = order.points_used, order.points_value
    left = max(0, gross_of(order.lines) - value)
    for one in codes:
        used = min(one.points, left // one.yen_per_point)
        left -= used * one.yen_per_point
        stays = used - used * back // whole if whole else 0
        points, value = points + stays, value + stays * one.yen_per_point
    names = {one.code: hold_id(one.hold) for one in codes}
    claimed = tuple(names.get(code, code) for code in order.hold_codes)
    said = {"hold_codes": claimed, "points_used": points, "points_value": value}
    return Paid(order.model_copy(update=said), codes[0].for_member)
