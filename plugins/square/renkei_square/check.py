"""The connection check: token, locations, permissions, and whether the hub may lead the points."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import AuthenticationFailed, GiveUp, NotFound
from renkei_contracts.toolkit.wire import Wire
from renkei_square import wire, wire_seller
from renkei_square.client import SquareClient
from renkei_square.settings import SquareSettings

ACTIVE = "ACTIVE"
MAIN = "/v2/loyalty/programs/main"
PROMOTIONS = "/v2/loyalty/programs/{id}/promotions"


class SquareCheck:
    """Whether the token may do what we need, and Square grants no points of its own."""

    def __init__(self, connection: Connection[SquareSettings]) -> None:
        self._settings = connection.settings
        self._client = SquareClient(connection)

    async def check(self) -> Sequence[CheckFinding]:
        """Reads only; nothing is changed at Square."""
        found = list(_webhooks(self._settings))
        try:
            locations = await self._client.get(wire_seller.SomeLocations, "/v2/locations")
        except (AuthenticationFailed, GiveUp) as error:
            text = f"the locations are not readable: the token or MERCHANT_PROFILE_READ ({error})"
            return [*found, CheckFinding(text, blocks=True)]
        found += _locations(self._settings, locations.locations)
        found += await self._readable()
        return [*found, *await self._loyalty()]

    async def _readable(self) -> list[CheckFinding]:
        places = {"location_ids": list(self._settings.location_ids), "limit": 1}
        searches: tuple[tuple[str, str, type[Wire], Mapping[str, Any]], ...] = (
            ("ORDERS_READ", "/v2/orders/search", wire.SomeOrders, places),
            ("CUSTOMERS_READ", "/v2/customers/search", wire.SomeCustomers, {"limit": 1}),
        )
        found = []
        for scope, path, model, body in searches:
            try:
                await self._client.find(model, path, body)
            except (AuthenticationFailed, GiveUp) as error:
                found.append(_lacks(scope, error))
        try:
            await self._client.get(Wire, "/v2/payments", {"limit": "1"})
        except (AuthenticationFailed, GiveUp) as error:
            found.append(_lacks("PAYMENTS_READ", error))
        return found

    async def _loyalty(self) -> list[CheckFinding]:
        wanted = self._settings.points == "rewards"
        try:
            program = (await self._client.get(wire_seller.OneProgram, MAIN)).program
            path = PROMOTIONS.format(id=program.id)
            told = await self._client.get(wire_seller.SomePromotions, path)
        except NotFound:
            text = "the seller has no loyalty program: make one in the dashboard"
            return [CheckFinding(text, blocks=True)] if wanted else []
        except (AuthenticationFailed, GiveUp) as error:
            text = (
                f"whether Square grants points of its own is not readable: LOYALTY_READ ({error})"
            )
            return [CheckFinding(text, blocks=wanted)]
        return list(_program(program, told.loyalty_promotions, self._settings))


def _lacks(scope: str, error: Exception) -> CheckFinding:
    return CheckFinding(f"the token lacks {scope} ({error})", blocks=True)


def _webhooks(settings: SquareSettings) -> Iterator[CheckFinding]:
    if not (settings.signature_keys() and settings.notification_url):
        yield CheckFinding(
            "webhooks are refused until signature_key and notification_url are set: changes are "
            "seen by polling only",
            blocks=False,
        )


def _locations(
    settings: SquareSettings, locations: Sequence[wire_seller.Location]
) -> Iterator[CheckFinding]:
    known = {one.id: one for one in locations}
    for id in settings.location_ids:
        one = known.get(id)
        if one is None or one.status != ACTIVE:
            yield CheckFinding(f"location {id} is not one of the seller's active ones", blocks=True)
        elif one.merchant_id != settings.merchant_id:
            yield CheckFinding(f"location {id} is of another seller than merchant_id", blocks=True)
        elif one.currency != "JPY":
            yield CheckFinding(f"location {id} does not sell in yen", blocks=True)
    for id in known.keys() - set(settings.location_ids):
        yield CheckFinding(f"the sales of location {id} are not read", blocks=False)


def _program(
    program: wire_seller.Program, promotions: Sequence[Mapping[str, Any]], settings: SquareSettings
) -> Iterator[CheckFinding]:
    """What in the seller's program would make two masters of the points."""
    wanted = settings.points == "rewards"
    if program.status != ACTIVE:
        if wanted:
            yield CheckFinding("the loyalty program is not active", blocks=True)
        return
    for rule in program.accrual_rules:
        if not _grants_nothing(rule, settings):
            text = (
                f"Square Loyalty grants points of its own ({rule.accrual_type}): let it grant them "
                "for one item only that is never sold, and name that in never_sold"
            )
            yield CheckFinding(text, blocks=True)
    if any(one.get("status") in (ACTIVE, "SCHEDULED") for one in promotions):
        yield CheckFinding("a loyalty promotion grants points of its own: end it", blocks=True)
    if program.expiration_policy is not None and wanted:
        text = "the loyalty program lets points expire, beside the hub: turn that off"
        yield CheckFinding(text, blocks=True)


def _grants_nothing(rule: wire_seller.AccrualRule, settings: SquareSettings) -> bool:
    item = (rule.item_variation_data or {}).get("item_variation_id")
    category = (rule.category_data or {}).get("category_id")
    named = {"ITEM_VARIATION": item, "CATEGORY": category}.get(rule.accrual_type)
    return named in settings.never_sold
