"""The connection check: token, scopes, plan, and whether the hub may lead the points."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import AuthenticationFailed, GiveUp, PayloadInvalid
from renkei_contracts.toolkit.wire import parse
from renkei_smaregi import amounts, pages, wire
from renkei_smaregi.client import SmaregiClient
from renkei_smaregi.settings import SmaregiSettings

STORES_PAGE = 1000
WAREHOUSE = "2"
MILES_INSTEAD = "2"
NO_EXPIRY = (None, "", "0")
"""expireDivision: 1, 2 and 3 are days, months and years."""


class SmaregiCheck:
    """Whether the app may do what we need, and Smaregi grants no points of its own."""

    def __init__(self, connection: Connection[SmaregiSettings]) -> None:
        self._settings = connection.settings
        self._now = connection.now
        self._client = SmaregiClient(connection)

    async def check(self) -> Sequence[CheckFinding]:
        """Reads only; nothing is changed at Smaregi."""
        found = list(_webhooks(self._settings))
        try:
            grant = await self._client.grant()
        except AuthenticationFailed as error:
            return [*found, CheckFinding(f"no access token: {error}", blocks=True)]
        found += _scopes(self._settings.scopes(), grant.scopes)
        found += await self._members()
        found += await self._sales()
        return [*found, *await self._stores()]

    async def _members(self) -> list[CheckFinding]:
        if not self._settings.members:
            return [CheckFinding("sales only: no member's points are shown here", blocks=False)]
        # A plan without members answers 403 or 400: both mean that no points can be kept there.
        return await self._refused(
            "/customers",
            {"limit": 1},
            "the members are not readable: the plan has no member functions (Premium Plus, Food "
            "Business and Retail Business have), for which `members` must be false, or the app "
            "lacks pos.customers:read",
        )

    async def _sales(self) -> list[CheckFinding]:
        now = self._now()
        query: dict[str, str | int] = {
            "upd_date_time-from": pages.iso(now - timedelta(days=1)),
            "upd_date_time-to": pages.iso(now),
            "limit": 1,
        }
        text = "the sales are not readable: the app lacks pos.transactions:read"
        return await self._refused("/transactions", query, text)

    async def _refused(
        self, path: str, query: Mapping[str, str | int], text: str
    ) -> list[CheckFinding]:
        try:
            await self._client.rows(path, query)
        except (AuthenticationFailed, GiveUp) as error:
            return [CheckFinding(f"{text} ({error})", blocks=True)]
        return []

    async def _stores(self) -> list[CheckFinding]:
        query: dict[str, str | int] = {"with_point_condition": "all", "limit": STORES_PAGE}
        try:
            rows = await self._client.rows("/stores", query)
        except (AuthenticationFailed, GiveUp) as error:
            text = "the stores are not readable: the app lacks pos.stores:read"
            return [CheckFinding(f"{text} ({error})", blocks=True)]
        stores = [parse(wire.Store, row, "stores") for row in rows]
        if not self._settings.members:
            return []
        return [finding for store in stores for finding in _points(store)]


def _webhooks(settings: SmaregiSettings) -> Iterator[CheckFinding]:
    if not (settings.header_secrets() and settings.path_secret.get_secret_value()):
        yield CheckFinding(
            "webhooks are refused until header_secret and path_secret are set: changes are seen "
            "by polling only",
            blocks=False,
        )


def _scopes(wanted: Sequence[str], granted: frozenset[str] | None) -> Iterator[CheckFinding]:
    missing = [scope for scope in wanted if granted is not None and scope not in granted]
    if missing:
        yield CheckFinding(f"the app lacks the scopes {', '.join(missing)}", blocks=True)


def _points(store: wire.Store) -> Iterator[CheckFinding]:
    """What in a store's point settings would make two masters of the points."""
    if store.division == WAREHOUSE:
        return
    name = f"store {store.store_id} ({store.store_name})"
    condition = store.point_condition
    if condition is None:
        yield CheckFinding(f"{name}: its point settings are not shown", blocks=True)
        return
    if not _is(condition.point_giving_unit, 0):
        text = f"{name} grants points of its own: set the points granted (pointGivingUnit) to 0"
        yield CheckFinding(text, blocks=True)
    if not _is(condition.spend_rate, 1):
        text = f"{name}: a point must be worth 1 yen (spendRate), as it is in the hub"
        yield CheckFinding(text, blocks=True)
    if condition.expire_division not in NO_EXPIRY:
        text = (
            f"{name} lets points lapse by itself (expireDivision), beside the hub: they come back "
            "with the next balance shown"
        )
        yield CheckFinding(text, blocks=False)
    if condition.mileage_division == MILES_INSTEAD:
        yield CheckFinding(f"{name} counts miles instead of points", blocks=True)


def _is(text: str | None, wanted: int) -> bool:
    try:
        return amounts.number(amounts.needed(text, "setting"), "setting") == wanted
    except PayloadInvalid:
        return False
