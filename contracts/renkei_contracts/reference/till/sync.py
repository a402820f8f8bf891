"""Reading sales and members, creating members, and mirroring points by difference."""

import re
from typing import Any, Literal

from renkei_contracts.connection import Connection
from renkei_contracts.errors import OutcomeUnknown, PayloadInvalid, UnsupportedFeature
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member, NewMember
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import BalanceWrite, BalanceWritten
from renkei_contracts.reference.till import mapping, wire
from renkei_contracts.reference.till.client import TillClient
from renkei_contracts.reference.till.settings import TillSettings
from renkei_contracts.toolkit.transport import json_of, path_id
from renkei_contracts.toolkit.wire import named, page_of, parse

CARD = re.compile(r"[!-~]{1,20}")
"""What the register can scan and keep."""


class TillOrders:
    """Sales at the register."""

    def __init__(self, connection: Connection[TillSettings]) -> None:
        self._id = connection.id
        self._client = TillClient(connection)

    async def fetch(self, id: str) -> Order:
        """The sale."""
        return self._order(await self._client.get(f"/sales/{path_id(id, 'sale')}"))

    async def changed(self, window: Window, cursor: str | None) -> Page[Order]:
        """A page of sales; what cannot be understood is set aside."""
        page = await self._client.page("/sales", _walk(window, cursor))
        return page_of(page.rows, self._order, page.next)

    def _order(self, row: Any) -> Order:
        return mapping.to_order(parse(wire.Sale, row, named("sale", row)), self._id)


class TillMembers:
    """Members."""

    def __init__(self, connection: Connection[TillSettings]) -> None:
        self._id = connection.id
        self._client = TillClient(connection)

    async def fetch(self, id: str) -> Member:
        """The member."""
        return self._member(await self._client.get(f"/members/{path_id(id, 'member')}"))

    async def changed(self, window: Window, cursor: str | None) -> Page[Member]:
        """A page of members; what cannot be understood is set aside."""
        page = await self._client.page("/members", _walk(window, cursor))
        return page_of(page.rows, self._member, page.next)

    def _member(self, row: Any) -> Member:
        return mapping.to_member(parse(wire.Member, row, "a member"), self._id)


class TillMemberCreation:
    """Making a card known to the register; a card is unique there."""

    def __init__(self, connection: Connection[TillSettings]) -> None:
        self._id = connection.id
        self._client = TillClient(connection)

    async def create(self, member: NewMember) -> ExternalRef:
        """Find the member with this card, or create one; asking again creates no second."""
        if not CARD.fullmatch(member.card):
            raise UnsupportedFeature("a card has at most 20 half-width marks at this register")
        held = await self._client.page("/members", {"card": member.card})
        if held.rows:
            return self._ref(held.rows[0])
        names = {"family_name": member.family_name, "given_name": member.given_name}
        answer = await self._client.write("POST", "/members", {"card": member.card, **names})
        try:
            return self._ref(json_of(answer))
        except PayloadInvalid as error:
            raise OutcomeUnknown(f"the member is created, but not named: {error}") from None

    def _ref(self, row: Any) -> ExternalRef:
        return ExternalRef(connection=self._id, id=parse(wire.Member, row, "a member").id)


class TillBalances:
    """Points by difference: a sale rung up meanwhile is not overwritten."""

    mode: Literal["absolute", "delta"] = "delta"
    idempotent = False
    shows_expiry = False

    def __init__(self, connection: Connection[TillSettings]) -> None:
        self._client = TillClient(connection)

    async def read(self, id: str) -> int:
        """The points of the member's record."""
        row = await self._client.get(f"/members/{path_id(id, 'member')}")
        return parse(wire.Points, row, f"member {id}").points

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        """Add the change."""
        path = f"/members/{path_id(id, 'member')}/points"
        body = {"change": write.change, "note": write.note}
        answer = await self._client.write("POST", path, body)
        try:
            shown = parse(wire.Points, json_of(answer), f"points of member {id}")
        except PayloadInvalid as error:
            # The points are added: any other error would invite a second time.
            raise OutcomeUnknown(f"written, then {error}") from None
        return BalanceWritten(points=shown.points)


def _walk(window: Window, cursor: str | None) -> dict[str, str]:
    """The vendor's cursor stands between (updated_at, id) pairs: ties are told apart by it."""
    asked = {"since": window.since.isoformat(), "until": window.until.isoformat()}
    return asked if cursor is None else {**asked, "after": cursor}
