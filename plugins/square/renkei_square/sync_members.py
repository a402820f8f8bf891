"""Reading and creating customers, and showing them their points by Square Loyalty."""

import re
from datetime import timedelta
from typing import Any, Literal

from renkei_contracts.connection import Connection
from renkei_contracts.errors import (
    OutcomeUnknown,
    PayloadInvalid,
    Rejected,
    UnsupportedFeature,
)
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member, NewMember
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import BalanceWrite, BalanceWritten
from renkei_contracts.toolkit.transport import json_of, path_id
from renkei_contracts.toolkit.wire import parse
from renkei_square import mapping, phones, slices, wire, wire_seller
from renkei_square.client import SquareClient, moment, once
from renkei_square.settings import SquareSettings

MOST_PAGES = 10
"""Pages of one slice of time; a slice that has more is halved."""

MOST_REWARDS = 30
"""Square gives no more at once."""

CARD = re.compile(r"[ -~]{1,100}")
"""What a reference_id may be: at most 100 characters; of a card, plain ones."""

SECOND = timedelta(seconds=1)


class SquareMembers:
    """Profiles in the customer directory."""

    def __init__(self, connection: Connection[SquareSettings]) -> None:
        self._id = connection.id
        self._settings = connection.settings
        self._client = SquareClient(connection)

    async def fetch(self, id: str) -> Member:
        """The member; whoever was deleted or merged into another is NotFound."""
        return self._member(await read_customer(self._client, id))

    async def changed(self, window: Window, cursor: str | None) -> Page[Member]:
        """The members of a slice of time; what cannot be understood is set aside."""
        part = slices.first(window, cursor)
        rows = await self._rows(part, window)
        if rows is None:
            return Page((), part.halved().cursor())
        items: list[Member] = []
        rejected: list[tuple[str, str]] = []
        for row in rows:
            try:
                customer = parse(wire.Customer, row, f"customer {row.get('id')}")
                if part.since <= customer.updated_at < part.until(window):
                    items.append(self._member(customer))
            except PayloadInvalid as error:
                rejected.append((str(row.get("id", "unknown")), str(error)))
        items.sort(key=lambda member: member.changed_at)
        return Page(tuple(items), slices.following(window, part), tuple(rejected))

    async def _rows(self, part: slices.Slice, window: Window) -> list[dict[str, Any]] | None:
        """All rows of a slice; None where they are too many for one page of ours."""
        # Whether Square includes the ends is not documented: a second more on either side.
        end = part.until(window) + SECOND
        between = {"start_at": moment(part.since - SECOND), "end_at": moment(end)}
        query = {
            "filter": {"updated_at": between},
            "sort": {"field": "CREATED_AT", "order": "ASC"},
        }
        body: dict[str, Any] = {"query": query, "limit": self._settings.page_size}
        rows: list[dict[str, Any]] = []
        pages = 0
        while True:
            page = await self._client.find(wire.SomeCustomers, "/v2/customers/search", body)
            rows += page.customers
            pages += 1
            if not page.cursor:
                return rows
            if pages >= MOST_PAGES and part.width > slices.SHORTEST:
                return None
            body["cursor"] = page.cursor

    def _member(self, customer: wire.Customer) -> Member:
        trusted = self._settings.card_in_reference
        return mapping.to_member(customer, self._id, card_in_reference=trusted)


class SquareMemberCreation:
    """Making a card known: as reference_id, by which a customer is found."""

    def __init__(self, connection: Connection[SquareSettings]) -> None:
        self._id = connection.id
        self._client = SquareClient(connection)

    async def create(self, member: NewMember) -> ExternalRef:
        """Find the customer with this card, or create one; asking again creates no second."""
        if not CARD.fullmatch(member.card):
            raise UnsupportedFeature("the card does not fit a reference_id of 100 plain characters")
        if found := await self._found(member.card):
            return found
        named = {"given_name": member.given_name, "family_name": member.family_name}
        known = {key: name for key, name in named.items() if name}
        body = {
            # Square asks for a name at least.
            **(known or {"given_name": mapping.UNKNOWN_NAME}),
            "reference_id": member.card,
            # The search may not yet show whom a lost answer has created.
            "idempotency_key": once(self._id, member.member, member.card),
        }
        answer = await self._client.write("/v2/customers", body)
        try:
            id = parse(wire.OneCustomer, json_of(answer), "the customer created").customer.id
        except PayloadInvalid as error:
            raise OutcomeUnknown(f"POST customers: created, but {error}") from None
        return ExternalRef(connection=self._id, id=id)

    async def _found(self, card: str) -> ExternalRef | None:
        body = {"query": {"filter": {"reference_id": {"exact": card}}}, "limit": 100}
        page = await self._client.find(wire.SomeCustomers, "/v2/customers/search", body)
        rows = [parse(wire.Customer, row, "customers by card") for row in page.customers]
        if any(row.reference_id is None for row in rows):
            raise PayloadInvalid("customers by card: one of them does not tell its reference_id")
        # Square's filter pays no heed to upper and lower case.
        same = [row for row in rows if row.reference_id == card]
        if len(same) > 1:
            raise Rejected("several customers have this card as their reference_id: merge them")
        return ExternalRef(connection=self._id, id=same[0].id) if same else None


class SquareBalances:
    """Points of Square Loyalty, by difference: a reward taken meanwhile is not overwritten."""

    mode: Literal["absolute", "delta"] = "delta"
    # The same write has the same idempotency key, and Square answers it once more.
    idempotent = True
    shows_expiry = False

    def __init__(self, connection: Connection[SquareSettings]) -> None:
        self._id = connection.id
        self._settings = connection.settings
        self._client = SquareClient(connection)

    async def read(self, id: str) -> int:
        """The points; a customer without a loyalty account has none."""
        account = await self._account(id)
        if account is None:
            await read_customer(self._client, id)  # raises NotFound where nobody has this id
            return 0
        return account.balance + await self._locked(account)

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        """Add the change; the loyalty event that it becomes is named as an echo."""
        account = await self._account(id) or await self._enrolled(id)
        balance = write.balance
        key = once(self._id, id, balance.version, balance.as_of.isoformat(), write.change)
        points = {"points": write.change, "reason": write.note or f"renkei {balance.version}"}
        body = {"adjust_points": points, "idempotency_key": key, "allow_negative_balance": False}
        answer = await self._client.write(f"/v2/loyalty/accounts/{account.id}/adjust", body)
        try:
            event = parse(wire.OneEvent, json_of(answer), f"points of customer {id}").event
        except PayloadInvalid as error:
            raise OutcomeUnknown(f"points of customer {id}: written, but {error}") from None
        # The answer does not say what the balance is now: the hub reads before it writes again.
        return BalanceWritten(echoes=(event.id,))

    async def _locked(self, account: wire.Account) -> int:
        """Points of rewards that a sale has locked and not yet taken: they are the member's still.

        Were they left out, they would be given back, and then be taken once more with the sale.
        """
        query = {"loyalty_account_id": account.id, "status": "ISSUED"}
        body = {"query": query, "limit": MOST_REWARDS}
        found = await self._client.find(wire.SomeRewards, "/v2/loyalty/rewards/search", body)
        if found.cursor:
            raise PayloadInvalid(f"loyalty account {account.id} has too many open rewards")
        return sum(reward.points for reward in found.rewards)

    async def _account(self, id: str) -> wire.Account | None:
        if self._settings.points != "rewards":
            raise UnsupportedFeature("points are not shown at Square: set points to rewards")
        body = {"query": {"customer_ids": [path_id(id, "customer")]}, "limit": 2}
        path = "/v2/loyalty/accounts/search"
        found = (await self._client.find(wire.SomeAccounts, path, body)).loyalty_accounts
        if any(account.customer_id != id for account in found) or len(found) > 1:
            raise PayloadInvalid(f"customer {id}: the loyalty account found is not theirs alone")
        return found[0] if found else None

    async def _enrolled(self, id: str) -> wire.Account:
        """A new loyalty account. Square knows them by telephone number only."""
        customer = await read_customer(self._client, id)
        phone = phones.e164(customer.phone_number or "")
        if phone is None:
            raise Rejected(
                f"customer {id} has no telephone number, by which alone Square Loyalty knows "
                "people: enter it at the register"
            )
        program = await self._client.get(wire_seller.OneProgram, "/v2/loyalty/programs/main")
        account = {
            "program_id": program.program.id,
            "customer_id": id,
            "mapping": {"phone_number": phone},
        }
        body = {"loyalty_account": account, "idempotency_key": once(self._id, id, phone)}
        answer = await self._client.write("/v2/loyalty/accounts", body)
        try:
            made = parse(wire.OneAccount, json_of(answer), f"loyalty account of customer {id}")
        except PayloadInvalid as error:
            raise OutcomeUnknown(f"loyalty account of customer {id}: {error}") from None
        if made.loyalty_account.customer_id != id:
            raise Rejected(f"the telephone number of customer {id} is another customer's: merge")
        return made.loyalty_account


async def read_customer(client: SquareClient, id: str) -> wire.Customer:
    """The customer; raises NotFound."""
    path = f"/v2/customers/{path_id(id, 'customer')}"
    customer = (await client.get(wire.OneCustomer, path)).customer
    if customer.id != id:
        raise PayloadInvalid(f"customer {id}: the answer is another customer")
    return customer
