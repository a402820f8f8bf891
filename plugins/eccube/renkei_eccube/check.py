"""The connection check: access, currency, the companion, and EC-CUBE's own points."""

from collections.abc import Iterator, Sequence

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import AuthenticationFailed, Rejected, SettingsInvalid
from renkei_contracts.toolkit.wire import parse
from renkei_eccube import documents, wire
from renkei_eccube.client import EccubeClient
from renkei_eccube.settings import EccubeSettings

COMPANION = "renkeiSetPoints"
"""The mutation by which our companion is known."""

READ_ONLY = (
    "points are read only: EC-CUBE's API cannot write them. Install our companion in the shop and "
    "set points to 'companion'"
)
TURN_OFF = "turn them off (基本設定 > ポイント機能), and confirm it with own_points_off"


class EccubeCheck:
    """Whether the shop lets us in, sells in yen, shows our points, and grants none of its own."""

    def __init__(self, connection: Connection[EccubeSettings]) -> None:
        self._settings = connection.settings
        self._client = EccubeClient(connection)

    async def check(self) -> Sequence[CheckFinding]:
        """Changes nothing; what keeps us from asking is itself a finding."""
        if unconfirmed := list(_unconfirmed(self._settings)):
            return unconfirmed
        try:
            data = await self._client.run(documents.CHECK, {})
        except (AuthenticationFailed, Rejected, SettingsInvalid) as error:
            return [CheckFinding(str(error), blocks=True)]
        told = parse(wire.Check, data, "connection check")
        here = COMPANION in {one.name for one in told.mutations.fields}
        return [
            *_webhooks(self._settings),
            *_currency(told.orders.nodes),
            *await self._may_write(),
            *_companion(self._settings, here),
            *(await self._rules() if here else _own_points(told.orders.nodes)),
        ]

    async def _may_write(self) -> list[CheckFinding]:
        try:
            # It changes nothing: it asks for its own name, for which both scopes are needed.
            await self._client.run(documents.MAY_WRITE, {})
        except (AuthenticationFailed, Rejected) as error:
            blocks = self._settings.points == "companion"
            return [CheckFinding(f"neither points nor stock can be written ({error})", blocks)]
        return []

    async def _rules(self) -> list[CheckFinding]:
        data = await self._client.run(documents.POINT_RULES, {})
        told = parse(wire.PointRules, data.get(documents.POINT_RULES.name), "the point rules")
        return list(_judged(self._settings, told))


def _judged(settings: EccubeSettings, told: wire.PointRules) -> Iterator[CheckFinding]:
    """What the companion tells of EC-CUBE's own rules."""
    if settings.points == "none":
        if told.option_point:
            text = "EC-CUBE's own points are on: the hub leads the points; turn them off"
            yield CheckFinding(text, blocks=True)
        return
    if told.option_point and told.basic_point_rate:
        text = f"EC-CUBE grants points of its own ({told.basic_point_rate} %): set the rate to 0"
        yield CheckFinding(text, blocks=True)
    if not told.option_point:
        text = "EC-CUBE's points are off: shoppers neither see nor use theirs in the shop"
        yield CheckFinding(text, blocks=False)
    elif told.point_conversion_rate != 1:
        rate = told.point_conversion_rate
        text = f"a point is worth {rate} yen in the shop: the program must say the same"
        yield CheckFinding(text, blocks=False)


def _webhooks(settings: EccubeSettings) -> Iterator[CheckFinding]:
    if not settings.signing_secrets():
        text = "webhooks are refused until webhook_secret is set: changes are seen by polling only"
        yield CheckFinding(text, blocks=False)


def _currency(newest: Sequence[wire.NewestOrder]) -> Iterator[CheckFinding]:
    if any(order.currency_code != "JPY" for order in newest):
        yield CheckFinding("the newest order is not in yen, which is all we know", blocks=True)


def _companion(settings: EccubeSettings, here: bool) -> Iterator[CheckFinding]:
    if settings.points == "companion" and not here:
        text = f"the shop has no mutation {COMPANION}: install and enable our companion"
        yield CheckFinding(text, blocks=True)
    elif settings.points == "none":
        yield CheckFinding(READ_ONLY, blocks=False)


def _unconfirmed(settings: EccubeSettings) -> Iterator[CheckFinding]:
    """What only a person knows is asked first: a call would use up the refresh token."""
    if settings.points == "none" and not settings.own_points_off:
        text = f"whether EC-CUBE grants or takes points of its own cannot be read: {TURN_OFF}"
        yield CheckFinding(text, blocks=True)


def _own_points(newest: Sequence[wire.NewestOrder]) -> Iterator[CheckFinding]:
    """An order may show that who confirmed it is mistaken."""
    if any(order.customer and (order.add_point or order.use_point) for order in newest):
        text = "the newest order has points of EC-CUBE's own: if they are still on, turn them off"
        yield CheckFinding(text, blocks=False)
