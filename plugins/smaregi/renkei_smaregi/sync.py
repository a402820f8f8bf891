"""Reading sales and members, creating members, and mirroring points by difference."""

import re
from collections.abc import Mapping
from typing import Any, Literal

import httpx

from renkei_contracts.connection import Connection
from renkei_contracts.errors import (
    NotFound,
    OutcomeUnknown,
    PayloadInvalid,
    Rejected,
    RenkeiError,
    UnsupportedFeature,
)
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member, MemberState, NewMember
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import BalanceWrite, BalanceWritten
from renkei_contracts.toolkit.transport import json_of, path_number
from renkei_contracts.toolkit.wire import parse
from renkei_smaregi import amounts, mapping, pages, wire
from renkei_smaregi.client import SmaregiClient, require_members
from renkei_smaregi.settings import SmaregiSettings

SALES_PAGE = 100
"""With details, Smaregi gives no more."""

MEMBERS_PAGE = 1000

CARD = re.compile(r"[ -~]{1,20}")
"""What a customerCode may be: half-width, at most 20 characters."""

USABLE = (MemberState.ACTIVE, MemberState.SUSPENDED)


class SmaregiOrders:
    """Sales at the till."""

    def __init__(self, connection: Connection[SmaregiSettings]) -> None:
        self._id = connection.id
        self._page = connection.settings.page(SALES_PAGE)
        self._members = connection.settings.members
        self._client = SmaregiClient(connection)

    async def fetch(self, id: str) -> Order:
        """The sale; NotFound also for transactions that are none (points, cash, layaways).

        Of a record that undoes a sale (返品取消), that sale: a webhook names the record only.
        """
        sale = await self._read(id)
        if original := mapping.disposed_original(sale):
            undone = mapping.to_order(await self._read(original), self._id)
            return mapping.told_by(undone, sale)
        return mapping.to_order(sale, self._id)

    async def _read(self, id: str) -> wire.Transaction:
        # Only with_customer gives the customerCode of a single transaction.
        customer = {"with_customer": "all"} if self._members else {}
        query = {"with_details": "all", **customer}
        body = await self._client.get(f"/transactions/{path_number(id, 'transaction')}", query)
        sale = parse(wire.Transaction, body, f"transaction {id}")
        if not mapping.is_sale(sale):
            raise NotFound(f"transaction {id} is no sale")
        return sale

    async def changed(self, window: Window, cursor: str | None) -> Page[Order]:
        """A page of sales; what cannot be understood is set aside."""
        place = pages.place(window, cursor)
        query = {
            "transaction_head_division": mapping.SALE,
            "with_details": "all",
            **_walk(window, place, self._page, "transactionHeadId"),
        }
        rows = await self._client.rows("/transactions", query)
        items: dict[str, Order] = {}
        rejected: dict[str, str] = {}
        updated = []
        for row in rows:
            id = str(row.get("transactionHeadId") or "unknown")
            try:
                sale = parse(wire.Transaction, row, f"transaction {id}")
                updated.append(sale.upd_date_time)
                if pages.holds(window, sale.upd_date_time) and mapping.is_sale(sale):
                    items.update(await self._with_original(sale))
            except (PayloadInvalid, NotFound) as error:
                rejected[id] = str(error)
        updated += [None] * (len(rows) - len(updated))
        full = len(rows) >= self._page
        next = pages.following(window, place, updated, full=full)
        ordered = sorted(items.values(), key=lambda order: order.changed_at)
        return Page(tuple(ordered), next, tuple(rejected.items()))

    async def _with_original(self, sale: wire.Transaction) -> Mapping[str, Order]:
        """The sale, and the one it undoes, which may not count as updated itself."""
        order = mapping.to_order(sale, self._id)
        found = {order.ref.id: order}
        if original := mapping.disposed_original(sale):
            found[original] = mapping.told_by(await self.fetch(original), sale)
        return found


class SmaregiMembers:
    """Members."""

    def __init__(self, connection: Connection[SmaregiSettings]) -> None:
        self._id = connection.id
        self._settings = connection.settings
        self._page = connection.settings.page(MEMBERS_PAGE)
        self._client = SmaregiClient(connection)

    async def fetch(self, id: str) -> Member:
        """The member."""
        require_members(self._settings)
        body = await self._client.get(f"/customers/{path_number(id, 'customer')}", {})
        return mapping.to_member(parse(wire.Customer, body, f"customer {id}"), self._id)

    async def changed(self, window: Window, cursor: str | None) -> Page[Member]:
        """A page of members; what cannot be understood is set aside."""
        if not self._settings.members:
            # An error would come again with every poll.
            return Page(())
        place = pages.place(window, cursor)
        query = _walk(window, place, self._page, "customerId")
        rows = await self._client.rows("/customers", query)
        items: list[Member] = []
        rejected: list[tuple[str, str]] = []
        updated = []
        for row in rows:
            id = str(row.get("customerId") or "unknown")
            try:
                customer = parse(wire.Customer, row, f"customer {id}")
                updated.append(customer.upd_date_time)
                if pages.holds(window, customer.upd_date_time):
                    items.append(mapping.to_member(customer, self._id))
            except PayloadInvalid as error:
                rejected.append((id, str(error)))
        updated += [None] * (len(rows) - len(updated))
        next = pages.following(window, place, updated, full=len(rows) >= self._page)
        items.sort(key=lambda member: member.changed_at)
        return Page(tuple(items), next, tuple(rejected))


class SmaregiMemberCreation:
    """Making a card known to the till: the card is the customerCode, unique in the contract."""

    def __init__(self, connection: Connection[SmaregiSettings]) -> None:
        self._id = connection.id
        self._settings = connection.settings
        self._client = SmaregiClient(connection)

    async def create(self, member: NewMember) -> ExternalRef:
        """Find the member with this card, or create one; asking again creates no second."""
        require_members(self._settings)
        if not CARD.fullmatch(member.card):
            raise UnsupportedFeature("the card does not fit a customerCode of 20 half-width marks")
        if found := await self._found(member.card):
            return found
        body = {
            "customerCode": member.card,
            # Both are required; an empty one would be refused.
            "lastName": member.family_name or mapping.UNKNOWN_NAME,
            "firstName": member.given_name or mapping.UNKNOWN_NAME,
        }
        created = _customer_id(await self._client.write("POST", "/customers", body))
        if created is None:
            raise OutcomeUnknown("POST customers: the answer does not name the member")
        return ExternalRef(connection=self._id, id=created)

    async def _found(self, card: str) -> ExternalRef | None:
        rows = await self._client.rows("/customers", {"customer_code": card, "limit": 100})
        for row in rows:
            customer = parse(wire.Customer, row, "customers by code")
            # Whether the filter takes parts of a code is not documented.
            if customer.customer_code != card:
                continue
            if mapping.STATES.get(customer.status or "") not in USABLE:
                raise Rejected(f"customer {customer.customer_id} holds this card, and has left")
            return ExternalRef(
                connection=self._id, id=amounts.needed(customer.customer_id, "customerId")
            )
        return None


class SmaregiBalances:
    """Points by difference: a sale rung up meanwhile is not overwritten."""

    mode: Literal["absolute", "delta"] = "delta"
    idempotent = False
    # One date for the whole balance is all it knows; leaving it alone lapses nothing.
    shows_expiry = False

    def __init__(self, connection: Connection[SmaregiSettings]) -> None:
        self._settings = connection.settings
        self._client = SmaregiClient(connection)

    async def read(self, id: str) -> int:
        """The points; a member without a row of points has none. Lapsed ones end by this call."""
        require_members(self._settings)
        query = {"customer_id": path_number(id, "customer")}
        for row in await self._client.rows("/customers/point", query):
            points = parse(wire.CustomerPoint, row, f"points of customer {id}")
            if amounts.needed(points.customer_id, f"points of customer {id}") == id:
                return _points(points, id)
        await self._client.get(f"/customers/{id}", {})  # raises NotFound where nobody has this id
        return 0

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        """Add the change; the transactions it creates there are named as echoes."""
        require_members(self._settings)
        path = f"/customers/{path_number(id, 'customer')}/point/add"
        answer = await self._client.write("POST", path, {"point": str(write.change)})
        try:
            done = parse(wire.CustomerPoint, json_of(answer), f"points of customer {id}")
            shown = _points(done, id) if done.point else await self.read(id)
        except RenkeiError as error:
            # The points are added: any other error would invite a second time.
            raise OutcomeUnknown(f"points of customer {id}: written, then {error}") from error
        echoes = tuple(filter(None, done.transaction_head_ids or ()))
        return BalanceWritten(points=shown, echoes=echoes)


def _walk(window: Window, place: pages.Place, size: int, tie_break: str) -> dict[str, str | int]:
    return {
        "upd_date_time-from": pages.iso(place.since),
        "upd_date_time-to": pages.iso(pages.until(window, place)),
        "sort": f"updDateTime:asc,{tie_break}:asc",
        "limit": size,
        "page": place.page,
    }


def _points(row: wire.CustomerPoint, id: str) -> int:
    what = f"points of customer {id}"
    return amounts.whole(amounts.needed(row.point, what), what)


def _customer_id(answer: httpx.Response) -> str | None:
    """Whom the write created; None where the answer cannot be read, though it has happened."""
    try:
        body: Any = json_of(answer)
        return parse(wire.Customer, body, "customers").customer_id or None
    except PayloadInvalid:
        return None
